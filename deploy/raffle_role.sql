-- Run once by the PostgreSQL image over an empty data directory: the site's own role and database,
-- so that it never works as the superuser, who could switch the tables' guards off.
\set password `cat /run/secrets/raffle_password`
CREATE ROLE raffle LOGIN PASSWORD :'password';
CREATE DATABASE raffle OWNER raffle;
