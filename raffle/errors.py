"""The refusals: every way in which the raffle says no, with its code, sentence and HTTP status."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.utils.functional import Promise, lazy
from django.utils.translation import gettext, gettext_lazy, ngettext

# Lazy: put into words when somebody reads it, in their language. Whoever sells for many at once
# refuses for many, too.
_ = cast("Callable[[str], str]", gettext_lazy)


def _say(words: Callable[[], str]) -> str:
    return words()


_lazily = lazy(_say, str)  # made once: each making takes as long as a refusal


class Refusal(Exception):
    """Something the rules forbid. Nothing was changed; the sentence says what to do next."""

    code = "refused"
    status = 409
    title = _("Refused.")
    detail = ""
    retry_after: int | None = None  # seconds

    def __init__(self, detail: str = "") -> None:
        if isinstance(detail, Promise) or detail:  # asking a lazy one would put it into words
            self.detail = detail
        super().__init__(self.detail)


# --- Selling --------------------------------------------------------------------------------------


class NotOpenYet(Refusal):
    code = "not_open_yet"
    title = _("Not open yet.")
    detail = _("Ticket sales have not started. Come back when the raffle opens.")


class SalesClosed(Refusal):
    code = "closed"
    title = _("Sales are closed.")
    detail = _("Ticket sales have closed. No more tickets can be bought.")


class SoldOut(Refusal):
    code = "sold_out"
    title = _("Sold out.")
    detail = _("Every ticket has been sold.")


class NotEnoughLeft(Refusal):
    code = "not_enough_left"
    title = _("Not enough tickets left.")

    def __init__(self, remaining: int) -> None:
        def words() -> str:
            sentence = ngettext(
                "Only %(count)s ticket is left. Ask for fewer.",
                "Only %(count)s tickets are left. Ask for fewer.",
                remaining,
            )
            return sentence % {"count": remaining}

        super().__init__(_lazily(words))


class LimitReached(Refusal):
    code = "limit_reached"
    title = _("Limit Reached.")

    def __init__(self, limit: int, held: int) -> None:
        def words() -> str:
            sentence = ngettext(
                "One person may hold at most %(limit)s ticket of this raffle; you hold %(held)s.",
                "One person may hold at most %(limit)s tickets of this raffle; you hold %(held)s.",
                limit,
            )
            return sentence % {"limit": limit, "held": held}

        super().__init__(_lazily(words))


class KeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422
    title = _("Idempotency key already used.")
    detail = _(
        "This form, or key, has already bought something else. Reload the page, or use a new key."
    )


class StaffCannotBuy(Refusal):
    code = "staff_cannot_buy"
    status = 403
    title = _("Staff cannot buy.")
    detail = _("Staff accounts run the draw, so they can never hold a ticket.")


class NotYourself(Refusal):
    code = "not_yourself"
    status = 403
    title = _("That is somebody else.")
    detail = _("Tickets go to the account that is signed in. Leave userId out.")


class Busy(Refusal):
    code = "busy"
    status = 503
    title = _("Too busy right now.")
    retry_after = 2
    detail = _("Many people are buying at this moment. Nothing was changed; try again.")


class OutcomeUnknown(Refusal):
    """The connection broke around COMMIT: the sale may or may not stand. Only the key can tell."""

    code = "outcome_unknown"
    status = 503
    title = _("We could not find out.")
    retry_after = 2
    detail = _(
        "The connection to the database broke, so we do not know yet whether your purchase "
        "went through. Ask again with the same key: you cannot be charged twice."
    )


# --- Organising and drawing -----------------------------------------------------------------------


class NotADraft(Refusal):
    code = "not_a_draft"
    title = _("Already opened.")
    detail = _("Only a draft can be opened, and only once.")


class ClosesInThePast(Refusal):
    code = "closes_in_the_past"
    title = _("The closing time has passed.")
    detail = _("The closing time lies in the past. Change it before you open the raffle.")


class NotOpen(Refusal):
    code = "not_open"
    title = _("The raffle is not open.")
    detail = _("This can only be done while the raffle is open.")


class ClosedForGood(Refusal):
    code = "closed_for_good"
    title = _("Closed for good.")
    detail = _("This raffle is closed, so nothing about it can be changed any more.")


class Frozen(Refusal):
    code = "frozen"
    title = _("Frozen since the first sale.")

    def __init__(self, fields: str) -> None:
        def words() -> str:
            sentence = gettext("Tickets have been sold on these terms, so they stay: %(fields)s.")
            return sentence % {"fields": fields}

        super().__init__(_lazily(words))


class AlreadyVoid(Refusal):
    code = "already_void"
    title = _("Already void.")

    def __init__(self, number: int) -> None:
        def words() -> str:
            return gettext("Ticket %(number)s is void already.") % {"number": number}

        super().__init__(_lazily(words))


class ReasonMissing(Refusal):
    code = "reason_missing"
    status = 422
    title = _("A reason is needed.")
    detail = _("Say why: the reason stays in the public record.")


class NothingSold(Refusal):
    code = "nothing_sold"
    title = _("Nothing to draw from.")
    detail = _("No valid ticket was sold, so there is nobody who could win.")


class ManifestChanged(Refusal):
    code = "manifest_changed"
    title = _("The record is broken.")
    detail = _("The tickets are not those that were frozen at the close. Run verify_raffle.")


class NotClosed(Refusal):
    code = "not_closed"
    title = _("The raffle is not closed.")
    detail = _("Close the raffle first: only then is the list of tickets final.")


class Cancelled(Refusal):
    code = "cancelled"
    title = _("Cancelled.")
    detail = _("This raffle was cancelled: all its tickets are void.")


class AlreadyReconciled(Refusal):
    code = "already_reconciled"
    title = _("Already confirmed.")
    detail = _("The figures have been confirmed already.")


class NotReconciled(Refusal):
    code = "not_reconciled"
    title = _("The figures are not confirmed.")
    detail = _("Close the raffle and confirm its figures first; then it can be drawn.")


class AlreadySealed(Refusal):
    code = "already_sealed"
    title = _("Already sealed.")
    detail = _("The draw is sealed already: there is one seal, and no way back.")


class OnePersonIsEnough(Refusal):
    code = "one_person_is_enough"
    title = _("One person is enough.")
    detail = _("In this raffle nobody needs to confirm that: do it at once.")


class SecondPersonNeeded(Refusal):
    code = "second_person_needed"
    title = _("A second person is needed.")
    detail = _(
        "Two members of staff are needed: one asks for it in the administration, and another "
        "one confirms it there."
    )


class WrongNumbers(Refusal):
    code = "wrong_numbers"
    status = 422
    title = _("These numbers cannot be right.")


class NumbersDiffer(Refusal):
    code = "numbers_differ"
    status = 422
    title = _("The numbers differ.")
    detail = _(
        "These are not the numbers, in the order, that the first person entered. Nothing was "
        "drawn. Read the tickets from the drum again, together."
    )


class BeaconLate(Refusal):
    """The round is not out yet, or no relay gave it. The seal stands, and so does the result."""

    code = "beacon_late"
    status = 503
    title = _("Waiting for the beacon.")
    retry_after = 3
    detail = _(
        "The sealed beacon round could not be had yet. Nothing is lost: whatever it says is "
        "fixed already. Try again in a moment."
    )


# --- Prizes ---------------------------------------------------------------------------------------


class AlreadySettled(Refusal):
    code = "already_settled"
    title = _("Already settled.")
    detail = _("This prize has been claimed or forfeited already.")


class WrongCode(Refusal):
    code = "wrong_code"
    status = 422
    title = _("Not the validation code.")
    detail = _("That is not the validation code of the winning ticket.")


class ClaimTooLate(Refusal):
    code = "claim_too_late"
    title = _("Too late.")
    detail = _("The time to claim this prize is over. It can only be forfeited now.")


class ClaimStillPossible(Refusal):
    code = "claim_still_possible"
    title = _("It can still be claimed.")
    detail = _(
        "The winner still has time to claim this prize. Before that only they can give it up, "
        "with their validation code."
    )
