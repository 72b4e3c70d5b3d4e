"""Forged prizes, claims and forfeits; a second person who was not there; a false draw.json."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from verify.tests.forging import forgery, place
from verify.tests.records import STELLA, Facts, Files, Record, parse, spell

OPERATOR = "operator"

# winners


@forgery("beacon", "winners")
def first_in_line_passed_over(record: Record) -> Record:
    """The prizes go to the second and the third of the order."""
    drawn = record.last("drawn")
    drawn["winners"] = drawn["order"][1:]
    return record


@forgery("beacon", "winners")
def prizes_exchanged(record: Record) -> Record:
    """The winners of the first and of the second prize change places."""
    record.last("drawn")["winners"].reverse()
    return record


@forgery("manual_many", "winners")
def two_prizes_to_one_person(record: Record) -> Record:
    """One prize each was promised, and Ann gets both."""
    record.last("drawn")["winners"] = [2, 1]
    return record


@forgery("beacon", "winners")
def a_prize_kept_back(record: Record) -> Record:
    """The second prize is given to nobody, although somebody was drawn."""
    record.last("drawn")["winners"][1] = None
    return record


@forgery("local", "winners", "draw_file")
def winners_one_too_many(record: Record) -> Files:
    """Two winners of one prize."""
    record.last("drawn")["winners"].append(7)
    return record.files()


@forgery("beacon", "winners", "draw_file")
def winners_too_few(record: Record) -> Files:
    """The second prize is not spoken of."""
    files = record.files()
    record.last("drawn")["winners"].pop()
    return Files(record.ledger(), files.manifest, files.draw)


@forgery("beacon", "winners")
def claimed_with_another_code(record: Record) -> Record:
    """A prize is claimed with a code that does not fit the ticket's leaf."""
    record.claim().last("claimed")["code"] = record.code(1)
    return record


@forgery("beacon", "winners")
def claimed_by_the_alternate(record: Record) -> Record:
    """The alternate claims the first prize with the code of his own ticket."""
    number = record.last("drawn")["order"][2]
    return record.add("claimed", prize=1, number=number, code=record.code(number))


@forgery("beacon", "winners")
def claimed_too_late(record: Record) -> Record:
    """A prize is claimed a microsecond after the time to claim has passed."""
    until = parse(record.last("drawn")["at"]) + timedelta(days=30)
    record.claim().last("claimed")["at"] = spell(until + timedelta(microseconds=1))
    return record


@forgery("two_people", "winners")
def claimed_twice(record: Record) -> Record:
    """A prize is claimed a second time."""
    return record.claim()


@forgery("local", "winners")
def a_prize_that_does_not_exist(record: Record) -> Record:
    """Somebody claims the second prize of one."""
    number = record.last("drawn")["order"][0]
    return record.add("claimed", prize=2, number=number, code=record.code(number))


@forgery("nobody", "winners")
def claimed_though_nobody_won(record: Record) -> Record:
    """Nobody bought and nobody won, but the prize was claimed."""
    return record.add("claimed", prize=1, number=1, code=record.code(1))


@forgery("beacon", "winners")
def forfeited_too_early(record: Record) -> Record:
    """A prize is taken away at the very last moment at which it could have been claimed."""
    until = parse(record.last("drawn")["at"]) + timedelta(days=30)
    record.forfeit().last("forfeited")["at"] = spell(until)
    return record


@forgery("beacon", "winners")
def given_up_by_somebody_else(record: Record) -> Record:
    """A prize is given up with a code that is not the winner's."""
    record.forfeit(given_up=True).last("forfeited")["code"] = record.code(1)
    return record


@forgery("two_people", "winners")
def forfeited_once_claimed(record: Record) -> Record:
    """A prize that was claimed goes on to the next all the same."""
    return record.wait(days=40).forfeit()


@forgery("beacon", "winners")
def forfeited_to_a_friend(record: Record) -> Record:
    """A forfeited prize goes to a friend who was drawn anew, not to the alternate."""
    record.wait(days=31).forfeit().last("forfeited")["next"] = 1
    return record


@forgery("beacon", "winners")
def forfeited_to_nobody(record: Record) -> Record:
    """A forfeited prize goes to nobody although an alternate was drawn."""
    record.wait(days=31).forfeit().last("forfeited")["next"] = None
    return record


@forgery("beacon", "winners")
def forfeited_to_the_same_alternate_twice(record: Record) -> Record:
    """Both prizes go to the one alternate."""
    record.wait(days=31).forfeit(1)
    given = record.last("forfeited")["next"]
    record.forfeit(2).last("forfeited")["next"] = given
    return record


@forgery("beacon_claims", "winners")
def forfeited_to_one_who_has_a_prize(record: Record) -> Record:
    """A forfeited prize goes to the next ticket, whose holder had been given one before."""
    drawn, tickets, given = record.last("drawn"), record.tickets(), record.all("forfeited")
    has_a_prize = tickets[given[0]["next"]][1]
    other = [n for n in drawn["order"] if tickets[n][1] == has_a_prize][1]
    given[1]["next"] = other
    record.last("claimed").update(number=other, code=record.code(other))
    return record


@forgery("local", "winners")
def forfeited_for_somebody_else(record: Record) -> Record:
    """The forfeit names a ticket that does not hold the prize."""
    record.wait(days=31).forfeit().last("forfeited")["number"] = 1
    return record


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
