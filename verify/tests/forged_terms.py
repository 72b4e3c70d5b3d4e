"""Forged terms: changed when they may not be, or not what terms must be."""

from __future__ import annotations

from verify.tests.forging import forgery, place, put
from verify.tests.records import STELLA, Files, Record

# terms


@forgery("local", "terms")
def price_raised(record: Record) -> Record:
    """The price is raised after the first sale."""
    put(record, 5, "changed", by=STELLA, before={"price": "2.00"}, after={"price": "3.00"})
    return record


@forgery("local", "terms")
def capacity_raised(record: Record) -> Record:
    """More tickets than were promised, after the first sale; manifest and all made to fit."""
    put(record, 5, "changed", by=STELLA, before={"capacity": 12}, after={"capacity": 13})
    return record.rework()


@forgery("local", "terms")
def prize_exchanged(record: Record) -> Record:
    """The prize becomes a smaller one after the close."""
    put(record, place(record, "closed") + 1, "changed", by=STELLA,
        before={"prizes": ["A bicycle"]}, after={"prizes": ["A bell"]})  # fmt: skip
    return record


@forgery("local", "terms")
def description_changed_after_the_close(record: Record) -> Record:
    """Another description after the close."""
    put(record, place(record, "closed") + 1, "changed", by=STELLA,
        before={"description": "For the roof."}, after={"description": "For us."})  # fmt: skip
    return record


@forgery("beacon", "terms")
def change_tells_another_past(record: Record) -> Record:
    """A change says that the price had always been so."""
    record.all("changed")[0]["before"]["price"] = "1.50"
    return record


@forgery("local", "terms")
def change_of_what_is_not_a_term(record: Record) -> Record:
    """A change of a member that the terms do not have."""
    put(record, 1, "changed", by=STELLA, before={"odds": "even"}, after={"odds": "better"})
    return record


@forgery("local", "terms")
def change_hides_what_it_changes(record: Record) -> Record:
    """A change whose `before` has other members than its `after`."""
    put(record, 1, "changed", by=STELLA, before={}, after={"limit": 2})
    return record


@forgery("local", "terms")
def opened_on_other_terms(record: Record) -> Record:
    """The opening says another limit than the terms had."""
    record.last("opened")["terms"]["limit"] = 3
    return record


@forgery("local", "terms")
def capacity_that_is_text(record: Record) -> Files:
    """The capacity is text: "12"."""
    files = record.files()
    for facts in record.facts[:2]:
        facts["terms"]["capacity"] = "12"
    return Files(record.ledger(), files.manifest, files.draw)


@forgery("draft", "terms")
def terms_with_a_member_more(record: Record) -> Record:
    """The terms have a member that the rules do not know."""
    record.facts[0]["terms"]["odds"] = "even"
    return record


@forgery("draft", "terms")
def terms_with_a_member_less(record: Record) -> Record:
    """The terms leave out how many days there are to claim."""
    del record.facts[0]["terms"]["claim_days"]
    return record


@forgery("draft", "terms")
def a_prize_that_is_a_number(record: Record) -> Record:
    """One of the prizes is not text."""
    record.facts[0]["terms"]["prizes"] = ["A bicycle", 7]
    return record


@forgery("draft", "terms")
def nothing_to_be_won(record: Record) -> Record:
    """There is no prize at all."""
    record.facts[0]["terms"]["prizes"] = []
    return record


@forgery("draft", "terms")
def nobody_may_buy(record: Record) -> Record:
    """The limit is no ticket at all."""
    record.facts[0]["terms"]["limit"] = 0
    return record


@forgery("draft", "terms")
def more_than_can_be_counted(record: Record) -> Record:
    """A capacity that not every language can hold exactly."""
    record.facts[0]["terms"]["capacity"] = 2**53
    return record


@forgery("draft", "terms")
def an_unknown_method(record: Record) -> Record:
    """The draw is to be done by a method that does not exist."""
    record.facts[0]["terms"]["method"] = "trust"
    return record
