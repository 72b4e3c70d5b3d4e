"""`python -m local.preparing`: bring the tables and static files up to date.

The operators' own commands, in one process so that Django is loaded once.
"""

import os

import django
from django.core.management import call_command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")
    os.environ.setdefault("DB_STATEMENT_TIMEOUT", "0")  # as in manage.py
    django.setup()
    print("Bringing the tables up to date", flush=True)
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    print("Looking for demo data", flush=True)
    call_command("demo")
    print("Collecting the static files", flush=True)
    call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    main()
