"""Buyers whose addresses look alike, to be looked into before a draw. It accuses nobody."""

from __future__ import annotations

from functools import cached_property

from django.db.models import Sum
from django.utils.translation import gettext_noop as _

from accounts import duplicates
from accounts.models import User
from raffle.models import Purchase, Raffle
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
        self.purchases = Purchase.objects.filter(raffle=raffle, ledger_seq__lte=raffle.head_seq)

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
        listed = _("buyers listed; there are more") if self.is_cut else _("buyers listed")
        return [Total(listed, sums["buyer"].count), Total(_("groups"), groups)]

    @property
    def is_cut(self) -> bool:
        return len(self._found) > duplicates.MOST

    @cached_property
    def _found(self) -> list[duplicates.Likeness]:
        buyers = User.objects.filter(pk__in=self.purchases.values("buyer"))
        return duplicates.alike(buyers, duplicates.MOST + 1)

    @cached_property
    def _items(self) -> list[Item]:
        listed = self._found[: duplicates.MOST]
        held = self._held([user.pk for user, _, _ in listed])
        items: list[Item] = []
        group, before = 0, ""
        for user, mark, with_whom in listed:
            group += with_whom != before
            before = with_whom
            email = (user.email,) if self.people else ()
            buyer = self.raffle.pseudonym(user.pk)
            cells = (group, WHY[mark], held[user.pk], buyer, *email)
            items.append(Item(len(items) + 1, cells, "buyer", NOTHING))
        return items

    def _held(self, buyers: list[int]) -> dict[int, int]:
        """How many tickets each of these had bought."""
        bought = self.purchases.filter(buyer__in=buyers).values_list("buyer")
        return dict(bought.annotate(held=Sum("quantity")))
