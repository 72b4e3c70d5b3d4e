#!/usr/bin/env python
"""The operators' commands."""

import os
import sys
from contextlib import nullcontext

from django.core.management import execute_from_command_line

from local import database, environment


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")
    # An operator's command may take its time over one statement; a web request may not.
    os.environ.setdefault("DB_STATEMENT_TIMEOUT", "0")
    local = environment.is_local()
    if local:
        environment.load()
    with database.available() if local else nullcontext():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
