"""The nouns: what a raffle is made of, the questions it can answer, and what can never be stored.

What Django cannot say is in migrations/0002_guards.sql: together they hold every rule even against
raw SQL. Tickets, purchases, voids, draws and ledger entries are only ever added.
"""

from raffle.models.raffles import (
    MAX_CAPACITY,
    ClockTimestamp,
    Raffle,
    RaffleQuerySet,
    new_secret_key,
)
from raffle.models.record import LedgerEntry
from raffle.models.tickets import MOST_A_PURCHASE, Draw, Purchase, Ticket, Void, new_code

__all__ = [
    "MAX_CAPACITY",
    "MOST_A_PURCHASE",
    "ClockTimestamp",
    "Draw",
    "LedgerEntry",
    "Purchase",
    "Raffle",
    "RaffleQuerySet",
    "Ticket",
    "Void",
    "new_code",
    "new_secret_key",
]
