"""Forged second people, where two are needed."""

from __future__ import annotations

from verify.tests.forging import forgery, place
from verify.tests.records import STELLA, Record

OPERATOR = "operator"

# two_people


@forgery("two_people", "two_people")
def void_by_one(record: Record) -> Record:
    """A void without a second person."""
    del record.last("void")["second"]
    return record


@forgery("two_people", "two_people")
def void_by_the_same_twice(record: Record) -> Record:
    """The second person is the first."""
    record.last("void")["second"] = STELLA
    return record


@forgery("two_people", "two_people")
def void_that_nobody_proposed(record: Record) -> Record:
    """A void with a second person, but nobody had asked for it."""
    del record.facts[place(record, "proposed", 0)]
    return record


@forgery("two_people", "two_people")
def void_of_another_number_than_proposed(record: Record) -> Record:
    """They agreed on number 2, and number 3 was made void."""
    record.last("void")["number"] = 3
    return record.rework()


@forgery("two_people", "two_people")
def void_proposed_by_somebody_else(record: Record) -> Record:
    """The one who asked is not the one in whose name the void is."""
    record.all("proposed")[0]["by"] = "abcd" * 8
    return record


@forgery("two_people", "two_people")
def void_proposed_afterwards(record: Record) -> Record:
    """The void was asked for after it had been done."""
    index = place(record, "void")
    at = record.facts[index]["at"]
    proposed = record.facts.pop(index - 1)
    record.facts.insert(index, proposed | {"at": at})
    return record


@forgery("beacon_claims", "two_people")
def sealed_by_one(record: Record) -> Record:
    """A seal without a second person."""
    del record.last("sealed")["second"]
    return record


@forgery("two_people", "two_people")
def seal_that_nobody_proposed(record: Record) -> Record:
    """A seal with a second person, but what had been asked for was a void."""
    del record.facts[place(record, "proposed")]
    return record


@forgery("manual", "two_people")
def drum_seen_by_one(record: Record) -> Record:
    """Numbers from a drum that one person alone entered, where one is enough for all else."""
    del record.last("sealed")["second"]
    return record


@forgery("two_people", "two_people")
def the_server_as_second_person(record: Record) -> Record:
    """Who has the server's command line makes a second person of it."""
    record.last("sealed")["second"] = OPERATOR
    return record


@forgery("two_people", "two_people")
def the_server_as_first_person(record: Record) -> Record:
    """Who has the server's command line asks for a void there, and confirms it as staff."""
    record.all("proposed")[0]["by"] = record.last("void")["by"] = OPERATOR
    return record


@forgery("local", "two_people")
def a_second_person_for_show(record: Record) -> Record:
    """No second person was needed; one is named, and is the first."""
    record.last("sealed")["second"] = STELLA
    return record
