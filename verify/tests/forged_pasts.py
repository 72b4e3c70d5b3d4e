"""Records that agree with themselves; only a kept receipt or head gives them away."""

from __future__ import annotations

from verify.tests.forging import forgery, place
from verify.tests.genuine import GENUINE
from verify.tests.records import Files, Record, person, sha256

# receipt: what only the holder of a ticket can see


@forgery("local", "receipt")
def ticket_given_to_a_friend(record: Record) -> Files:
    """The record is made anew with a friend's leaf for number 3, whose receipt was kept."""
    kept = record.receipt(3)
    record.facts[3]["tickets"][0]["leaf"] = sha256("a friend's ticket")
    return record.rework().files(receipts=(kept,))


@forgery("local", "receipt")
def ticket_never_entered(record: Record) -> Files:
    """The last purchase, whose receipt was kept, is left out of a record made anew."""
    kept = record.receipt(7)
    del record.facts[place(record, "purchase")]
    return record.rework().files(receipts=(kept,))


@forgery("local", "receipt")
def something_before_it_was_changed(record: Record) -> Files:
    """The first purchase goes to a friend; the holder of number 5 sees it by the hash."""
    kept = record.receipt(5)
    record.facts[2]["buyer"] = person("friend")
    return record.files(receipts=(kept,))


@forgery("local", "receipt")
def receipt_of_another_raffle(record: Record) -> Files:
    """A receipt of the same number in another raffle."""
    return record.files(receipts=(GENUINE["two_people"]().receipt(2),))


@forgery("local", "receipt")
def receipt_with_another_code(record: Record) -> Files:
    """Somebody who has no ticket makes a receipt from the public ledger, with a code of his own."""
    return record.files(receipts=(record.receipt(3).replace(record.code(3), "0" * 32),))


@forgery("local", "receipt")
def receipt_for_another_number(record: Record) -> Files:
    """A receipt for number 1 is passed off as one for number 2 of the same purchase."""
    return record.files(receipts=("2" + record.receipt(1)[1:],))


@forgery("local", "receipt")
def receipt_on_a_line_that_sold_nothing(record: Record) -> Files:
    """A receipt that points to the opening."""
    number, code, _, _ = record.receipt(1).split("-")
    return record.files(receipts=(f"{number}-{code}-2-{sha256(record.lines()[1])}",))


@forgery("local", "receipt")
def receipt_beyond_the_end(record: Record) -> Files:
    """A receipt for line 99 of eleven."""
    number, code, _, hashed = record.receipt(1).split("-")
    return record.files(receipts=(f"{number}-{code}-99-{hashed}",))


@forgery("local", "receipt")
def receipt_that_is_none(record: Record) -> Files:
    """A line that is no receipt."""
    return record.files(receipts=("7-up",))


# witness: a record that agrees with itself, and not with the past


@forgery("local", "witness")
def rewritten_from_the_close_on(record: Record) -> Files:
    """Another offset, another winner, everything made anew."""
    kept = record.head("sealed")
    record.last("sealed")["offsets"] = [3]
    return record.rework().files(witnesses=(kept,))


@forgery("beacon", "witness")
def sealed_when_the_round_was_known(record: Record) -> Files:
    """With the round known, another offset is put into the seal, and everything made anew."""
    kept = record.head("sealed")
    record.last("sealed")["offsets"][0] = 5 - record.last("sealed")["offsets"][0]
    return record.rework().files(witnesses=(kept,))


@forgery("beacon", "witness")
def seal_dated_back(record: Record) -> Files:
    """Sealed when the round was known, and dated back to a time that goes with it."""
    kept = record.head("reconciled")
    record.facts[-3]["at"] = record.facts[-4]["at"]
    return record.files(witnesses=(kept,))


@forgery("two_people", "witness")
def void_struck_out(record: Record) -> Files:
    """A void is struck out, and the ticket lives again."""
    kept = record.head("closed")
    del record.facts[place(record, "void")]
    record.facts.pop()  # the claim, if another one wins
    return record.rework().files(witnesses=(kept,))


@forgery("two_people", "witness")
def the_end_cut_off(record: Record) -> Files:
    """The claim was not welcome: the record ends before it."""
    kept = record.head()
    record.facts.pop()
    return record.files(witnesses=(kept,))


@forgery("local", "witness")
def head_that_is_none(record: Record) -> Files:
    """A head without a number."""
    return record.files(witnesses=(record.head().split(":")[1],))
