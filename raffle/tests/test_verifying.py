"""Forge the record behind the back of every guard: the verifier names what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from raffle import awarding, closing, guards, ledger, organising, verifying
from raffle.models import LedgerEntry, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, draw, make_buyer, make_buyers, make_raffle, make_staff

TABLES = ("ledgerentry", *guards.IN_THE_LEDGER)


class Undo(Exception):
    """Ends a forgery: everything in it is rolled back."""


def played() -> Raffle:
    """A whole life: six sold, one void, closed, drawn; one prize claimed, the other passed on."""
    raffle, stella = make_raffle(capacity=8, price=2, prizes=["A bicycle", "A hat"]), make_staff()
    buy(raffle, make_buyer(), 2)
    for buyer in make_buyers(4):
        buy(raffle, buyer)
    ticket = raffle.tickets.get(number=4)
    organising.void_ticket(ticket_id=ticket.pk, by=stella, reason="a mistake")
    draw(raffle, stella)
    first, second = raffle.awards.select_related("ticket")
    awarding.record_claim(award_id=first.pk, by=stella, code=first.ticket.code)
    awarding.forfeit_prize(
        award_id=second.pk, by=stella, reason="moved away", code=second.ticket.code
    )
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
    return verifying.verify_snapshot(raffle.pk, lambda done, total: None)


def failed(raffle: Raffle) -> set[str]:
    return {check for check, _ in verdict(raffle).problems}


def test_an_honest_raffle_passes_every_check(raffle: Raffle) -> None:
    told: list[tuple[int, int]] = []
    result = verifying.verify(raffle.pk, lambda done, total: told.append((done, total)))
    assert result.failures == []
    assert (result.sold, result.void, result.entries) == (6, 1, 14)
    assert result.winner == raffle.draw.ticket.number
    assert told[-1] == (28, 28)


def test_it_passes_at_every_stage_of_a_raffle() -> None:
    raffle = make_raffle()
    assert verifying.verify(raffle.pk).failures == []
    buy(raffle, make_buyer(), 2)
    assert verifying.verify(raffle.pk).failures == []
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
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
        "tables", ("ledgerentry",),
        "ALTER TABLE raffle_forfeit DROP CONSTRAINT forfeit_stands_in_the_ledger;"
        "ALTER TABLE raffle_award DROP CONSTRAINT award_stands_in_the_ledger;"
        "DELETE FROM raffle_ledgerentry WHERE raffle_id = %s AND seq = 14",
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
        "tables", ("draw",), "UPDATE raffle_draw SET drawn_by_id = NULL WHERE raffle_id = %s",
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
        "tables", ("draw",),
        "UPDATE raffle_draw d SET ticket_id = (SELECT id FROM raffle_ticket t WHERE"
        " t.raffle_id = d.raffle_id AND t.id <> d.ticket_id AND t.number <> 4 LIMIT 1)"
        " WHERE raffle_id = %s",
    ),
    "the draw erased": ("tables", ("draw",), "DELETE FROM raffle_draw WHERE raffle_id = %s"),
    "other offsets in the seal": (
        "tables", ("seal",), "UPDATE raffle_seal SET offsets[1] = 4 - offsets[1] WHERE"
        " offsets[1] <> 2 AND raffle_id = %s; UPDATE raffle_seal SET offsets[2] = 3 - offsets[2]",
    ),
    "somebody else who sealed": (
        "tables", ("seal",), "UPDATE raffle_seal SET sealed_by_id = NULL WHERE raffle_id = %s",
    ),
    "other software in the seal": (
        "tables", ("seal",), "UPDATE raffle_seal SET software = 'x' WHERE raffle_id = %s",
    ),
    "a claim erased": ("tables", ("claim",), "DELETE FROM raffle_claim WHERE raffle_id = %s"),
    "a forfeit erased": ("tables", ("forfeit",), "DELETE FROM raffle_forfeit WHERE raffle_id = %s"),
    "a forfeit's reason changed": (
        "tables", ("forfeit",), "UPDATE raffle_forfeit SET reason = 'x' WHERE raffle_id = %s",
    ),
    "an award at another place": (
        "tables", ("award",),
        "UPDATE raffle_award SET place = place + 7 WHERE raffle_id = %s AND prize = 1",
    ),
    "longer to claim": (
        "tables", ("award",),
        "UPDATE raffle_award SET claim_by = claim_by + interval '1 day' WHERE raffle_id = %s",
    ),
    "a line by somebody else": (
        "tables", ("ledgerentry",),
        "UPDATE raffle_ledgerentry SET actor_id = NULL WHERE raffle_id = %s AND kind = 'claimed'",
    ),
    "the raffle reopened": (
        "tables", ("raffle",), "UPDATE raffle_raffle SET status = 'OPEN' WHERE id = %s",
    ),
    "another prize": (
        "tables", ("raffle",), "UPDATE raffle_raffle SET prizes = '{A pencil}' WHERE id = %s",
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
        "tables", ("draw",),
        "ALTER TABLE raffle_draw DROP CONSTRAINT draw_follows_its_seal;"
        "UPDATE raffle_draw SET entries = entries + 1 WHERE raffle_id = %s",
    ),
    "a draw with another pick": (
        "tables", ("draw",),
        "UPDATE raffle_draw SET picked[1] = picked[1] + 1 WHERE raffle_id = %s",
    ),
    "a draw from another list": (
        "tables", ("draw",),
        "ALTER TABLE raffle_draw DROP CONSTRAINT draw_follows_its_seal;"
        "UPDATE raffle_draw SET manifest = 'd' WHERE raffle_id = %s",
    ),
    "a draw at another time": (
        "tables", ("draw",),
        "UPDATE raffle_draw SET drawn_at = drawn_at + interval '1 second' WHERE raffle_id = %s",
    ),
}  # fmt: skip

# Each breaks one thing that makes the last line (14) follow; its hash is right unless that is it.
BROKEN_LINKS = {
    "its hash": ("tables", "hash = repeat('0', 64)"),
    "its place in the table": ("tables", "seq = 15"),
    "its kind in the table": ("tables", "kind = 'void'"),
    "its time in the table": ("tables", "at = at + interval '1 second'"),
    "its place": ("chain", """line = replace(line, '"seq":14', '"seq":15')"""),
    "the line before": ("chain", """line = regexp_replace(line, '"prev":"[^"]*"', '"prev":"0"')"""),
    "its raffle": ("chain", """line = regexp_replace(line, '"raffle":"[^"]*"', '"raffle":"0"')"""),
    "its spelling": ("chain", """line = replace(line, ',"kind"', ', "kind"')"""),
    "its language": ("chain", "line = 'drawn'"),
}


@pytest.mark.parametrize("link", BROKEN_LINKS)
def test_a_line_that_does_not_follow_is_found(raffle: Raffle, link: str) -> None:
    check, change = BROKEN_LINKS[link]
    with forging("ledgerentry", "forfeit", "award"):
        unbound()
        last = "raffle_id = %s AND seq >= 14"
        sql(f"UPDATE raffle_ledgerentry SET {change} WHERE {last}", raffle.pk)
        if link != "its hash":
            rehash = "encode(sha256(convert_to(line, 'UTF8')), 'hex')"
            sql(f"UPDATE raffle_ledgerentry SET hash = {rehash} WHERE {last}", raffle.pk)
        assert check in failed(raffle)


def unbound() -> None:
    """Take away the keys that hold the tables to the ledger."""
    for noun in guards.IN_THE_LEDGER:
        sql(f"ALTER TABLE raffle_{noun} DROP CONSTRAINT {noun}_stands_in_the_ledger")


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
        if not raffle.awards.filter(ticket__number=6).exists() and raffle.draw.ticket.number != 6:
            return raffle


def rewritten(raffle: Raffle, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Rewrite the whole ledger with all hashes right, as whoever owns the database could."""
    lines = [json.loads(e.line) for e in raffle.ledger.order_by("seq")]
    change(lines)
    actors = {e.kind: e.actor_id for e in raffle.ledger.exclude(kind="purchase")}
    buyers = {raffle.pseudonym(p.buyer_id): p.buyer_id for p in raffle.purchases.all()}
    unbound()
    sql("DELETE FROM raffle_ledgerentry WHERE raffle_id = %s", raffle.pk)
    head, entries = ledger.Head(), []
    for says in lines:
        at = datetime.fromisoformat(says["at"])
        entries.append(ledger.entry(head, raffle.uuid, says["kind"], at, says))
        head = entries[-1].head
    who = [buyers.get(says.get("buyer", ""), actors.get(says["kind"])) for says in lines]
    LedgerEntry.objects.add(raffle, entries, who)


