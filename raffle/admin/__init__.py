"""The staff's desk, in Django's admin."""

from raffle.admin import events, raffles, records, results

__all__ = ["events", "raffles", "records", "results"]  # imported for what they register
