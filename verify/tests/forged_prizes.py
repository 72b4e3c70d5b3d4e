"""Forged prizes, claims and forfeits."""

from __future__ import annotations

from datetime import timedelta

from verify.tests.forging import forgery
from verify.tests.records import Files, Record, parse, spell

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
