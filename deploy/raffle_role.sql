-- Run once by the PostgreSQL image over an empty data directory. Two roles, neither a superuser:
-- raffle_owner makes the tables (migrate), raffle runs the site and can only add to the record
-- (grant_site). So nobody who gets hold of the site can switch the tables' guards off.
\set owner_password `cat /run/secrets/owner_password`
\set password `cat /run/secrets/raffle_password`
CREATE ROLE raffle_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE raffle LOGIN PASSWORD :'password';
CREATE DATABASE raffle OWNER raffle_owner;
