"""Reminding: a day before sales end it tells holders so, once: those who may still buy, and did not
say that they want none of it.

Its place is stored after every batch, as mailing's is: a worker that is killed in the middle sends
at most a batch again, with the same Message-IDs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.core import signing
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse

from accounts.erasing import is_erased
from accounts.models import User
from raffle import closing, letters, mailing
from raffle.models import ClockTimestamp, NoReminders, Raffle, RemindedUpTo, Ticket

DAY = timedelta(days=1)  # before the end; and who bought later than a day before that knows it
HOUR = timedelta(hours=1)  # before the end: later than that it would come too late

log = logging.getLogger(__name__)
_signer = signing.Signer(salt="raffle.reminding")


def remind(
    site: str,
    tally: mailing.Tally,
    *,
    only: Raffle | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> None:
    """Tell all who are to be told now. As mailing.deliver(); raises mailing.PostAway."""
    while goes_on() and (due := _due(only)):
        if not sum(_remind_a_batch(raffle, site, goes_on, tally) for raffle in due):
            break  # other workers are at it


def token(user_id: int) -> str:
    """What lets its bearer say, without signing in, that this person wants no reminders."""
    return _signer.sign(str(user_id))


def whose(token: str) -> User | None:
    """Whom the token is of; None if it is not one of ours, or they are gone."""
    try:
        user_id = int(_signer.unsign(token))
    except (signing.BadSignature, ValueError):
        return None
    return User.objects.filter(pk=user_id, is_active=True).first()


def stop(user: User) -> None:
    NoReminders.objects.get_or_create(user=user)


def allow_again(user: User) -> None:
    NoReminders.objects.filter(user=user).delete()


def _due(only: Raffle | None) -> list[int]:
    raffles = Raffle.objects.filter(
        status=Raffle.Status.OPEN,
        closes_at__gt=ClockTimestamp() + HOUR,
        closes_at__lte=ClockTimestamp() + DAY,
    )
    if only:
        raffles = raffles.filter(pk=only.pk)
    due = list(raffles.exclude(remindedupto__done=True).values_list("pk", flat=True))
    new = [RemindedUpTo(raffle_id=raffle) for raffle in due]
    RemindedUpTo.objects.bulk_create(new, ignore_conflicts=True)
    return due


def _remind_a_batch(
    raffle_id: int, site: str, goes_on: Callable[[], bool], tally: mailing.Tally
) -> bool:
    """Tell up to a batch of one raffle's holders. False if somebody else is at it."""
    away = None
    with mailing.Post() as post, transaction.atomic():
        closing.take_time()
        rows = RemindedUpTo.objects.select_for_update(skip_locked=True)
        place = rows.filter(raffle=raffle_id, done=False).first()
        if place is None:
            return False
        raffle = Raffle.objects.as_it_stands().get(pk=raffle_id)
        holders = _holders(raffle, place.buyer)
        place.done = len(holders) < mailing.BATCH
        try:
            for holder in holders:
                if not goes_on():
                    place.done = False
                    break
                if not is_erased(holder):
                    stop_url = site + reverse("raffle:reminders", args=[token(holder.pk)])
                    mailing.post_one(post, letters.reminder(raffle, holder, site, stop_url), tally)
                place.buyer = holder.pk
        except mailing.PostAway as problem:
            away, place.done = problem, False
        place.save()
    if away:
        raise away
    return True


def _holders(raffle: Raffle, after: int) -> list[User]:
    """The next of those whom it concerns, in the order of their accounts."""
    if raffle.remaining == 0 or raffle.closes_at is None:
        return []
    full = Ticket.objects.filter(raffle=raffle, buyer=OuterRef("buyer"), slot=raffle.limit)
    unwilling = NoReminders.objects.filter(user=OuterRef("buyer"))
    tickets = Ticket.objects.filter(
        raffle=raffle,
        slot=1,
        buyer__gt=after,
        purchase__purchased_at__lte=raffle.closes_at - 2 * DAY,
    )
    told = tickets.filter(~Exists(full), ~Exists(unwilling)).order_by("buyer")
    return [ticket.buyer for ticket in told.select_related("buyer")[: mailing.BATCH]]
