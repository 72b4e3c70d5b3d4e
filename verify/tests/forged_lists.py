"""Forged manifests, figures and seals, and records that only a kept receipt or head gives away."""

from __future__ import annotations

from dataclasses import replace

from verify.tests.forging import forgery, place, swap_lines
from verify.tests.genuine import GENUINE
from verify.tests.records import Files, Record, person, sha256

# manifest


@forgery("local", "manifest")
def leaf_exchanged_in_the_list(record: Record) -> Files:
    """In the manifest alone, a ticket gets another leaf."""
    text = record.manifest().replace(record.leaf(2), sha256("a friend's ticket"))
    return record.files(manifest=text.encode())


@forgery("local", "manifest")
def leaf_exchanged_in_the_frozen_list(record: Record) -> Files:
    """A ticket gets another leaf in the manifest, whose hash is then frozen, sealed and drawn."""
    return _freeze(record, record.manifest().replace(record.leaf(2), sha256("a friend's ticket")))


@forgery("beacon", "manifest")
def void_ticket_listed_as_sold(record: Record) -> Files:
    """A void ticket stands in the frozen manifest as sold."""
    return _freeze(record, record.manifest().replace("4|VOID", f"4|SOLD|{record.leaf(4)}"))


@forgery("local", "manifest")
def sold_ticket_listed_as_unsold(record: Record) -> Files:
    """A sold ticket stands in the frozen manifest as unsold."""
    return _freeze(record, record.manifest().replace(f"7|SOLD|{record.leaf(7)}", "7|UNSOLD"))


@forgery("local", "manifest")
def line_missing_in_the_list(record: Record) -> Files:
    """The frozen manifest ends one number early."""
    return _freeze(record, record.manifest().replace("12|UNSOLD\n", ""))


@forgery("local", "manifest")
def line_too_many_in_the_list(record: Record) -> Files:
    """The frozen manifest has a thirteenth number of twelve."""
    return _freeze(record, record.manifest() + f"13|SOLD|{record.leaf(13)}\n")


@forgery("local", "manifest")
def unsold_line_too_many_in_the_list(record: Record) -> Files:
    """The frozen manifest has a thirteenth number of twelve, even if it is unsold."""
    return _freeze(record, record.manifest() + "13|UNSOLD\n")


@forgery("local", "manifest")
def list_in_another_order(record: Record) -> Files:
    """Two lines of the frozen manifest change places, and so would the winners."""
    return _freeze(record, swap_lines(record.manifest().encode(), 0, 1).decode())


@forgery("local", "manifest")
def list_with_windows_line_ends(record: Record) -> Files:
    """The lines of the manifest end in another way."""
    return record.files(manifest=record.manifest().replace("\n", "\r\n").encode())


@forgery("local", "manifest")
def list_without_its_last_line_end(record: Record) -> Files:
    """The manifest's last line does not end."""
    return record.files(manifest=record.manifest()[:-1].encode())


@forgery("local", "manifest")
def another_list_was_frozen(record: Record) -> Record:
    """Closed, confirmed, sealed and drawn on the hash of a list that nobody is shown."""
    return _say_everywhere(record, manifest=sha256("hidden"))


@forgery("open", "manifest")
def a_list_before_the_close(record: Record) -> Files:
    """A manifest is shown although nothing is closed."""
    return record.files(manifest=record.manifest().encode())


# reconciled


@forgery("local", "reconciled")
def confirmed_by_nobody(record: Record) -> Record:
    """Nobody confirmed the figures."""
    del record.facts[place(record, "reconciled")]
    return record


@forgery("local", "reconciled")
def other_figures_confirmed(record: Record) -> Record:
    """Somebody confirmed one ticket fewer than were sold."""
    record.last("reconciled")["sold"] -= 1
    return record


@forgery("local", "reconciled")
def another_list_confirmed(record: Record) -> Record:
    """Somebody confirmed another list."""
    record.last("reconciled")["manifest"] = sha256("another")
    return record


@forgery("local", "reconciled")
def figures_do_not_add_up(record: Record) -> Record:
    """Closed and confirmed: seven sold, none void, four unsold, of twelve."""
    for kind in ("closed", "reconciled"):
        record.last(kind)["unsold"] -= 1
    return record


@forgery("beacon", "reconciled")
def figures_of_another_list(record: Record) -> Record:
    """Closed and confirmed: one more sold and none void. It adds up, but it was not so."""
    for kind in ("closed", "reconciled"):
        record.last(kind).update(sold=7, void=0)
    return record


# seal


@forgery("local", "seal")
def another_list_sealed(record: Record) -> Record:
    """The seal and the draw are on another list than was closed."""
    for kind in ("sealed", "drawn"):
        record.last(kind)["manifest"] = sha256("another")
    return record


@forgery("sealed", "seal")
def more_entries_sealed(record: Record) -> Record:
    """The seal speaks of one entry more than there are."""
    record.last("sealed")["entries"] += 1
    return record


@forgery("beacon", "seal")
def offset_beyond_the_entries(record: Record) -> Record:
    """An offset is larger by the number of entries, so that the pick stays the same."""
    record.last("sealed")["offsets"][0] += 6
    return record.rework()


@forgery("beacon", "seal")
def offset_below_zero(record: Record) -> Record:
    """An offset is smaller by the number of entries, so that the pick stays the same."""
    record.last("sealed")["offsets"][0] -= 6
    return record.rework()


@forgery("beacon", "seal")
def second_offset_beyond_what_is_left(record: Record) -> Record:
    """The second offset is as large as all entries that are left, one too much."""
    record.last("sealed")["offsets"][1] = 5
    return record.rework()


@forgery("beacon", "seal")
def one_offset_too_many(record: Record) -> Record:
    """One more offset than prizes and alternates."""
    record.last("sealed")["offsets"].append(0)
    return record.rework()


@forgery("beacon", "seal")
def one_offset_too_few(record: Record) -> Record:
    """One offset fewer: the alternate can then be drawn by other means."""
    record.last("sealed")["offsets"].pop()
    return record.rework()


@forgery("beacon", "seal")
def sealed_by_another_method(record: Record) -> Record:
    """A beacon was promised, and the site drew by itself."""
    sealed = record.last("sealed")
    del sealed["beacon"], record.last("drawn")["signature"]
    sealed["method"] = "local"
    return record.rework()


@forgery("manual", "seal")
def offsets_for_the_drum(record: Record) -> Record:
    """A seal with offsets, although a drum is to decide."""
    record.last("sealed")["offsets"] = [0]
    return record


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


def _say_everywhere(record: Record, **says: object) -> Record:
    for kind in ("closed", "reconciled", "sealed", "drawn"):
        record.last(kind).update(says)
    return record


def _freeze(record: Record, manifest: str) -> Files:
    """The record and draw.json with the hash of this manifest, made anew, and the manifest."""
    _say_everywhere(record, manifest=sha256(manifest))
    record.last("drawn")["picked"] = record.picks()
    return replace(record.reorder().files(), manifest=manifest.encode())
