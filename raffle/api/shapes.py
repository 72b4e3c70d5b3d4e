"""What goes into the API and what comes out. Types are exact: "2", 2.0 and true are no numbers."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from ninja.params.functions import Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticUndefined

from raffle import ledger
from raffle.models import MAX_CAPACITY, MOST_A_PURCHASE, Raffle

# --- In -------------------------------------------------------------------------------------------

Slug = Annotated[str, Path(..., pattern="^[-a-zA-Z0-9_]+$", description="The last part of a URL.")]
After = Annotated[int, Query(0, ge=0, le=MAX_CAPACITY, description="Only higher numbers.")]
IdempotencyKey = Annotated[
    str,
    Header(
        PydanticUndefined,
        default_factory=lambda: str(uuid.uuid4()),
        alias="Idempotency-Key",
        pattern="^[!-~]{1,200}$",
        description="Makes asking twice the same as asking once. Without it, one is made up.",
    ),
]
IF_NONE_MATCH = {"in": "header", "name": "If-None-Match", "schema": {"type": "string"}}


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    quantity: int = Field(ge=1, le=MOST_A_PURCHASE)
    user_id: int | None = Field(None, alias="userId", description="Nobody but yourself.")


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(
        max_length=1000,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="Stays in the public record; not blank.",
    )


# --- Out ------------------------------------------------------------------------------------------

Timestamp = Annotated[
    datetime,
    PlainSerializer(ledger.timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


PrizeState = Literal["unclaimed", "claimed", "forfeited"]


class LedgerHead(BaseModel):
    seq: int
    hash: str


class SealLine(BaseModel):
    """The ledger's line that seals the draw; `round` and `round_at` in the beacon method."""

    seq: int
    hash: str
    round: int | SkipJsonSchema[None] = None
    round_at: Timestamp | SkipJsonSchema[None] = None


class Prize(BaseModel):
    """Who holds a prize: after a forfeit the next in line, null if nobody is left or ever was."""

    prize: int
    name: str
    number: int | None
    state: PrizeState
    claim_by: Timestamp | None


class State(BaseModel):
    """A raffle now. `sealed` is there once the draw is sealed; `winning_ticket` and `prizes` when
    it has been drawn, and not before.
    """

    slug: str
    name: str
    status: Literal["OPEN", "CLOSED"]
    capacity: int
    sold: int
    remaining: int
    limit: int
    price: Decimal
    currency: str
    opens_at: Timestamp | None
    closes_at: Timestamp | None
    method: Raffle.Method
    cancelled: bool
    ledger_head: LedgerHead
    sealed: SealLine | SkipJsonSchema[None] = None
    winning_ticket: int | SkipJsonSchema[None] = None
    prizes: list[Prize] | SkipJsonSchema[None] = None


class Bought(BaseModel):
    success: Literal[True]
    tickets: list[int]
    remaining: int
    purchase: uuid.UUID
    key: str


class OwnTicket(BaseModel):
    number: int
    code: str
    void: bool
    purchased_at: Timestamp
    purchase: uuid.UUID
    receipt: str


class OwnTickets(BaseModel):
    """A page of tickets; `next`, absent on the last page, is the next page's `after`."""

    tickets: list[OwnTicket]
    next: int | SkipJsonSchema[None] = None


class Closed(BaseModel):
    success: Literal[True]
    status: Literal["CLOSED"]
    sold: int
    unsold: int


class Reconciled(BaseModel):
    """Valid `sold` + `void` + `unsold` is the capacity; `manifest` is the hash of their list."""

    success: Literal[True]
    sold: int
    void: int
    unsold: int
    manifest: str


class Cancelled(BaseModel):
    success: Literal[True]
    status: Literal["CLOSED"]
    cancelled: Literal[True]
    tickets: int


class Sealed(BaseModel):
    """The draw is sealed, and its beacon round is to come: ask again in `retry_after` seconds."""

    success: Literal[True]
    sealed: SealLine
    entries: int
    manifest: str
    retry_after: int


class Drawn(BaseModel):
    """The `picked`-th (from 0) of `entries` valid tickets won the first prize; `manifest` is their
    list's hash, `order` the numbers of all tickets picked.
    """

    success: Literal[True]
    winning_ticket: int
    entries: int
    picked: int
    order: list[int]
    manifest: str
    drawn_at: Timestamp
    already_drawn: bool


class Kind(BaseModel):
    """A kind of problem."""

    code: str
    status: int
    title: str
