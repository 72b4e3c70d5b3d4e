"""Forged ledgers up to the close: the life of the raffle, its sales, its voids.

The forger owns the database: every hash, the manifest, the seal and draw.json are made anew to
agree with the lie.
"""

from __future__ import annotations

from datetime import timedelta

from verify.tests.forging import forgery, place, put
from verify.tests.records import SOFTWARE, STELLA, Files, Record, parse, person, spell

# life


@forgery("local", "life")
def sold_before_opening(record: Record) -> Record:
    """The first purchase stands before the opening."""
    first = record.facts.pop(place(record, "purchase", 0))
    put(record, place(record, "opened"), "purchase", buyer=first["buyer"], tickets=first["tickets"])
    return record


@forgery("local", "life")
def sold_after_the_close(record: Record) -> Files:
    """A friend gets a ticket after the close; the manifest was frozen without it."""
    frozen = record.manifest().encode()
    return _sell_late(record).files(manifest=frozen)


@forgery("local", "life", "manifest", "seal", "reconciled", "draw", "draw_file")
def sold_after_the_close_and_listed(record: Record) -> Record:
    """A friend gets a ticket after the close, and the list is frozen anew with it."""
    return _sell_late(record).rework()


@forgery("local", "life", "manifest", "reconciled", "seal", "draw")
def void_after_the_close(record: Record) -> Record:
    """A ticket that was no friend's is made void after the close."""
    put(record, place(record, "closed") + 1, "void", by=STELLA, number=3, reason="late")
    return record.rework()


@forgery("beacon", "life")
def sealed_twice(record: Record) -> Record:
    """A second seal, after the first did not please; the draw is of the second."""
    seal = record.last("sealed")
    index = place(record, "sealed")
    put(record, index + 1, **seal | {"offsets": [5, 4, 3]})
    return record.rework()


@forgery("local", "life")
def drawn_twice(record: Record) -> Record:
    """The draw stands there twice."""
    put(record, len(record.facts), **record.last("drawn"))
    return record


@forgery("local", "life", "draw", "draw_file")
def drawn_again(record: Record) -> Record:
    """A second draw, with another winner."""
    other = record.last("drawn")
    put(record, len(record.facts), **other | {"picked": [0], "order": [1], "winners": [1]})
    return record


@forgery("local", "life")
def drawn_without_a_seal(record: Record) -> Files:
    """The seal is gone: it was drawn with nothing announced."""
    files = record.files()
    del record.facts[place(record, "sealed")]
    return Files(record.ledger(), files.manifest)


@forgery("local", "life")
def closed_twice(record: Record) -> Record:
    """The raffle is closed a second time."""
    put(record, place(record, "closed") + 1, **record.last("closed"))
    return record


@forgery("local", "life")
def opened_twice(record: Record) -> Record:
    """The raffle is opened a second time."""
    put(record, 5, "opened", by=STELLA, terms=record.terms)
    return record


@forgery("local", "life")
def created_twice(record: Record) -> Record:
    """The raffle is created a second time, to say its terms anew."""
    put(record, 1, "created", by=STELLA, terms=record.terms, software=SOFTWARE)
    return record


@forgery("local", "life")
def reconciled_twice(record: Record) -> Record:
    """The figures are confirmed a second time, after the seal."""
    put(record, place(record, "sealed") + 1, "reconciled", by=STELLA, **record.figures())
    return record


@forgery("local", "life")
def reconciled_before_the_close(record: Record) -> Record:
    """The figures are confirmed before there are any."""
    put(record, place(record, "closed"), "reconciled", by=STELLA, **record.figures())
    return record


@forgery("two_people", "life")
def void_proposed_after_the_close(record: Record) -> Record:
    """A void is asked for when it is too late for one."""
    put(record, place(record, "closed") + 1, "proposed", by=STELLA, act="void", number=1, reason="")
    return record


@forgery("cancelled", "life")
def sold_after_cancelling(record: Record) -> Record:
    """Sales go on after the raffle was called off."""
    return record.sell("friend")


@forgery("local", "life")
def cancelled_after_the_draw(record: Record) -> Record:
    """The winner did not please, so the raffle is called off."""
    return record.cancel()


