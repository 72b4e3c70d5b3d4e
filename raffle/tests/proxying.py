"""nginx before the site, with the configuration that is shipped: only paths and ports differ."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from raffle.tests.conftest import PATIENCE, _free_port
from raffle.tests.processes import ROOT

HOST = "raffle.example"
SHIPPED = ROOT / "deploy" / "nginx"
# Where a nginx that was built to run as root would write, whoever runs the tests.
TEMPORARY = "".join(
    f"{kind}_temp_path {{files}}/{kind};"
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Proxy:
    plain: int  # ports
    secure: int
    trusted: ssl.SSLContext
    files: Path

    def ask(self, path: str, told: Mapping[str, str] | None = None, *, tls: bool = True) -> Answer:
        return self.send("GET", path, None, told, tls=tls)

    def post(self, path: str, body: bytes, told: Mapping[str, str] | None = None) -> Answer:
        return self.send("POST", path, body, told)

    def send(
        self, method: str, path: str, body: bytes | None, told: Mapping[str, str] | None,
        *, tls: bool = True,
    ) -> Answer:  # fmt: skip
        """An answer over a connection of its own; `told` are headers."""
        connection = self.connect(tls=tls)
        try:
            connection.request(method, path, body, {"Host": HOST} | dict(told or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connect(self, *, tls: bool = True) -> http.client.HTTPConnection:
        if tls:
            return _Tls("127.0.0.1", self.secure, timeout=10, context=self.trusted)
        return http.client.HTTPConnection("127.0.0.1", self.plain, timeout=10)

    def log(self, name: str) -> str:
        return (self.files / name).read_text()


class _Tls(http.client.HTTPSConnection):
    """To this machine, but greeting and trusting it as the site."""

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(self.sock, server_hostname=HOST)


@contextmanager
def proxied(
    files: Path, gunicorn: int, instead: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """The shipped nginx before the port `gunicorn`; `instead`: what is written otherwise."""
    ports = {"80": _free_port(), "443": _free_port()}
    for conf in SHIPPED.glob("*.conf"):
        text = conf.read_text()
        for path in ("/etc/nginx/tls", "/var/cache/nginx", "/var/log/nginx", "/run/nginx.pid"):
            text = text.replace(path, str(files / Path(path).name))
        for port, free in ports.items():
            text = text.replace(f"listen {port} ", f"listen 127.0.0.1:{free} ")
            text = text.replace(f"listen [::]:{port} ", f"listen [::1]:{free} ")
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{gunicorn}")
        text = text.replace("http {", "http {" + TEMPORARY.format(files=files / "nginx"))
        for shipped, other in (instead or {}).items():
            text = text.replace(shipped, other)
        (files / conf.name).write_text(text)
    (files / "nginx").mkdir()  # caches, and logs
    _certify(files / "tls")
    # Root's workers would be nobody's, who cannot enter the directories of a test.
    user = "user root; " if os.geteuid() == 0 else ""
    command = [PROGRAM, "-c", str(files / "nginx.conf"), "-g", f"{user}daemon off;"]
    trusted = ssl.create_default_context(cafile=str(files / "tls" / "certificate.pem"))
    proxy = Proxy(ports["80"], ports["443"], trusted, files / "nginx")
    with subprocess.Popen(command) as nginx:
        try:
            _wait_for(proxy, nginx)
            yield proxy
        finally:
            nginx.terminate()


def _wait_for(proxy: Proxy, nginx: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert nginx.poll() is None, "nginx ended at once"
        assert time.monotonic() < deadline, "nginx does not answer"
        try:
            proxy.ask("/", tls=False)
            return
        except OSError:
            time.sleep(0.02)


def _certify(directory: Path) -> None:
    """A certificate that the site's operator would have, signed by itself."""
    directory.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    today = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, clear = serialization.Encoding.PEM, serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (directory / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, clear))
