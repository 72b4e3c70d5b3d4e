"""The JSON API as a program meets it: through HTTP, with a session and a CSRF token."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from accounts.models import User
from raffle.models import Raffle

TOKEN = "t" * 32


def visitor() -> Client:
    """A program that nobody has signed in, which keeps to the rules about CSRF."""
    client = Client(enforce_csrf_checks=True, headers={"x-csrftoken": TOKEN})
    client.cookies["csrftoken"] = TOKEN
    return client


def signed_in(user: User) -> Client:
    client = visitor()
    client.force_login(user)
    client.cookies["csrftoken"] = TOKEN
    return client


def path(raffle: Raffle, end: str) -> str:
    return f"/api/raffles/{raffle.slug}/{end}"


def admin_path(raffle: Raffle, end: str) -> str:
    return f"/api/admin/raffles/{raffle.slug}/{end}"


def post(client: Client, url: str, body: Any = None, **headers: str) -> Any:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(url, content, content_type="application/json", headers=names)


def want(client: Client, raffle: Raffle, body: Any = None, **headers: str) -> Any:
    body = {"quantity": 1} if body is None else body
    return post(client, path(raffle, "purchase"), body, **headers)


def state(raffle: Raffle) -> Any:
    return Client().get(path(raffle, "state")).json()


def assert_problem(response: Any, status: int, code: str) -> Any:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "private, no-store"
    problem = response.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"/api/problems/{code}"
    assert problem["title"].endswith(".")
    assert problem["detail"]
    assert problem["instance"] == response.wsgi_request.get_full_path().partition("?")[0]
    return problem


def everything(raffle: Raffle) -> list[tuple[str, str, Any]]:
    """All that visitors cannot do."""
    return [
        ("GET", path(raffle, "tickets"), None),
        ("POST", path(raffle, "purchase"), {"quantity": 1}),
        ("POST", admin_path(raffle, "close"), {"reason": "Enough."}),
        ("POST", admin_path(raffle, "reconcile"), None),
        ("POST", admin_path(raffle, "cancel"), {"reason": "Rain."}),
        ("POST", admin_path(raffle, "draw-winner"), None),
    ]


def call(client: Client, method: str, url: str, body: Any) -> Any:
    return client.generic(method, url, json.dumps(body), content_type="application/json")