def line_of(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(says for says in lines if says["kind"] == kind)


# What only the tables know is found here; the rest is the stand-alone verifier's, in verify/tests.
REWRITINGS: dict[str, tuple[str, Callable[[list[dict[str, Any]]], Any]]] = {
    "a purchase left out": ("numbers", lambda lines: lines.pop(3)),
    "the last purchase left out": ("tables", lambda lines: lines.pop(6)),
    "one buyer for all": (
        "limit", lambda lines: [
            says.update(buyer="b" * 32) for says in lines if says["kind"] == "purchase"
        ],
    ),
    "a leaf of somebody else's": (
        "tables", lambda lines: line_of(lines, "purchase")["tickets"][0].update(leaf="c" * 64),
    ),
    "another manifest": (
        "manifest", lambda lines: line_of(lines, "closed").update(manifest="d" * 64),
    ),
    "other counts at the close": (
        "reconciled", lambda lines: line_of(lines, "closed").update(sold=6, void=0),
    ),
    "another winner": ("draw", lambda lines: line_of(lines, "drawn")["order"].reverse()),
    "a second draw": ("life", lambda lines: lines.append(dict(line_of(lines, "drawn")))),
    "a void forgotten": ("tables", lambda lines: lines.remove(line_of(lines, "void"))),
    "a claim forgotten": ("tables", lambda lines: lines.remove(line_of(lines, "claimed"))),
    "another reason": ("tables", lambda lines: line_of(lines, "void").update(reason="another")),
    "other software": ("tables", lambda lines: line_of(lines, "sealed").update(software="x")),
    "an unknown kind": ("chain", lambda lines: lines.insert(4, dict(lines[0], kind="note"))),
    "a line that cannot be read": (
        "tables", lambda lines: line_of(lines, "purchase").pop("tickets"),
    ),
    "other terms": (
        "tables",
        lambda lines: [
            line_of(lines, kind)["terms"].update(rules="None.") for kind in ("created", "opened")
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rewriting", REWRITINGS)
def test_a_rewritten_ledger_is_found_though_every_hash_is_right(rewriting: str) -> None:
    check, change = REWRITINGS[rewriting]
    raffle = played()
    with forging(*TABLES):
        rewritten(raffle, change)
        assert check in failed(raffle)


def test_control_a_ledger_rewritten_without_a_change_passes() -> None:
    raffle = played()
    with forging(*TABLES):
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