@forgery("sealed", "life")
def cancelled_once_sealed(record: Record) -> Record:
    """The round came out wrong, so the raffle is called off before the draw is shown."""
    return record.cancel()


@forgery("local", "life")
def claimed_before_the_draw(record: Record) -> Files:
    """A prize is claimed before it is drawn."""
    files, number = record.files(), record.last("drawn")["order"][0]
    put(record, place(record, "drawn"), "claimed", by=STELLA, prize=1, number=number,
        code=record.code(number))  # fmt: skip
    return Files(record.ledger(), files.manifest)


# numbers


@forgery("local", "numbers")
def purchase_struck_out(record: Record) -> Record:
    """The last but one purchase is struck out, and everything is made anew without it."""
    del record.facts[place(record, "purchase", -2)]
    return record.rework()


@forgery("local_many", "numbers")
def one_ticket_too_many(record: Record) -> Record:
    """A tenth ticket of nine."""
    put(record, place(record, "purchase") + 1, "purchase", buyer=person("friend"),
        tickets=[{"number": 10, "leaf": record.leaf(10)}])  # fmt: skip
    return record


@forgery("open", "numbers")
def void_number_sold_again(record: Record) -> Record:
    """Number 1 was made void, and is sold again."""
    tickets = [{"number": 1, "leaf": record.leaf(1)}]
    return record.add("purchase", by=None, buyer=person("friend"), tickets=tickets)


@forgery("open", "numbers")
def number_of_choice(record: Record) -> Record:
    """A friend gets number 11 out of turn."""
    tickets = [{"number": 11, "leaf": record.leaf(11)}]
    return record.add("purchase", by=None, buyer=person("friend"), tickets=tickets)


@forgery("open", "numbers")
def number_below_one(record: Record) -> Record:
    """A ticket with the number 0."""
    tickets = [{"number": 0, "leaf": record.leaf(0)}]
    return record.add("purchase", by=None, buyer=person("friend"), tickets=tickets)


@forgery("open", "numbers")
def purchase_of_nothing(record: Record) -> Record:
    """A purchase without a ticket."""
    return record.add("purchase", by=None, buyer=person("friend"), tickets=[])


# limit


@forgery("local", "limit")
def beyond_the_limit(record: Record) -> Record:
    """A friend gets a third ticket of two."""
    record.facts[place(record, "purchase")]["buyer"] = person("ann")
    return record.rework()


@forgery("open", "limit")
def void_ticket_makes_room(record: Record) -> Record:
    """Ann's ticket was made void, and she buys another one in its place."""
    return record.sell("ann")


@forgery("open", "limit")
def beyond_the_limit_at_once(record: Record) -> Record:
    """Three tickets in one purchase."""
    return record.sell("friend", 3)


# window


@forgery("local_many", "window")
def sold_before_the_hour(record: Record) -> Record:
    """The first purchase is a microsecond early."""
    first = record.all("purchase")[0]
    opens_at = parse(record.terms["opens_at"])
    first["at"] = spell(opens_at - timedelta(microseconds=1))
    return record


@forgery("local_many", "window")
def sold_at_the_closing_hour(record: Record) -> Record:
    """The last purchase is at the very moment at which sales end."""
    record.last("purchase")["at"] = record.terms["closes_at"]
    return record


# void


@forgery("local", "void")
def void_of_an_unsold_number(record: Record) -> Record:
    """Number 9 is made void; it was never sold."""
    put(record, place(record, "closed"), "void", by=STELLA, number=9, reason="unlucky")
    return record


@forgery("open", "void")
def void_before_it_was_sold(record: Record) -> Record:
    """Number 6 is made void before it is sold."""
    put(record, place(record, "purchase", 2), "void", by=STELLA, number=6, reason="early")
    return record


@forgery("open", "void")
def void_twice(record: Record) -> Record:
    """The same ticket is made void twice."""
    return record.add("void", number=1, reason="again")


@forgery("cancelled", "void")
def cancelled_but_for_one(record: Record) -> Record:
    """The raffle is called off for all tickets but one."""
    record.last("cancelled")["tickets"] -= 1
    return record


def _sell_late(record: Record) -> Record:
    put(record, place(record, "closed") + 1, "purchase", buyer=person("friend"),
        tickets=[{"number": 8, "leaf": record.leaf(8)}])  # fmt: skip
    return record
