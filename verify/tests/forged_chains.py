"""Forged chains: lines that do not follow from one another, or are not spelled as they must be.

Where nothing else is said, the forger owns the database: every hash, the manifest, the seal and
draw.json are made anew to agree with the lie.
"""

from __future__ import annotations

from collections.abc import Callable

from verify.tests.forging import forgery, place, put, swap_lines
from verify.tests.records import STELLA, Facts, Files, Record, canonical, person


@forgery("local", "chain", "numbers")
def two_lines_swapped(record: Record) -> Files:
    """Two purchases change places in the file; nothing else was touched."""
    files = record.files()
    return record.files(ledger=swap_lines(files.ledger, 3, 4))


@forgery("local", "chain", "numbers")
def two_facts_swapped(record: Record) -> Record:
    """Two purchases change places, and the chain is made anew; their times are left."""
    record.facts[3], record.facts[4] = record.facts[4], record.facts[3]
    return record


@forgery("local", "chain", "numbers")
def purchase_cut_out(record: Record) -> Files:
    """A purchase is cut out of the file."""
    lines = record.files().ledger.splitlines(keepends=True)
    return record.files(ledger=b"".join(lines[:4] + lines[5:]))


@forgery("local", "chain")
def buyer_changed(record: Record) -> Files:
    """A purchase is given to somebody else; its hash is not that which the next line has."""
    ledger = record.files().ledger
    return record.files(ledger=ledger.replace(person("cem").encode(), person("zoe").encode()))


@forgery("local", "chain")
def line_of_another_raffle(record: Record) -> Record:
    """A purchase in another raffle is taken into this one."""
    record.facts[3]["raffle"] = Record("another").raffle
    return record


@forgery("local", "chain")
def time_goes_back(record: Record) -> Record:
    """A purchase is dated before the one before it."""
    record.facts[4]["at"] = record.facts[2]["at"]
    return record


@forgery("local", "chain")
def time_of_another_zone(record: Record) -> Record:
    """A time that is not UTC, so that it only looks later."""
    record.facts[4]["at"] = record.facts[4]["at"].replace("Z", "+05:00")
    return record


@forgery("local", "chain")
def time_that_never_was(record: Record) -> Files:
    """The raffle is drawn on the thirtieth of February."""
    files = record.files()
    record.facts[-1]["at"] = "2027-02-30T00:00:00.000000Z"
    return Files(record.ledger(), files.manifest, files.draw)


@forgery("local", "chain", "draw_file")
def sequence_skips(record: Record) -> Record:
    """A line calls itself one later than it is, as if one had been lost."""
    for seq, facts in enumerate(record.facts[5:], 7):
        facts["seq"] = seq
    return record


@forgery("local", "chain")
def first_line_has_a_past(record: Record) -> Record:
    """The first line follows from another one, which nobody can see."""
    record.facts[0]["prev"] = "f" * 64
    return record


@forgery("local", "chain")
def blanks_in_a_line(record: Record) -> Files:
    """A line is spelled with blanks; its hash and all after it are made of that spelling."""
    return record.files(spelling=_spelled(3, lambda line: line.replace(":", ": ", 1)))


@forgery("local", "chain")
def a_member_twice(record: Record) -> Files:
    """A line names two buyers: readers differ in which of the two they see."""
    other = f'{{"buyer":"{person("zoe")}",'
    return record.files(spelling=_spelled(3, lambda line: line.replace("{", other, 1)))


@forgery("local", "chain")
def a_letter_beyond_ascii(record: Record) -> Files:
    """A line says é as it is, not as \\u00e9."""
    record.last("closed")["reason"] = "passé"
    return record.files(
        spelling=_spelled(place(record, "closed"), lambda line: line.replace("\\u00e9", "é"))
    )


@forgery("local", "chain")
def number_with_a_point(record: Record) -> Record:
    """A ticket's number is 3.0."""
    record.facts[3]["tickets"][0]["number"] = 3.0
    return record


@forgery("local", "chain")
def number_is_true(record: Record) -> Record:
    """A ticket's number is `true`, which some languages take for 1."""
    record.facts[2]["tickets"][0]["number"] = True
    return record


@forgery("local", "chain")
def number_beyond_all_bounds(record: Record) -> Files:
    """A ticket's number has five thousand digits."""
    long = '"number":' + "9" * 5000
    return record.files(spelling=_spelled(3, lambda line: line.replace('"number":3', long)))


@forgery("local", "chain")
def not_a_number(record: Record) -> Files:
    """A ticket's number is NaN."""
    return record.files(
        spelling=_spelled(3, lambda line: line.replace('"number":3', '"number":NaN'))
    )


@forgery("local", "chain")
def nested_without_end(record: Record) -> Files:
    """A line is a hundred thousand lists in one another."""
    deep = "[" * 100_000 + "]" * 100_000
    return record.files(spelling=_spelled(3, lambda line: deep))


@forgery("local", "chain")
def a_line_is_no_object(record: Record) -> Files:
    """A line is a bare number."""
    return record.files(spelling=_spelled(3, lambda line: "7"))


@forgery("local", "chain")
def a_member_too_many(record: Record) -> Record:
    """A purchase says in a member of its own that it does not count."""
    record.facts[3]["valid"] = False
    return record


@forgery("local", "chain")
def a_second_person_at_the_close(record: Record) -> Record:
    """A close says that two people made it, which no rule asks and nothing shows."""
    record.last("closed")["second"] = STELLA
    return record


@forgery("local", "chain")
def a_signature_at_the_close(record: Record) -> Record:
    """A close carries a signature that nothing checks."""
    record.last("closed")["signature"] = "00" * 48
    return record


@forgery("local", "chain")
def a_time_that_is_a_number(record: Record) -> Files:
    """A time is a number of seconds, which some would take for one."""
    files = record.files()
    record.facts[3]["at"] = 1_800_000_000
    return Files(record.ledger(), files.manifest, files.draw)


@forgery("local", "chain")
def figures_below_zero(record: Record) -> Record:
    """Fourteen sold, none void and minus two unsold, of twelve: it adds up."""
    for kind in ("closed", "reconciled"):
        record.last(kind).update(sold=14, unsold=-2)
    return record


@forgery("local", "chain")
def a_member_too_few(record: Record) -> Record:
    """The draw does not say who drew."""
    del record.last("drawn")["by"]
    return record


@forgery("sealed", "chain")
def offset_that_is_text(record: Record) -> Record:
    """An offset is text: "3"."""
    record.last("sealed")["offsets"] = ["3"]
    return record


@forgery("local", "chain")
def an_unknown_kind(record: Record) -> Record:
    """A line of a kind that does not exist."""
    put(record, 5, "corrected", by=STELLA)
    return record


@forgery("local", "chain")
def last_line_cut_short(record: Record) -> Files:
    """The last line is there but for its end."""
    return record.files(ledger=record.files().ledger[:-1])


def _spelled(index: int, spell_anew: Callable[[str], str]) -> Callable[[Facts], str]:
    """Spell the line that comes at `index` anew; the lines after it follow from the new one."""

    def spelling(facts: Facts) -> str:
        return spell_anew(canonical(facts)) if facts["seq"] == index + 1 else canonical(facts)

    return spelling
