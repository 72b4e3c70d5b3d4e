"""The refusals: every way in which the raffle says no, with its code, sentence and HTTP status."""

from __future__ import annotations


class Refusal(Exception):
    """Something the rules forbid. Nothing was changed; the sentence says what to do next."""

    code = "refused"
    status = 409
    title = "Refused."
    detail = ""
    retry_after: int | None = None  # seconds

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)


# --- Selling --------------------------------------------------------------------------------------


class NotOpenYet(Refusal):
    code = "not_open_yet"
    title = "Not open yet."
    detail = "Ticket sales have not started. Come back when the raffle opens."


class SalesClosed(Refusal):
    code = "closed"
    title = "Sales are closed."
    detail = "Ticket sales have closed. No more tickets can be bought."


class SoldOut(Refusal):
    code = "sold_out"
    title = "Sold out."
    detail = "Every ticket has been sold."


class NotEnoughLeft(Refusal):
    code = "not_enough_left"
    title = "Not enough tickets left."

    def __init__(self, remaining: int) -> None:
        left = "1 ticket is" if remaining == 1 else f"{remaining} tickets are"
        super().__init__(f"Only {left} left. Ask for fewer.")


class LimitReached(Refusal):
    code = "limit_reached"
    title = "Limit Reached."

    def __init__(self, limit: int, held: int) -> None:
        most = "1 ticket" if limit == 1 else f"{limit} tickets"
        super().__init__(f"One person may hold at most {most} of this raffle; you hold {held}.")


class KeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key already used."
    detail = (
        "This form, or key, has already bought something else. Reload the page, or use a new key."
    )


class StaffCannotBuy(Refusal):
    code = "staff_cannot_buy"
    status = 403
    title = "Staff cannot buy."
    detail = "Staff accounts run the draw, so they can never hold a ticket."


class NotYourself(Refusal):
    code = "not_yourself"
    status = 403
    title = "That is somebody else."
    detail = "Tickets go to the account that is signed in. Leave userId out."


class Busy(Refusal):
    code = "busy"
    status = 503
    title = "Too busy right now."
    retry_after = 2
    detail = "Many people are buying at this moment. Nothing was changed; try again."


class OutcomeUnknown(Refusal):
    """The connection broke around COMMIT: the sale may or may not stand. Only the key can tell."""

    code = "outcome_unknown"
    status = 503
    title = "We could not find out."
    retry_after = 2
    detail = (
        "The connection to the database broke, so we do not know yet whether your purchase "
        "went through. Ask again with the same key: you cannot be charged twice."
    )


# --- Organising and drawing -----------------------------------------------------------------------


class NotADraft(Refusal):
    code = "not_a_draft"
    title = "Already opened."
    detail = "Only a draft can be opened, and only once."


class ClosesInThePast(Refusal):
    code = "closes_in_the_past"
    title = "The closing time has passed."
    detail = "The closing time lies in the past. Change it before you open the raffle."


class NotOpen(Refusal):
    code = "not_open"
    title = "The raffle is not open."
    detail = "This can only be done while the raffle is open."


class ClosedForGood(Refusal):
    code = "closed_for_good"
    title = "Closed for good."
    detail = "This raffle is closed, so nothing about it can be changed any more."


class Frozen(Refusal):
    code = "frozen"
    title = "Frozen since the first sale."

    def __init__(self, fields: str) -> None:
        super().__init__(f"Tickets have been sold on these terms, so they stay: {fields}.")


class AlreadyVoid(Refusal):
    code = "already_void"
    title = "Already void."

    def __init__(self, number: int) -> None:
        super().__init__(f"Ticket {number} is void already.")


class ReasonMissing(Refusal):
    code = "reason_missing"
    status = 422
    title = "A reason is needed."
    detail = "Say why: the reason stays in the public record."


class NothingSold(Refusal):
    code = "nothing_sold"
    title = "Nothing to draw from."
    detail = "No valid ticket was sold, so there is nobody who could win."


class ManifestChanged(Refusal):
    code = "manifest_changed"
    title = "The record is broken."
    detail = "The tickets are not those that were frozen at the close. Run verify_raffle."


class NotClosed(Refusal):
    code = "not_closed"
    title = "The raffle is not closed."
    detail = "Close the raffle first: only then is the list of tickets final."


class Cancelled(Refusal):
    code = "cancelled"
    title = "Cancelled."
    detail = "This raffle was cancelled: all its tickets are void."


class AlreadyReconciled(Refusal):
    code = "already_reconciled"
    title = "Already confirmed."
    detail = "The figures have been confirmed already."


class NotReconciled(Refusal):
    code = "not_reconciled"
    title = "The figures are not confirmed."
    detail = "Close the raffle and confirm its figures first; then it can be drawn."


class AlreadySealed(Refusal):
    code = "already_sealed"
    title = "Already sealed."
    detail = "The draw is sealed already: there is one seal, and no way back."


class OnePersonIsEnough(Refusal):
    code = "one_person_is_enough"
    title = "One person is enough."
    detail = "In this raffle nobody needs to confirm that: do it at once."


class SecondPersonNeeded(Refusal):
    code = "second_person_needed"
    title = "A second person is needed."
    detail = (
        "Two members of staff are needed: one asks for it in the administration, and another "
        "one confirms it there."
    )


class WrongNumbers(Refusal):
    code = "wrong_numbers"
    status = 422
    title = "These numbers cannot be right."


class NumbersDiffer(Refusal):
    code = "numbers_differ"
    status = 422
    title = "The numbers differ."
    detail = (
        "These are not the numbers, in the order, that the first person entered. Nothing was "
        "drawn. Read the tickets from the drum again, together."
    )


class BeaconLate(Refusal):
    """The round is not out yet, or no relay gave it. The seal stands, and so does the result."""

    code = "beacon_late"
    status = 503
    title = "Waiting for the beacon."
    retry_after = 3
    detail = (
        "The sealed beacon round could not be had yet. Nothing is lost: whatever it says is "
        "fixed already. Try again in a moment."
    )


# --- Prizes ---------------------------------------------------------------------------------------


class AlreadySettled(Refusal):
    code = "already_settled"
    title = "Already settled."
    detail = "This prize has been claimed or forfeited already."


class WrongCode(Refusal):
    code = "wrong_code"
    status = 422
    title = "Not the validation code."
    detail = "That is not the validation code of the winning ticket."


class ClaimTooLate(Refusal):
    code = "claim_too_late"
    title = "Too late."
    detail = "The time to claim this prize is over. It can only be forfeited now."


class ClaimStillPossible(Refusal):
    code = "claim_still_possible"
    title = "It can still be claimed."
    detail = (
        "The winner still has time to claim this prize. Before that only they can give it up, "
        "with their validation code."
    )
