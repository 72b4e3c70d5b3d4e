"""Which rules live in the database, by name, and whether they are all in force."""

from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps
from django.db import connection

SQL = tuple((Path(__file__).parent / "migrations").glob("*.sql"))
APPEND_ONLY = (
    "ticket", "purchase", "void", "proposal", "seal", "draw", "award", "claim", "forfeit",
    "ledgerentry", "receiptcopy",
)  # fmt: skip
TRIGGERS = frozenset(
    {
        "raffle_moves_forward",
        "raffle_never_deleted",
        "raffle_never_truncated",
        "raffle_tickets_sold",
        "raffle_purchase_made",
        "raffle_ticket_voided",
        "raffle_sealed",
        "raffle_sealed_in_time",
        "raffle_winner_drawn",
        "raffle_prize_awarded",
        "raffle_prize_claimed",
        "raffle_prize_forfeited",
        "raffle_ledger_continued",
        "picture_fixed",
        "picture_never_truncated",
    }
    | {f"{noun}_{rule}" for noun in APPEND_ONLY for rule in ("append_only", "never_truncated")}
)
IN_THE_LEDGER = ("void", "proposal", "seal", "draw", "award", "claim", "forfeit", "purchase")
FOREIGN_KEYS = frozenset(
    {
        "ticket_copies_raffle_limits",
        "ticket_belongs_to_its_purchase",
        "purchase_copies_raffle_price",
        "purchase_buyer_is_not_staff",
        "void_ticket_is_of_its_raffle",
        "proposal_ticket_is_of_its_raffle",
        "draw_ticket_is_of_its_raffle",
        "draw_follows_its_seal",
        "award_ticket_is_of_its_raffle",
        "claim_award_is_of_its_raffle",
        "forfeit_award_is_of_its_raffle",
    }
    | {f"{noun}_stands_in_the_ledger" for noun in IN_THE_LEDGER}
)


def expected() -> frozenset[str]:
    """Every trigger and named constraint that the migrations have put in place."""
    models = apps.get_app_config("raffle").get_models()
    constraints = {rule.name for model in models for rule in model._meta.constraints}
    return TRIGGERS | FOREIGN_KEYS | constraints


def in_force() -> frozenset[str]:
    """Those that the database has now, valid, and enabled always (triggers)."""
    with connection.cursor() as cursor:
        cursor.execute(
            r"""
            SELECT tgname FROM pg_trigger
              WHERE NOT tgisinternal AND tgenabled = 'A'
                AND tgrelid::regclass::text LIKE 'raffle\_%'
            UNION
            SELECT conname FROM pg_constraint
              WHERE convalidated AND conrelid::regclass::text LIKE 'raffle\_%'
            """
        )
        return frozenset(name for (name,) in cursor.fetchall())


def source() -> str:
    """Everything that the migrations have told the database to refuse."""
    return "".join(path.read_text("utf-8") for path in SQL)


def functions() -> dict[str, str]:
    """The functions behind the triggers, by name, as the migration wrote them."""
    return dict(re.findall(r"CREATE FUNCTION (\w+)\(.*?AS \$\$(.*?)\$\$;?", source(), re.DOTALL))


def hollow() -> list[str]:
    """Functions that are there, but no longer say what the migration wrote."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'raffle\\_%'")
        found = dict(cursor.fetchall())
    return sorted(name for name, body in functions().items() if found.get(name) != body)


def missing() -> list[str]:
    """The guards that somebody has dropped, switched off, or hollowed out."""
    return sorted(expected() - in_force()) + hollow()
