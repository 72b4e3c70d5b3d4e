"""A page as its reader sees it, and raffles to read of."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from accounts.models import User
from raffle.models import Raffle
from raffle.tests.makers import (
    buy,
    make_buyers,
    make_raffle,
)

TAG = re.compile(r"<[^>]+>")


def page_of(raffle: Raffle, user: User | None = None, address: str = "") -> str:
    client = Client()
    if user:
        client.force_login(user)
    response = client.get(address or raffle.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


def words(page: str) -> str:
    """What a reader sees of it."""
    return " ".join(TAG.sub(" ", page).split())


def sold(count: int = 3, **terms: Any) -> Raffle:
    """An open raffle with a ticket each of so many people."""
    raffle = make_raffle(**terms)
    for buyer in make_buyers(count):
        buy(raffle, buyer)
    return raffle
