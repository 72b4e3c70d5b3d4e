"""Forged figures and seals."""

from __future__ import annotations

from verify.tests.forging import forgery, place
from verify.tests.records import Record, sha256

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
