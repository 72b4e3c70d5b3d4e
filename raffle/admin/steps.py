"""What needs doing next: the way of a raffle from draft to claimed prizes, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from raffle.admin.acts import Page
from raffle.admin.awarding import Claims
from raffle.admin.closing import CloseRaffle, ConfirmFigures
from raffle.admin.drawing import AskForDraw, DrawWinner
from raffle.admin.figures import Figures
from raffle.admin.organising import OpenRaffle
from raffle.errors import NothingSold
from raffle.models import Raffle


@dataclass(frozen=True)
class Step:
    name: str
    state: str  # done, next or later
    says: str  # of the next step: what it is for
    page: Page | None  # where this person can take the next step


def steps(user: User, figures: Figures) -> list[Step]:
    """The five steps of a raffle; none for one that was cancelled."""
    if figures.is_cancelled:
        return []
    way: list[tuple[str, bool, Sequence[type[Page]], str]] = [
        (_("Open"), figures.raffle.status != Raffle.Status.DRAFT, (OpenRaffle,), str(OPEN)),
        (_("Close"), figures.is_closed, (CloseRaffle,), _about_closing(figures)),
        (_("Confirm the figures"), bool(figures.reconciled), (ConfirmFigures,), str(CONFIRM)),
        (_("Draw"), bool(figures.draw), (AskForDraw, DrawWinner), _about_drawing(figures)),
        (_("Claims"), _is_over(figures), (Claims,), _about_claims(figures)),
    ]
    told = []
    upcoming = True
    for name, is_done, kinds, says in way:
        is_next = upcoming and not is_done
        if is_done:
            told.append(Step(name, "done", "", None))
        elif is_next:
            told.append(Step(name, "next", says, _way_to(user, kinds, figures)))
        else:
            told.append(Step(name, "later", "", None))
        upcoming = upcoming and is_done
    return told


OPEN = gettext_lazy("Check the terms and open the raffle: then people see it and can buy.")
CONFIRM = gettext_lazy("Look at what was sold, void and left over, and confirm that it adds up.")


def _way_to(user: User, kinds: Sequence[type[Page]], figures: Figures) -> Page | None:
    pages = (kind.on(user, figures.raffle, figures) for kind in kinds)
    return next((page for page in pages if page.is_permitted and page.is_offered), None)


def _about_closing(figures: Figures) -> str:
    over = figures.raffle.has_ended(figures.raffle.now)
    sells = _("Sales have ended.") if over else _("Tickets are on sale.")
    closing = _("Closing freezes the list of tickets, from which the winners are drawn.")
    return f"{sells} {closing}"


def _about_drawing(figures: Figures) -> str:
    if figures.entries == 0:
        return NothingSold().detail
    if figures.seal:
        return _("The draw is sealed. Its result can be published once the beacon’s round is out.")
    if figures.needs_two and figures.asked:
        told = _("%(who)s has asked for the draw: somebody else confirms it.")
        return told % {"who": figures.asked.proposed_by}
    if figures.needs_two:
        return _("Two members of staff draw: one asks for it, another one confirms it.")
    return _("Draw the winners: they are public at once.")


def _is_over(figures: Figures) -> bool:
    return figures.draw is not None and not figures.due.waiting


def _about_claims(figures: Figures) -> str:
    waiting, overdue = figures.due.waiting, figures.due.overdue
    told = ngettext(
        "%(count)d prize is still to be claimed.",
        "%(count)d prizes are still to be claimed.",
        waiting,
    ) % {"count": waiting}
    if not overdue:
        return told
    late = ngettext(
        "%(count)d overdue: pass on what nobody claimed.",
        "%(count)d overdue: pass on what nobody claimed.",
        overdue,
    )
    return f"{told} {late % {'count': overdue}}"
