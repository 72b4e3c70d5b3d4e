"""The nouns: what a raffle is made of, the questions it can answer, and what can never be stored.

What Django cannot say is in migrations/guards.sql: together they hold every rule even against
raw SQL. Only raffles change, their pictures, how far the mails have come, and what is watched;
everything else is only ever added.
"""

from raffle.models.draws import Award, Claim, Draw, Forfeit, Seal
from raffle.models.locking import ClockTimestamp, RaffleQuerySet
from raffle.models.mailing import MailedUpTo, NoReminders, RemindedUpTo
from raffle.models.pictures import Picture
from raffle.models.raffles import MAX_CAPACITY, MOST_PICKS, MOST_PRIZES, Raffle, new_secret_key
from raffle.models.receipts import ReceiptCopy
from raffle.models.record import LedgerEntry
from raffle.models.tickets import MOST_A_PURCHASE, Proposal, Purchase, Ticket, Void, new_code
from raffle.models.watching import LastCheck, RefusalCount

__all__ = [
    "MAX_CAPACITY",
    "MOST_A_PURCHASE",
    "MOST_PICKS",
    "MOST_PRIZES",
    "Award",
    "Claim",
    "ClockTimestamp",
    "Draw",
    "Forfeit",
    "LastCheck",
    "LedgerEntry",
    "MailedUpTo",
    "NoReminders",
    "Picture",
    "Proposal",
    "Purchase",
    "Raffle",
    "RaffleQuerySet",
    "ReceiptCopy",
    "RefusalCount",
    "RemindedUpTo",
    "Seal",
    "Ticket",
    "Void",
    "new_code",
    "new_secret_key",
]
