"""Forged manifests: the list that is closed is not what was sold."""

from __future__ import annotations

from dataclasses import replace

from verify.tests.forging import forgery, swap_lines
from verify.tests.records import Files, Record, sha256

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


def _say_everywhere(record: Record, **says: object) -> Record:
    for kind in ("closed", "reconciled", "sealed", "drawn"):
        record.last(kind).update(says)
    return record


def _freeze(record: Record, manifest: str) -> Files:
    """The record and draw.json with the hash of this manifest, made anew, and the manifest."""
    _say_everywhere(record, manifest=sha256(manifest))
    record.last("drawn")["picked"] = record.picks()
    return replace(record.reorder().files(), manifest=manifest.encode())
