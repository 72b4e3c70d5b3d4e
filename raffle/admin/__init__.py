"""The staff's desk, in Django's admin."""

from raffle.admin import raffles, records

__all__ = ["raffles", "records"]  # imported for what they register
