"""Mailing: walks each raffle's ledger and mails what its new lines say, apart from all selling.

The ledger is the outbox: it has every purchase, committed, in order. A row a raffle says how far
the mails have come. Whoever works on a raffle holds that row, so several workers share the raffles
and send nothing twice. The place is stored after every batch: a worker that is killed in the middle
sends at most a batch again, with the same Message-IDs. What cannot be delivered is tried a few
times, logged, and passed over; if the mail server itself is away, everything waits for it.
"""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, Q

from accounts.erasing import is_erased
from raffle import closing, letters, receipts
from raffle.models import LedgerEntry, MailedUpTo, Purchase, Raffle

BATCH = 50  # mails and lines: what is sent again at worst
ATTEMPTS = 3  # to send one mail
PAUSE = 1.0  # seconds before the second attempt; before the third, twice that
PATIENCE = 20  # seconds for one answer of the mail server
SERVER_AWAY = 421  # SMTP: it closes the connection, whatever was asked
TOO_BIG = 552  # SMTP: the one refusal of a sender that is about the mail

log = logging.getLogger(__name__)
Place = tuple[int, int]  # MailedUpTo's seq and buyer


class PostAway(Exception):
    """The mail server is away or refuses everything: nothing is wrong with the mail."""


@dataclass(slots=True)
class Tally:
    """What came of the mails: sent, and given up."""

    sent: int = 0
    failed: int = 0


def deliver(
    site: str,
    tally: Tally,
    *,
    only: Raffle | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> None:
    """Mail all that is due, a batch a raffle in turn; stop in good order once `goes_on` says no.

    `site` is the site's address, without a slash at its end; `tally` counts. Raises PostAway; what
    was sent until then is remembered.
    """
    while goes_on() and (due := _due(only)):
        if not sum(_mail_a_batch(raffle, site, goes_on, tally) for raffle in due):
            break  # other workers are at it


def _due(only: Raffle | None) -> list[int]:
    """The raffles with lines that nobody was told of."""
    raffles = Raffle.objects.public().as_it_stands()
    if only:
        raffles = raffles.filter(pk=only.pk)
    new = raffles.filter(mailedupto=None).values_list("pk", flat=True)
    if found := [MailedUpTo(raffle_id=raffle) for raffle in new]:
        MailedUpTo.objects.bulk_create(found, ignore_conflicts=True)
    behind = raffles.filter(Q(head_seq__gt=F("mailedupto__seq")))
    return list(behind.values_list("pk", flat=True).order_by("pk"))


def _mail_a_batch(raffle_id: int, site: str, goes_on: Callable[[], bool], tally: Tally) -> bool:
    """Send up to BATCH mails of one raffle. False if somebody else is at it or nothing is left."""
    away = None
    with Post() as post, transaction.atomic():
        closing.take_time()
        rows = MailedUpTo.objects.select_for_update(skip_locked=True)
        place = rows.filter(raffle=raffle_id).first()
        if place is None:
            return False
        before = place.seq, place.buyer
        count = 0
        try:
            for letter, after in _letters(place, site):
                if letter:
                    if count == BATCH or not goes_on():
                        break
                    count += 1
                    post_one(post, letter, tally)
                place.seq, place.buyer = after
        except PostAway as problem:
            away = problem
        place.save()
    if away:
        raise away
    return (place.seq, place.buyer) != before


def _letters(place: MailedUpTo, site: str) -> Iterator[tuple[EmailMultiAlternatives | None, Place]]:
    """What is due after `place`, in order, each with the place once it is sent."""
    raffle = Raffle.objects.get(pk=place.raffle_id)
    after = place.buyer
    entries = LedgerEntry.objects.filter(raffle=raffle, seq__gt=place.seq).order_by("seq")[:BATCH]
    lines = list(entries)
    sold = [entry.seq for entry in lines if entry.kind == "purchase"]
    purchases = Purchase.objects.filter(raffle=raffle, ledger_seq__in=sold).select_related("buyer")
    bought = {r.purchase.ledger_seq: r for r in receipts.of(raffle, list(purchases), site)}
    for entry in lines:
        letter = None
        if receipt := bought.get(entry.seq):
            buyer = receipt.purchase.buyer
            letter = None if is_erased(buyer) else letters.receipt(receipt, buyer)
        else:
            for notice, buyer_id in _notices(entry, raffle, after, site):
                yield notice, (entry.seq - 1, buyer_id)
        yield letter, (entry.seq, 0)
        after = 0


def _notices(
    entry: LedgerEntry, raffle: Raffle, after: int, site: str
) -> Iterator[tuple[EmailMultiAlternatives, int]]:
    while holders := letters.recipients(entry, raffle, after, BATCH):
        reached = [holder for holder in holders if not is_erased(holder)]
        for holder, letter in letters.notices(entry, raffle, reached, site):
            yield letter, holder.pk
        after = holders[-1].pk


def post_one(post: Post, letter: EmailMultiAlternatives, tally: Tally) -> None:
    """Send `letter` or give it up, and count it. Raises PostAway."""
    if post.send(letter):
        tally.sent += 1
    else:
        tally.failed += 1
        # Without the host: it would look like somebody's address, which no log has.
        log.error("Gave up %s", letter.extra_headers["Message-ID"].strip("<>").split("@")[0])


class Post:
    """One connection to the mail server, opened by the first mail."""

    def __init__(self) -> None:
        self._connection: BaseEmailBackend | None = None

    def __enter__(self) -> Post:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._hang_up()

    def send(self, letter: EmailMultiAlternatives) -> bool:
        """Whether it was sent. False if the server will not have it; raises PostAway."""
        for attempt in range(1, ATTEMPTS + 1):
            server = self._server()
            try:
                server.send_messages([letter])
                return True
            except Exception as error:
                self._hang_up()
                code = _code(error)
                log.warning(
                    "Mail not taken (attempt %s): %s %s", attempt, type(error).__name__, code
                )
                if _is_about_the_server(error, code):
                    raise PostAway from error
                if code >= 500 or not isinstance(error, smtplib.SMTPException):
                    return False
                if attempt < ATTEMPTS:
                    time.sleep(PAUSE * attempt)
        return False

    def _server(self) -> BaseEmailBackend:
        if self._connection is None:
            server = get_connection(timeout=PATIENCE)
            try:
                server.open()
            except OSError as error:  # SMTP's own errors are some of these
                raise PostAway from error
            self._connection = server
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_about_the_server(error: Exception, code: int) -> bool:
    if isinstance(error, smtplib.SMTPSenderRefused):
        return code != TOO_BIG
    if isinstance(error, smtplib.SMTPException):
        return code == SERVER_AWAY
    return isinstance(error, OSError)


def _code(error: Exception) -> int:
    """What the server answered, 0 if it did not."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _ in error.recipients.values())
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
