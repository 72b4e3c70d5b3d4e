"""The staff's face of watching.py: whether the record is as it should be, and a check at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from raffle import watching
from raffle.admin.acts import Act
from raffle.errors import Refusal
from raffle.models import LastCheck

ENOUGH = timedelta(seconds=20)  # a second press on the button is no second check


class TooMany(Refusal):
    code = "too_many_to_check"

    def __init__(self) -> None:
        super().__init__(
            _(
                "So many tickets take longer than a page may. An operator checks them with: "
                "manage.py check_raffles"
            )
        )


class CheckRecord(Act):
    name, title = "check", gettext_lazy("Check the record")
    permissions = ("raffle.view_raffle", "raffle.change_raffle", "raffle.read_reports")

    def look(self, pk: int) -> None:
        super().look(pk)
        self.found: LastCheck | None = watching.last([self.raffle]).get(pk)

    @property
    def light(self) -> watching.Light:
        return watching.light(self.raffle, self.found)

    @property
    def shrank(self) -> bool:
        return self.found is not None and watching.shrank(self.raffle, self.found)

    @property
    def hindrance(self) -> str:
        return "" if self.raffle.sold <= watching.FEW else TooMany().detail

    def act(self, said: dict[str, Any]) -> str:
        if self.hindrance:
            raise TooMany
        if self.found is None or self.raffle.now - self.found.checked_at > ENOUGH:
            watching.check(self.raffle)
        return ""  # the page itself says what was found

    def next_address(self) -> str:
        return self.address
