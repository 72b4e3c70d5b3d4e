"""What was asked of the database, and how it would find it."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext


def explained(sql: str, *settings: str) -> str:
    """The plan of a statement, where the planner may not do what `settings` switch off."""
    with connection.cursor() as cursor:
        for name in settings:
            cursor.execute(f"SET {name} = off")
        try:
            cursor.execute(f"EXPLAIN {sql}")
            return "\n".join(line for (line,) in cursor.fetchall())
        finally:
            for name in settings:
                cursor.execute(f"RESET {name}")


def asked(act: Any) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        act()
    return [query["sql"] for query in queries]
