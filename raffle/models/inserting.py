"""Many rows of one table in one statement and one parameter, as a batch of sales needs it.

Django's bulk_create() does the same, and takes longer for it than the database does: every value
of every row passes through its field. Here the rows are plain JSON, which PostgreSQL takes apart.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], rows: Sequence[dict[str, Any]]) -> None:
    """Add `rows`, each with the same columns, in their order. Dates are datetimes, with a zone."""
    statement = _statement(model, tuple(rows[0]))
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=str)])


@functools.cache
def _statement(model: type[models.Model], columns: tuple[str, ...]) -> str:
    """No value is in it: only names, which the models give."""
    quoted = {name: connection.ops.quote_name(name) for name in columns}
    kinds = {field.column: field.db_type(connection) for field in model._meta.local_concrete_fields}
    table, names = connection.ops.quote_name(model._meta.db_table), ", ".join(quoted.values())
    typed = ", ".join(f"{quoted[name]} {kinds[name]}" for name in columns)
    return (
        f"INSERT INTO {table} ({names})"  # noqa: S608
        f" SELECT {names} FROM json_to_recordset(%s) AS rows({typed})"
    )
