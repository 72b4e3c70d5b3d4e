"""Forge the record behind the back of every guard: the verifier names what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from raffle import drawing, guards, ledger, organising, verifying
from raffle.models import LedgerEntry, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, make_buyer, make_buyers, make_raffle, make_staff


class Undo(Exception):
    """Ends a forgery: everything in it is rolled back."""


def played() -> Raffle:
    """A whole life: six sold, one void, closed and drawn."""
    raffle, stella = make_raffle(capacity=8, price=2), make_staff()
    buy(raffle, make_buyer(), 2)
    for buyer in make_buyers(4):
        buy(raffle, buyer)
    ticket = raffle.tickets.get(number=4)
    organising.void_ticket(ticket_id=ticket.pk, by=stella, reason="a mistake")
    drawing.draw_winner(raffle_id=raffle.pk, by=stella)
    return raffle


@pytest.fixture(scope="module")
def raffle() -> Raffle:
    return played()


@contextmanager
def forging(*tables: str) -> Iterator[None]:
    """What the owner of the tables could do: switch the guards off, then change what they like."""
    try:
        with transaction.atomic():
            for table in tables:
                sql(f"ALTER TABLE raffle_{table} DISABLE TRIGGER USER")
            yield
            sql("SET CONSTRAINTS ALL IMMEDIATE")
            for table in tables:
                sql(f"ALTER TABLE raffle_{table} ENABLE TRIGGER USER")
                for name in guards.TRIGGERS:
                    if sql(
                        "SELECT 1 FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass",
                        name, f"raffle_{table}",
                    ):  # fmt: skip
                        sql(f"ALTER TABLE raffle_{table} ENABLE ALWAYS TRIGGER {name}")
            raise Undo
    except Undo:
        pass


def verdict(raffle: Raffle) -> verifying.Verdict:
    """The verifier's, from inside the forger's transaction."""
    return verifying._Verifier(Raffle.objects.get(pk=raffle.pk), lambda done, total: None).run()


def failed(raffle: Raffle) -> set[str]:
    return {check for check, _ in verdict(raffle).problems}


def test_an_honest_raffle_passes_every_check(raffle: Raffle) -> None:
    told: list[tuple[int, int]] = []
    result = verifying.verify(raffle.pk, lambda done, total: told.append((done, total)))
    assert result.failures == []
    assert (result.sold, result.void, result.entries) == (6, 1, 10)
    assert result.winner == raffle.draw.ticket.number
    assert told[-1] == (10, 10)


def test_it_passes_at_every_stage_of_a_raffle() -> None:
    raffle = make_raffle()
    assert verifying.verify(raffle.pk).failures == []
    buy(raffle, make_buyer(), 2)
    assert verifying.verify(raffle.pk).failures == []
    drawing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    assert verifying.verify(raffle.pk).failures == []


def test_it_changes_nothing_and_could_not() -> None:
    raffle = make_raffle()

    def buy_meanwhile(done: int, total: int) -> None:
        buy(raffle, make_buyer())

    with pytest.raises(Exception, match="read-only transaction"):
        verifying.verify(raffle.pk, buy_meanwhile)


FORGERIES: dict[str, tuple[str, tuple[str, ...], str]] = {
    # what: (the check that must fail, the tables touched, the SQL)
    "a line changed": (
        "chain", ("ledgerentry",),
        "UPDATE raffle_ledgerentry SET line = replace(line, '\"number\":1', '\"number\":8')"
        " WHERE raffle_id = %s AND seq = 3",
    ),
    "a line dropped from the end": (
        "draw", ("ledgerentry",),
        "DELETE FROM raffle_ledgerentry WHERE raffle_id = %s AND kind = 'drawn'",
    ),
    "a validation code changed": (
        "tables", ("ticket",),
        "UPDATE raffle_ticket SET code = repeat('a', 32) WHERE raffle_id = %s AND number = 1",
    ),
    "a ticket moved to another buyer's purchase": (
        "tables", ("ticket", "purchase"),
        "UPDATE raffle_ticket t SET purchase_id = p.purchase_id, buyer_id = p.buyer_id, slot = 2"
        " FROM raffle_ticket p WHERE p.raffle_id = t.raffle_id AND p.number = 5"
        " AND t.raffle_id = %s AND t.number = 6",
    ),
    "the last ticket deleted": (
        "tables", ("ticket", "draw", "void"),
        "DELETE FROM raffle_ticket t WHERE raffle_id = %s AND number = 6"
        " AND NOT EXISTS (SELECT FROM raffle_draw d WHERE d.ticket_id = t.id)",
    ),
    "a void taken back": (
        "tables", ("void",),
        "DELETE FROM raffle_void WHERE ticket_id IN"
        " (SELECT id FROM raffle_ticket WHERE raffle_id = %s)",
    ),
    "a void's reason changed": (
        "tables", ("void",),
        "UPDATE raffle_void SET reason = 'other' WHERE ticket_id IN"
        " (SELECT id FROM raffle_ticket WHERE raffle_id = %s)",
    ),
    "a void's time changed": (
        "tables", ("void",),
        "UPDATE raffle_void SET voided_at = now() WHERE ticket_id IN"
        " (SELECT id FROM raffle_ticket WHERE raffle_id = %s)",
    ),
    "a purchase's time changed": (
        "tables", ("purchase",),
        "UPDATE raffle_purchase SET purchased_at = now() WHERE raffle_id = %s",
    ),
    "somebody else who drew": (
        "draw", ("draw",), "UPDATE raffle_draw SET drawn_by_id = NULL WHERE raffle_id = %s",
    ),
    "another description": (
        "tables", ("raffle",),
        "UPDATE raffle_raffle SET description = 'Win a car' WHERE id = %s",
    ),
    "a purchase's quantity changed": (
        "tables", ("purchase",),
        "UPDATE raffle_purchase SET quantity = 3 WHERE raffle_id = %s AND quantity = 2",
    ),
    "another winner": (
        "draw", ("draw",),
        "UPDATE raffle_draw d SET ticket_id = (SELECT id FROM raffle_ticket t WHERE"
        " t.raffle_id = d.raffle_id AND t.id <> d.ticket_id AND t.number <> 4 LIMIT 1)"
        " WHERE raffle_id = %s",
    ),
    "the draw erased": ("draw", ("draw",), "DELETE FROM raffle_draw WHERE raffle_id = %s"),
    "the raffle reopened": (
        "tables", ("raffle",), "UPDATE raffle_raffle SET status = 'OPEN' WHERE id = %s",
    ),
    "another prize": (
        "tables", ("raffle",), "UPDATE raffle_raffle SET prize = 'A pencil' WHERE id = %s",
    ),
    "a later closing time": (
        "tables", ("raffle",),
        "UPDATE raffle_raffle SET closes_at = '2999-01-01T00:00Z' WHERE id = %s",
    ),
    "a ticket's number changed": (
        "tables", ("ticket",),
        "UPDATE raffle_ticket SET number = 7 WHERE raffle_id = %s AND number = 6",
    ),
    "a ticket that the ledger has not": (
        "tables", ("ticket",),
        "INSERT INTO raffle_ticket (raffle_id, purchase_id, buyer_id, number, slot,"
        " raffle_capacity, raffle_limit, code) SELECT raffle_id, purchase_id, buyer_id, 7, 2,"
        " raffle_capacity, raffle_limit, md5(random()::text) FROM raffle_ticket"
        " WHERE raffle_id = %s AND number = 6",
    ),
    "a purchase that the ledger has not": (
        "tables", ("purchase",),
        "INSERT INTO raffle_purchase (id, raffle_id, buyer_id, buyer_is_staff, key, quantity,"
        " first_number, unit_price, ledger_seq, purchased_at) SELECT gen_random_uuid(), raffle_id,"
        " buyer_id, false, 'another', 1, 7, unit_price, 10, purchased_at FROM raffle_purchase"
        " WHERE raffle_id = %s AND first_number = 6",
    ),
    "a purchase that points to another line": (
        "tables", ("purchase",),
        "UPDATE raffle_purchase SET ledger_seq = 2 WHERE raffle_id = %s AND first_number = 1",
    ),
    "a purchase that begins elsewhere": (
        "tables", ("purchase",),
        "UPDATE raffle_purchase SET first_number = 2 WHERE raffle_id = %s AND first_number = 1",
    ),
    "a purchase at another price": (
        "tables", ("purchase",),
        "ALTER TABLE raffle_purchase DROP CONSTRAINT purchase_copies_raffle_price;"
        "UPDATE raffle_purchase SET unit_price = 1 WHERE raffle_id = %s AND first_number = 1",
    ),
    "two buyers swapped": (
        "tables", ("purchase", "ticket"),
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_belongs_to_its_purchase,"
        " DROP CONSTRAINT ticket_slot_once;"
        "CREATE TEMP TABLE swap ON COMMIT DROP AS SELECT a.purchase_id, b.buyer_id"
        " FROM raffle_ticket a JOIN raffle_ticket b USING (raffle_id)"
        " WHERE raffle_id = %s AND a.number + b.number = 11 AND a.number IN (5, 6);"
        "UPDATE raffle_purchase p SET buyer_id = s.buyer_id FROM swap s WHERE s.purchase_id = p.id;"
        "UPDATE raffle_ticket t SET buyer_id = s.buyer_id FROM swap s"
        " WHERE s.purchase_id = t.purchase_id",
    ),
    "a ticket of another buyer's purchase": (
        "tables", ("ticket",),
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_belongs_to_its_purchase;"
        "UPDATE raffle_ticket t SET purchase_id = p.purchase_id FROM raffle_ticket p"
        " WHERE p.raffle_id = t.raffle_id AND p.number = 5 AND t.raffle_id = %s AND t.number = 6",
    ),
    "a ticket with another holder": (
        "tables", ("ticket",),
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_belongs_to_its_purchase;"
        "UPDATE raffle_ticket t SET buyer_id = p.buyer_id, slot = 2 FROM raffle_ticket p"
        " WHERE p.raffle_id = t.raffle_id AND p.number = 5 AND t.raffle_id = %s AND t.number = 6",
    ),
    "a ticket sold under another capacity": (
        "tables", ("ticket",),
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_copies_raffle_limits;"
        "UPDATE raffle_ticket SET raffle_capacity = 9 WHERE raffle_id = %s AND number = 6",
    ),
    "a ticket sold under another limit": (
        "tables", ("ticket",),
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_copies_raffle_limits;"
        "UPDATE raffle_ticket SET raffle_limit = 3 WHERE raffle_id = %s AND number = 6",
    ),
    "a slot beyond the limit": (
        "tables", ("ticket",),
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_slot_within_limit;"
        "UPDATE raffle_ticket SET slot = 3 WHERE raffle_id = %s AND number = 6",
    ),
    "a slot 0": (
        "tables", ("ticket",),
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_slot_within_limit;"
        "UPDATE raffle_ticket SET slot = 0 WHERE raffle_id = %s AND number = 6",
    ),
    "a draw of other entries": (
        "draw", ("draw",), "UPDATE raffle_draw SET entries = entries + 1 WHERE raffle_id = %s",
    ),
    "a draw with another pick": (
        "draw", ("draw",), "UPDATE raffle_draw SET picked = (picked + 1) %% 5 WHERE raffle_id = %s",
    ),
    "a draw from another list": (
        "draw", ("draw",), "UPDATE raffle_draw SET manifest = 'd' WHERE raffle_id = %s",
    ),
    "a draw at another time": (
        "draw", ("draw",),
        "UPDATE raffle_draw SET drawn_at = drawn_at + interval '1 second' WHERE raffle_id = %s",
    ),
}  # fmt: skip

# Each breaks one thing that makes the last line (10) follow; its hash is right unless that is it.
BROKEN_LINKS = {
    "its hash": "hash = repeat('0', 64)",
    "its place in the table": "seq = 11",
    "its kind in the table": "kind = 'void'",
    "its time in the table": "at = at + interval '1 second'",
    "its place": """line = replace(line, '"seq":10', '"seq":11')""",
    "the line before": """line = regexp_replace(line, '"prev":"[^"]*"', '"prev":"0"')""",
    "its raffle": """line = regexp_replace(line, '"raffle":"[^"]*"', '"raffle":"0"')""",
    "its spelling": """line = replace(line, ',"kind"', ', "kind"')""",
    "its language": "line = 'drawn'",
}


@pytest.mark.parametrize("link", BROKEN_LINKS)
def test_a_line_that_does_not_follow_is_found(raffle: Raffle, link: str) -> None:
    with forging("ledgerentry"):
        last = "raffle_id = %s AND seq >= 10"
        sql(f"UPDATE raffle_ledgerentry SET {BROKEN_LINKS[link]} WHERE {last}", raffle.pk)
        if link != "its hash":
            rehash = "encode(sha256(convert_to(line, 'UTF8')), 'hex')"
            sql(f"UPDATE raffle_ledgerentry SET hash = {rehash} WHERE {last}", raffle.pk)
        assert "chain" in failed(raffle)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_found(forgery: str) -> None:
    check, tables, statement = FORGERIES[forgery]
    raffle = last_ticket_did_not_win()
    with forging(*tables):
        sql(statement, raffle.pk)
        assert check in failed(raffle)


def last_ticket_did_not_win() -> Raffle:
    """So that the last ticket can be deleted by a forger without breaking a key."""
    while True:
        raffle = played()
        if raffle.draw.ticket.number != 6:
            return raffle


def rewritten(raffle: Raffle, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Rewrite the whole ledger with all hashes right, as whoever owns the database could."""
    lines = [json.loads(e.line) for e in raffle.ledger.order_by("seq")]
    change(lines)
    sql("ALTER TABLE raffle_purchase DROP CONSTRAINT purchase_stands_in_the_ledger")
    sql("DELETE FROM raffle_ledgerentry WHERE raffle_id = %s", raffle.pk)
    head, entries = ledger.Head(), []
    for says in lines:
        at = __import__("datetime").datetime.fromisoformat(says["at"])
        entries.append(ledger.entry(head, raffle.uuid, says["kind"], at, says))
        head = entries[-1].head
    LedgerEntry.objects.add(raffle, entries)


