"""A mail server on this machine: takes what is sent to it, refuses whom it is told to refuse."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from django.test import override_settings


class PostOffice(socketserver.ThreadingTCPServer):
    """SMTP, as much of it as Python's client speaks.

    `answers` has what to say to the next mails for an address, one after the other; after them,
    "250 OK". An answer of 421 closes the connection, "" cuts it without a word.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counter)
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, list[str]] = {}
        self.asked: list[str] = []  # every address that was named, refused or not
        self.callers = 0
        self.closes_after = -1  # mails, with 421; -1: never
        self.may_answer = threading.Event()  # holds the mail that is being sent back
        self.may_answer.set()
        self.holds = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]


class _Counter(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        office = cast("PostOffice", self.server)
        office.callers += 1
        self.say("220 here")
        for line in iter(self.rfile.readline, b""):
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250 here")
            elif verb == b"RCPT":
                address = line.split(b"<")[1].split(b">")[0].decode()
                office.asked.append(address)
                answers = office.answers.get(address)
                answer = answers.pop(0) if answers else "250 OK"
                if not answer:
                    return
                self.say(answer)
            elif verb == b"DATA":
                self.say("354 go on")
                mail = self.mail()
                office.holds.set()
                office.may_answer.wait(30)
                if len(office.mails) == office.closes_after:
                    self.say("421 enough")
                    return
                office.mails.append(mail)
                self.say("250 OK")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 OK")

    def mail(self) -> EmailMessage:
        lines = []
        for line in iter(self.rfile.readline, b".\r\n"):
            if not line:
                break
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return message_from_bytes(b"".join(lines), policy=policy.default)

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """A mail server, and a site that sends by it."""
    with PostOffice() as office:
        thread = threading.Thread(target=office.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        settings: dict[str, Any] = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": office.port,
        }
        try:
            with override_settings(**settings):
                yield office
        finally:
            office.may_answer.set()
            office.shutdown()
            thread.join()
