"""The checklist before opening: what must be put right first, and what is worth a second look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from raffle import seconding
from raffle.errors import ClosesInThePast, Refusal
from raffle.models import Proposal, Raffle


class Weight(StrEnum):
    DONE = "done"
    SHOULD = "should"  # worth a second look; nothing stands against opening
    MUST = "must"  # in the way


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the list, and the field of the form with which to change it."""

    weight: Weight
    says: str
    field: str = ""


class NotReady(Refusal):
    """Opening would break a promise on the same day. The sentence says what to change."""

    code = "not_ready"
    title = "Not ready to open."


def checklist(raffle: Raffle) -> list[Item]:
    """What to look at before `raffle` (as_it_stands()) is opened, in the order of its form."""
    return [
        *_names(raffle),
        *_prizes(raffle),
        *_tickets(raffle),
        *_times(raffle),
        *_draw(raffle),
    ]


def draws() -> int:
    """How many members of staff may draw."""
    right = {"codename": "draw_winner", "content_type__app_label": "raffle"}
    may = Q(is_superuser=True)
    for way in ("user_permissions__", "groups__permissions__"):
        may |= Q(**{f"{way}{name}": value for name, value in right.items()})
    return User.objects.filter(may, is_active=True, is_staff=True).distinct().count()


def _item(is_done: bool, done: str, otherwise: str, field: str, weight: Weight) -> Item:
    return Item(Weight.DONE, done, field) if is_done else Item(weight, otherwise, field)


def _names(raffle: Raffle) -> Iterator[Item]:
    yield _item(
        bool(raffle.contact.strip()),
        _("Buyers can reach you: %(contact)s.") % {"contact": raffle.contact},
        _("There is no contact: buyers cannot reach you with a question."),
        "contact",
        Weight.SHOULD,
    )
    yield _item(
        bool(raffle.licence.strip()),
        _("The licence number is given: %(licence)s.") % {"licence": raffle.licence},
        _("There is no licence number. Find out whether your raffle needs one where you are."),
        "licence",
        Weight.SHOULD,
    )


def _prizes(raffle: Raffle) -> Iterator[Item]:
    count = len(raffle.prizes)
    named = ngettext("%(count)d prize is named.", "%(count)d prizes are named.", count)
    yield _item(
        count <= raffle.capacity,
        named % {"count": count},
        _("There are more prizes (%(prizes)d) than tickets (%(tickets)d): some will be nobody’s.")
        % {"prizes": count, "tickets": raffle.capacity},
        "prizes",
        Weight.SHOULD,
    )
    yield _item(
        bool(raffle.rules.strip()),
        _("The rules are there."),
        _("There are no rules. Say at least who may take part and how winners are told."),
        "rules",
        Weight.SHOULD,
    )
    if same := _same_rules(raffle):
        says = _("The rules are word for word those of “%(raffle)s”. Do they fit this one, too?")
        yield Item(Weight.SHOULD, says % {"raffle": same.name}, "rules")


def _same_rules(raffle: Raffle) -> Raffle | None:
    """The raffle before, if its rules were taken over: a new one's form is filled in with them."""
    before = Raffle.objects.public().filter(pk__lt=raffle.pk).order_by("-pk").first()
    return before if before and before.rules.strip() and before.rules == raffle.rules else None


def _tickets(raffle: Raffle) -> Iterator[Item]:
    told = {"tickets": raffle.capacity, "price": raffle.price, "currency": raffle.currency}
    yield _item(
        raffle.price > 0,
        _("%(tickets)d tickets at %(price)s %(currency)s each.") % told,
        _("The %(tickets)d tickets are free. Is that so?") % told,
        "price",
        Weight.SHOULD,
    )
    yield _item(
        raffle.limit < raffle.capacity,
        ngettext(
            "One person may hold %(limit)d ticket.",
            "One person may hold %(limit)d tickets.",
            raffle.limit,
        )
        % {"limit": raffle.limit},
        _("One person may buy all the tickets. Is that so?"),
        "limit",
        Weight.SHOULD,
    )


def _times(raffle: Raffle) -> Iterator[Item]:
    closes, draws_at = raffle.closes_at, raffle.draw_at
    if closes is None:
        never = _(
            "There is no closing time: sales go on until all is sold or you close the raffle."
        )
        yield Item(Weight.SHOULD, never, "closes_at")
    else:
        yield _item(
            closes > raffle.now,
            _("Sales end by themselves, in the future."),
            ClosesInThePast().detail,
            "closes_at",
            Weight.MUST,
        )
    if draws_at is None:
        untold = _("No draw is announced: buyers do not know when they will hear of it.")
        yield Item(Weight.SHOULD, untold, "draw_at")
    elif draws_at <= raffle.now:
        past = _("The draw is announced for a time in the past. Change it before you open.")
        yield Item(Weight.MUST, past, "draw_at")
    else:
        yield _item(
            closes is None or closes <= draws_at,
            _("The draw is announced for a time after the close of sales."),
            _("The draw is announced for a time before sales end. Change one of the two."),
            "draw_at",
            Weight.MUST,
        )


def _draw(raffle: Raffle) -> Iterator[Item]:
    yield _item(
        raffle.method != Raffle.Method.LOCAL,
        _("The method of drawing is chosen.")
        if raffle.method == Raffle.Method.MANUAL
        else _("Anybody can check that nobody chose the result."),
        _(
            "This computer draws, so people have to trust whoever runs it. With a public beacon "
            "they need not."
        ),
        "method",
        Weight.SHOULD,
    )
    if seconding.needed(raffle, Proposal.Act.DRAW):
        yield _item(
            draws() > 1,
            _("Two people are needed, and there are two or more staff accounts that may draw."),
            _(
                "Two people are needed to draw, but only one account may. Make a second staff "
                "account with that right, or choose that one person is enough."
            ),
            "two_people",
            Weight.MUST,
        )
    else:
        alone = _("One person alone can void tickets and draw. Two are safer, if you have them.")
        yield Item(Weight.SHOULD, alone, "two_people")