def line_of(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(says for says in lines if says["kind"] == kind)


REWRITINGS: dict[str, tuple[str, Callable[[list[dict[str, Any]]], Any]]] = {
    "a purchase put in": (
        "numbers", lambda lines: lines.insert(3, dict(line_of(lines, "purchase"))),
    ),
    "a purchase left out": ("numbers", lambda lines: lines.pop(3)),
    "two purchases swapped": (
        "numbers", lambda lines: lines.__setitem__(slice(3, 5), lines[4:2:-1]),
    ),
    "one buyer for all": (
        "limit", lambda lines: [
            says.update(buyer="b" * 32) for says in lines if says["kind"] == "purchase"
        ],
    ),
    "sold after the close": ("window", lambda lines: lines.append(lines.pop(4))),
    "sold before opening": ("window", lambda lines: lines.insert(1, lines.pop(4))),
    "sold after closing time": (
        "window",
        lambda lines: [
            line_of(lines, kind)["terms"].update(closes_at="2000-01-01T00:00:00.000000Z")
            for kind in ("created", "opened")
        ],
    ),
    "a smaller capacity": (
        "numbers",
        lambda lines: [
            line_of(lines, kind)["terms"].update(capacity=5) for kind in ("created", "opened")
        ],
    ),
    "a leaf of somebody else's": (
        "tables", lambda lines: line_of(lines, "purchase")["tickets"][0].update(leaf="c" * 64),
    ),
    "another manifest": ("manifest", lambda lines: line_of(lines, "closed").update(manifest="d")),
    "other counts at the close": (
        "manifest", lambda lines: line_of(lines, "closed").update(sold=6, void=0),
    ),
    "another pick": (
        "draw", lambda lines: line_of(lines, "drawn").update(
            picked=(line_of(lines, "drawn")["picked"] + 1) % 5
        ),
    ),
    "another winner": (
        "draw", lambda lines: line_of(lines, "drawn").update(
            number=line_of(lines, "drawn")["number"] % 6 + 1
        ),
    ),
    "fewer entries": ("draw", lambda lines: line_of(lines, "drawn").update(entries=4)),
    "a second draw": ("life", lambda lines: lines.append(dict(lines[-1]))),
    "drawn before the close": (
        "life", lambda lines: lines.__setitem__(slice(-2, None), lines[:-3:-1]),
    ),
    "a void of nothing": ("numbers", lambda lines: line_of(lines, "void").update(number=9)),
    "a void forgotten": ("tables", lambda lines: lines.remove(line_of(lines, "void"))),
    "terms changed after the sale": (
        "life",
        lambda lines: lines.insert(4, dict(lines[0], kind="changed", after={"prize": "x"})),
    ),
    "an unknown kind": ("life", lambda lines: lines.insert(4, dict(lines[0], kind="note"))),
    "a line that cannot be read": ("life", lambda lines: line_of(lines, "purchase").pop("tickets")),
    "sold before opening time": (
        "window",
        lambda lines: [
            line_of(lines, kind)["terms"].update(opens_at="2999-01-01T00:00:00.000000Z")
            for kind in ("created", "opened")
        ],
    ),
    "opened on other terms": (
        "life", lambda lines: line_of(lines, "opened")["terms"].update(prize="A pencil"),
    ),
    "a void twice": ("life", lambda lines: lines.insert(8, dict(line_of(lines, "void")))),
    "a void after the close": ("life", lambda lines: lines.insert(8, lines.pop(7))),
    "a void of number 0": ("numbers", lambda lines: line_of(lines, "void").update(number=0)),
    "the last purchase left out": ("tables", lambda lines: lines.pop(6)),
    "more sold at the close": ("manifest", lambda lines: line_of(lines, "closed").update(sold=6)),
    "fewer void at the close": ("manifest", lambda lines: line_of(lines, "closed").update(void=0)),
    "more unsold at the close": (
        "manifest", lambda lines: line_of(lines, "closed").update(unsold=3),
    ),
    "drawn from another list": ("draw", lambda lines: lines[-1].update(manifest="d" * 64)),
}  # fmt: skip


@pytest.mark.parametrize("rewriting", REWRITINGS)
def test_a_rewritten_ledger_is_found_though_every_hash_is_right(rewriting: str) -> None:
    check, change = REWRITINGS[rewriting]
    raffle = played()
    with forging("ledgerentry", "purchase"):
        rewritten(raffle, change)
        found = failed(raffle)
    assert check in found
    assert "chain" not in found


def test_control_a_ledger_rewritten_without_a_change_passes() -> None:
    raffle = played()
    with forging("ledgerentry", "purchase"):
        rewritten(raffle, lambda lines: None)
        assert failed(raffle) == {"guards"}, "only the dropped constraint"


def test_staff_with_a_ticket_is_found(raffle: Raffle) -> None:
    holder = raffle.tickets.get(number=1).buyer
    with forging("purchase"):
        sql("ALTER TABLE raffle_purchase DROP CONSTRAINT purchase_buyer_is_not_staff")
        sql("UPDATE accounts_user SET is_staff = true WHERE id = %s", holder.pk)
        assert {"staff", "guards"} <= failed(raffle)


@pytest.mark.parametrize(
    "sabotage",
    [
        "ALTER TABLE raffle_ticket DISABLE TRIGGER ticket_append_only",
        "ALTER TABLE raffle_ticket ENABLE TRIGGER ticket_append_only",  # no longer ALWAYS
        "DROP TRIGGER raffle_tickets_sold ON raffle_ticket",
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_slot_once",
        "ALTER TABLE raffle_purchase DROP CONSTRAINT purchase_copies_raffle_price",
        "CREATE OR REPLACE FUNCTION raffle_append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN COALESCE(NEW, OLD); END $$",
    ],
)
def test_a_guard_that_is_not_in_force_is_found(raffle: Raffle, sabotage: str) -> None:
    with forging():
        sql(sabotage)
        assert "guards" in failed(raffle)


def test_the_guards_that_are_expected_are_all_that_there_are() -> None:
    """A guard that a later migration adds must be added to the list that is checked."""
    with connection.cursor() as cursor:
        cursor.execute(
            r"SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
            r" AND tgrelid::regclass::text LIKE 'raffle\_%'"
        )
        assert {name for (name,) in cursor.fetchall()} == guards.TRIGGERS
    assert guards.missing() == []
