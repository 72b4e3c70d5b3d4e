"""manage.py on this machine, and manage.py in production."""

import subprocess

from local.tests.conftest import Checkout


def manage(
    checkout: Checkout, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout.python, "manage.py", *arguments],
        cwd=checkout.path,
        env=checkout.environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_makes_nothing_up(checkout: Checkout) -> None:
    half_configured = manage(checkout, "check", SECRET_KEY="from the secret store")
    assert half_configured.returncode != 0
    assert "Set the ALLOWED_HOSTS environment variable" in half_configured.stderr

    not_configured = manage(checkout, "check", LOCAL="off")
    assert not_configured.returncode != 0
    assert "Set the SECRET_KEY environment variable" in not_configured.stderr
    assert not (checkout.path / "var").exists()


def test_a_command_works_alone_and_takes_its_time(checkout: Checkout) -> None:
    ask = (
        "from django.db import connection as c; k = c.cursor(); "
        "k.execute('SHOW statement_timeout'); print(k.fetchone())"
    )
    answer = manage(checkout, "shell", "-v0", "-c", ask)
    assert (answer.returncode, answer.stdout) == (0, "('0',)\n")
    assert not checkout.processes()
