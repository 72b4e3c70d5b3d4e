"""Buyers whose addresses look alike, to be looked into before a draw. It accuses nobody."""

from __future__ import annotations

from functools import cached_property

from django.db.models import Count, Q
from django.utils.translation import gettext_noop as _

from accounts import duplicates
from accounts.models import User
from raffle.models import Raffle
from raffle.reports.report import NOTHING, Item, Report, Sums, Total, sums_of

WHY = {"name": "the same name in another address", "throw-away": "a throw-away kind of address"}


class Alike(Report):
    """One row a buyer; those who look alike stand together, under one number."""

    name, title = "alike", _("Addresses that look alike")
    about = _(
        "Buyers whose e-mail addresses look alike. Mostly that is chance: names are common, and "
        "families share them. It proves nothing: ask before you act; refuse nobody for it alone."
    )

    def __init__(self, raffle: Raffle, *, people: bool) -> None:
        super().__init__(raffle, people=people)
        self.until = Q(purchases__raffle=raffle, purchases__ledger_seq__lte=raffle.head_seq)

    @property
    def columns(self) -> tuple[str, ...]:
        email = (_("e-mail"),) if self.people else ()
        return (_("group"), _("what is alike"), _("tickets"), _("buyer"), *email)

    def batch(self, after: int, size: int) -> list[Item]:
        return self._items[after : after + size]

    def counted(self) -> Sums:
        return sums_of(self._items)

    def totals(self, sums: Sums) -> list[Total]:
        groups = len({item.cells[0] for item in self._items})
        return [Total(_("buyers listed"), sums["buyer"].count), Total(_("groups"), groups)]

    @cached_property
    def _items(self) -> list[Item]:
        buyers = User.objects.filter(pk__in=User.objects.filter(self.until).values("pk"))
        held = dict(
            User.objects.filter(self.until)
            .annotate(held=Count("purchases__tickets"))
            .values_list("pk", "held")
        )
        items: list[Item] = []
        group, before = 0, ""
        for user, mark, with_whom in duplicates.alike(buyers):
            group += with_whom != before
            before = with_whom
            email = (user.email,) if self.people else ()
            buyer = self.raffle.pseudonym(user.pk)
            cells = (group, WHY[mark], held[user.pk], buyer, *email)
            items.append(Item(len(items) + 1, cells, "buyer", NOTHING))
        return items
