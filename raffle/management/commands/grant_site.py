"""manage.py grant_site ROLE"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from raffle.management.operating import NOT_FOUND, OperatorCommand

# What the site may do with a table: only add to a record, never delete a raffle.
TABLES = """
SELECT relname, CASE
    WHEN EXISTS (SELECT FROM pg_trigger
                 WHERE tgrelid = pg_class.oid AND tgname LIKE '%_append_only')
      THEN 'SELECT, INSERT'
    WHEN relname = 'raffle_raffle' THEN 'SELECT, INSERT, UPDATE'
    WHEN relname = 'django_migrations' THEN 'SELECT'
    ELSE 'SELECT, INSERT, UPDATE, DELETE'
  END
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


class Command(OperatorCommand):
    help = """\
Run as the owner of the tables, after every `migrate`: lets ROLE, another role of the same
database, run the site. ROLE can then only add to the record (no UPDATE, DELETE or TRUNCATE), and
cannot change tables, switch triggers off or create anything.

example:
  DATABASE_URL=postgres://raffle_owner@… manage.py grant_site raffle_site

exit status:
  0 done    2 wrong usage    3 no such role    75 database away or busy: run it again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("role", metavar="ROLE", help="the role in the site's DATABASE_URL")

    @transaction.atomic
    def handle(self, **options: Any) -> None:
        role = sql.Identifier(options["role"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [options["role"]])
            if cursor.fetchone() is None:
                self.stop(NOT_FOUND, f"There is no role “{options['role']}” in this server.")
            cursor.execute(TABLES)
            tables = cursor.fetchall()
            for statement in (
                "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}",
                "GRANT USAGE ON SCHEMA public TO {role}",
                "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            ):
                cursor.execute(sql.SQL(statement).format(role=role))
            for table, privileges in tables:
                grant = sql.SQL("GRANT {privileges} ON {table} TO {role}").format(
                    privileges=sql.SQL(privileges), table=sql.Identifier(table), role=role
                )
                cursor.execute(grant)
        added = sum(privileges == "SELECT, INSERT" for _, privileges in tables)
        result = {"role": options["role"], "tables": len(tables), "only_added_to": added}
        sentence = f"{options['role']} may run the site; {added} tables can only be added to."
        self.answer(result, sentence, as_json=options["json"])
