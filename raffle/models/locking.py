"""How raffles are looked at: which are public, as they stand now, and under the one lock."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Greatest

if TYPE_CHECKING:
    from raffle.models.raffles import Raffle


class ClockTimestamp(models.Func):
    """The database's clock now; NOW() would be when the transaction began, before the lock."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


class RaffleQuerySet(models.QuerySet["Raffle"]):
    def public(self) -> RaffleQuerySet:
        return self.exclude(status="DRAFT")

    def pictured(self) -> RaffleQuerySet:
        """With what it takes to show the picture, if there is one, in the same statement."""
        return self.select_related("picture").defer("picture__wide", "picture__small")

    def lock(self, raffle_id: int) -> Raffle:
        """Hold the raffle's row until COMMIT: every sale, change, void, close and draw queues here.

        One row, nothing joined. Look in a second statement: this one's snapshot was taken before
        it waited. NO KEY, so that rows which refer to the raffle can still be inserted.
        """
        return self.select_for_update(no_key=True).only("pk").get(pk=raffle_id)

    def lock_and_look(self, raffle_id: int) -> Raffle:
        """Lock, then read the raffle as it stands: only what is read after the lock is true."""
        self.lock(raffle_id)
        return self.as_it_stands().get(pk=raffle_id)

    def as_it_stands(self) -> RaffleQuerySet:
        """With `now`, `sold` and the ledger's head. Numbers are dense: the highest is the count.

        `now` is the database's clock, and never before the ledger's last line, so that a clock
        that is set back does not make the record go back in time.
        """
        written = _lookup(
            "at FROM raffle_ledgerentry", models.DateTimeField(), "ORDER BY seq DESC LIMIT 1"
        )
        return self.annotate(  # type: ignore[no-redef]  # declared below for those who read them
            now=Greatest(ClockTimestamp(), written),
            sold=_lookup("coalesce(max(number), 0) FROM raffle_ticket", models.IntegerField()),
            head_seq=_lookup(
                "coalesce(max(seq), 0) FROM raffle_ledgerentry", models.IntegerField()
            ),
            head_hash=_lookup(
                "hash FROM raffle_ledgerentry", models.CharField(), "ORDER BY seq DESC LIMIT 1"
            ),
        )

    def as_seen_by(self, buyer_id: int) -> RaffleQuerySet:
        """As it stands, and how many tickets the buyer `held`: their slots are dense, too."""
        held = _lookup(
            "coalesce(max(slot), 0) FROM raffle_ticket", models.IntegerField(),
            "AND buyer_id = %s", buyer_id,
        )  # fmt: skip
        return self.as_it_stands().annotate(held=held)  # type: ignore[no-redef]

    def asked_by(self, raffle_id: int, buyer_ids: list[int], keys: list[str]) -> Raffle:
        """The raffle as it stands, how many tickets each of the buyers `holds`, and whether any
        has used the key at the same place before: `repeated`.

        One statement, for the lock is held; and Django writes it once, which takes it as long as
        the answer takes PostgreSQL.
        """
        return self.raw(_asked_by(), [buyer_ids, buyer_ids, keys, raffle_id])[0]


@functools.cache
def _asked_by() -> str:
    """Looked up one by one: the planner knows nothing of what was just sold, and would read all."""
    holds = RawSQL(
        "ARRAY(SELECT coalesce((SELECT max(slot) FROM raffle_ticket t"
        " WHERE t.raffle_id = raffle_raffle.id AND t.buyer_id = asked.buyer_id), 0)"
        " FROM unnest(%s::bigint[]) WITH ORDINALITY AS asked(buyer_id, place) ORDER BY place)",
        [None],
    )
    repeated = RawSQL(
        "EXISTS (SELECT FROM unnest(%s::bigint[], %s::text[]) AS asked(buyer_id, key)"
        " WHERE (SELECT true FROM raffle_purchase p"
        " WHERE p.buyer_id = asked.buyer_id AND p.key = asked.key))",
        [None, None],
    )
    asked = RaffleQuerySet(model=apps.get_model("raffle", "Raffle")).as_it_stands()
    query = asked.annotate(holds=holds, repeated=repeated).filter(pk=0).query  # type: ignore[no-redef]
    statement: str = query.sql_with_params()[0]
    return statement


class AsItStands(models.Model):
    """What RaffleQuerySet.as_it_stands() fills in."""

    now: datetime
    sold: int
    head_seq: int
    head_hash: str
    held: int  # as_seen_by() only
    holds: list[int]  # asked_by() only, as the next
    repeated: bool

    class Meta:
        abstract = True


def _lookup(what: str, kind: models.Field[Any, Any], rest: str = "", *params: Any) -> RawSQL:
    """One value from a raffle's rows in another table. Raw, because Django takes three
    milliseconds to put the same together from subqueries: longer than the whole sale.
    """
    return RawSQL(  # noqa: S611 - nothing in it comes from outside
        f"(SELECT {what} WHERE raffle_id = raffle_raffle.id {rest})", params, kind
    )
