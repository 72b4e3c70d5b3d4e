"""Forged draw.json: the ledger is true, and the summary that programs read is not."""

from __future__ import annotations

import json
from typing import Any

from verify.tests.forging import forgery
from verify.tests.records import Facts, Files, Record

# draw_file


@forgery("local", "draw_file")
def winner_in_the_summary_alone(record: Record) -> Files:
    """Only draw.json, which programs read, has another winner."""
    return _summary(record, lambda draw: draw["winners"][0].update(number=7))


@forgery("local", "draw_file")
def order_in_the_summary_alone(record: Record) -> Files:
    """Only draw.json has another order."""
    return _summary(record, lambda draw: draw.update(order=[7]))


@forgery("local", "draw_file")
def number_with_a_point_in_the_summary(record: Record) -> Files:
    """draw.json says 7.0 where the ledger says 7."""
    return _summary(record, lambda draw: draw.update(entries=7.0))


@forgery("local", "draw_file")
def true_for_one_in_the_summary(record: Record) -> Files:
    """draw.json says `true` where the ledger says 1."""
    return _summary(record, lambda draw: draw["winners"][0].update(prize=True))


@forgery("local", "draw_file")
def a_member_more_in_the_summary(record: Record) -> Files:
    """draw.json has a member that nothing in the ledger stands behind."""
    return _summary(record, lambda draw: draw.update(certified="yes"))


@forgery("local", "draw_file")
def a_member_less_in_the_summary(record: Record) -> Files:
    """draw.json leaves out the seal."""
    return _summary(record, lambda draw: draw.pop("seal"))


@forgery("local", "draw_file")
def a_member_twice_in_the_summary(record: Record) -> Files:
    """draw.json names the winner twice, differently: readers see one or the other."""
    text = json.dumps(record.draw_json()).replace('"number": ', '"number": 7, "number": ')
    return record.files(draw=text.encode())


@forgery("two_people", "draw_file")
def claim_hidden_in_the_summary(record: Record) -> Files:
    """draw.json calls a claimed prize unclaimed."""
    return _summary(record, lambda draw: draw["winners"][0].update(state="unclaimed"))


@forgery("beacon", "draw_file")
def more_time_to_claim_in_the_summary(record: Record) -> Files:
    """draw.json gives a winner another time to claim than the rules do."""
    later = "2030-01-01T00:00:00.000000Z"
    return _summary(record, lambda draw: draw["winners"][0].update(claim_by=later))


@forgery("beacon", "draw_file")
def randomness_in_the_summary_alone(record: Record) -> Files:
    """draw.json has a randomness that is not the signature's hash."""
    return _summary(record, lambda draw: draw["beacon"].update(randomness="0" * 64))


@forgery("local", "draw_file")
def summary_of_another_raffle(record: Record) -> Files:
    """draw.json names another organiser."""
    return _summary(record, lambda draw: draw.update(organiser="The Other Club"))


@forgery("beacon_claims", "draw_file")
def the_last_line_dropped(record: Record) -> Files:
    """The last claim is cut off the ledger; draw.json still names the head that it had."""
    draw = record.files().draw
    record.facts.pop()
    return record.files(draw=draw)


@forgery("open", "draw_file")
def a_draw_before_the_seal(record: Record) -> Files:
    """A draw.json is shown although nothing was sealed."""
    return record.files(draw=b"{}")


@forgery("local", "draw_file")
def summary_that_is_not_text(record: Record) -> Files:
    """draw.json is not UTF-8."""
    return record.files(draw=b"\xff\xfe{")


@forgery("local", "draw_file")
def summary_that_never_ends(record: Record) -> Files:
    """draw.json is a hundred thousand lists in one another."""
    return record.files(draw=b"[" * 100_000 + b"]" * 100_000)


def _summary(record: Record, lie: Any) -> Files:
    draw: Facts = record.draw_json()
    lie(draw)
    return record.files(draw=json.dumps(draw).encode())
