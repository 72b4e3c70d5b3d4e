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

Row = dict[str, Any]


def insert(*tables: tuple[type[models.Model], Sequence[Row]]) -> None:
    """Add rows to each of the tables, in their order, in one statement. All rows of a table have
    the same columns; dates are datetimes, with a zone.
    """
    statement = _statement(*((model, tuple(rows[0])) for model, rows in tables))
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=str) for _, rows in tables])


@functools.cache
def _statement(*tables: tuple[type[models.Model], tuple[str, ...]]) -> str:
    """No value is in it: only names, which the models give."""
    *others, last = (_insert(model, columns) for model, columns in tables)
    first = ", ".join(f"_{n} AS ({other})" for n, other in enumerate(others))
    return f"WITH {first} {last}" if first else last


def _insert(model: type[models.Model], columns: tuple[str, ...]) -> str:
    quoted = {name: connection.ops.quote_name(name) for name in columns}
    kinds = {field.column: field.db_type(connection) for field in model._meta.local_concrete_fields}
    table, names = connection.ops.quote_name(model._meta.db_table), ", ".join(quoted.values())
    typed = ", ".join(f"{quoted[name]} {kinds[name]}" for name in columns)
    return (
        f"INSERT INTO {table} ({names})"  # noqa: S608
        f" SELECT {names} FROM json_to_recordset(%s) AS rows({typed})"
    )
