"""The JSON API, for programs; docs/api.md says how to use it, /api/openapi.json describes it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja.decorators import decorate_view
from ninja.responses import Status

from raffle import closing, drawing, selling
from raffle.api.frame import Api, Json, SignedIn, SignedInRequest, problems, publicly
from raffle.api.problems import NotFound, kinds, problem
from raffle.api.shapes import (
    IF_NONE_MATCH,
    After,
    Bought,
    Cancelled,
    Closed,
    Drawn,
    IdempotencyKey,
    Kind,
    OwnTicket,
    OwnTickets,
    Reason,
    Reconciled,
    Sealed,
    Slug,
    State,
    Wanted,
)
from raffle.api.standing import sealed_now, state_of
from raffle.errors import NotYourself, NumbersDiffer, Refusal, SecondPersonNeeded
from raffle.models import LedgerEntry, Raffle, Seal, Ticket

PAGE = 500  # tickets
OF_ALL = (404, 503)
OF_BUTTONS = (400, 401, 403, 409, 413, 415, *OF_ALL)

api = Api(
    title="Raffle",
    description="Sell tickets, draw the winner, and let everybody watch.",
    docs_url=None,  # its page would need scripts from elsewhere
    parser=Json(),
)

# --- For everybody --------------------------------------------------------------------------------


@api.get(
    "/raffles/{slug:slug}/state",
    response={200: State, 304: None} | problems(*OF_ALL),
    exclude_unset=True,
    openapi_extra={"parameters": [IF_NONE_MATCH]},
)
@api.api_operation(
    ["HEAD"],
    "/raffles/{slug:slug}/state",
    response=State,
    exclude_unset=True,
    include_in_schema=False,
)
@decorate_view(publicly)
def state(request: HttpRequest, slug: Slug) -> State:
    """How many tickets are left, whether they are on sale, and who won once that is known."""
    return state_of(get_object_or_404(Raffle.objects.public().as_it_stands(), slug=slug))


@api.get("/problems/{slug:code}", response={200: Kind} | problems(404))
def problem_kind(request: HttpRequest, code: Slug) -> Kind:
    """What the `type` of a problem points to."""
    if kind := kinds().get(code):
        return Kind(code=code, status=kind.status, title=str(kind.title))
    raise NotFound


# --- For buyers -----------------------------------------------------------------------------------


@api.post(
    "/raffles/{slug:slug}/purchase",
    auth=SignedIn(),
    response={200: Bought} | problems(*OF_BUTTONS, 422),
)
def purchase(
    request: SignedInRequest, slug: Slug, wanted: Wanted, key: IdempotencyKey
) -> Bought | HttpResponse:
    """Buy tickets: all that are wanted or none. The same key again gives the same tickets."""
    if wanted.user_id not in {None, request.user.pk}:
        raise NotYourself
    try:
        receipt = selling.purchase(slug=slug, buyer=request.user, quantity=wanted.quantity, key=key)
    except Raffle.DoesNotExist:
        raise NotFound from None
    except Refusal as refusal:
        return problem(request, refusal, key=key)
    return Bought(
        success=True,
        tickets=list(receipt.purchase.numbers),
        remaining=receipt.remaining,
        purchase=receipt.purchase.pk,
        key=key,
    )


@api.get(
    "/raffles/{slug:slug}/tickets",
    auth=SignedIn(),
    response={200: OwnTickets} | problems(401, 422, *OF_ALL),
    exclude_unset=True,
)
def tickets(request: SignedInRequest, slug: Slug, after: After) -> OwnTickets:
    """Your own tickets of a raffle, with their secret validation codes."""
    raffle = get_object_or_404(Raffle.objects.public().only("status"), slug=slug)
    held = (
        raffle.tickets.filter(buyer=request.user, number__gt=after)
        .select_related("void", "purchase")
        .order_by("number")
    )[: PAGE + 1]
    lines = LedgerEntry.objects.filter(
        raffle=raffle, seq__in={ticket.purchase.ledger_seq for ticket in held}
    )
    hashes = dict(lines.values_list("seq", "hash"))
    shown = [_own(ticket, hashes[ticket.purchase.ledger_seq]) for ticket in held]
    if len(shown) <= PAGE:
        return OwnTickets(tickets=shown)
    return OwnTickets(tickets=shown[:PAGE], next=shown[PAGE - 1].number)


def _own(ticket: Ticket, line: str) -> OwnTicket:
    """`line` is the hash of the purchase's line in the ledger."""
    return OwnTicket(
        number=ticket.number,
        code=ticket.code,
        void=ticket.is_void,
        purchased_at=ticket.purchase.purchased_at,
        purchase=ticket.purchase_id,
        receipt=f"{ticket.number}-{ticket.code}-{ticket.purchase.ledger_seq}-{line}",
    )


# --- For staff ------------------------------------------------------------------------------------


@api.post(
    "/admin/raffles/{slug:slug}/close",
    auth=SignedIn("raffle.close_raffle"),
    response={200: Closed} | problems(*OF_BUTTONS, 422),
)
def close(request: SignedInRequest, slug: Slug, told: Reason) -> Closed:
    """Stop the sales for good."""
    raffle = get_object_or_404(Raffle.objects.only("pk"), slug=slug)
    closed = closing.close_raffle(raffle_id=raffle.pk, by=request.user, reason=told.reason)
    return Closed(success=True, status="CLOSED", sold=closed.sold, unsold=closed.remaining)


@api.post(
    "/admin/raffles/{slug:slug}/reconcile",
    auth=SignedIn("raffle.close_raffle"),
    response={200: Reconciled} | problems(*OF_BUTTONS),
)
def reconcile(request: SignedInRequest, slug: Slug) -> Reconciled:
    """Confirm that the figures of a closed raffle add up, counted anew."""
    raffle = get_object_or_404(Raffle.objects.only("pk"), slug=slug)
    counted = closing.reconcile_raffle(raffle_id=raffle.pk, by=request.user)
    return Reconciled(success=True, **counted.figures())


@api.post(
    "/admin/raffles/{slug:slug}/cancel",
    auth=SignedIn("raffle.cancel_raffle"),
    response={200: Cancelled} | problems(*OF_BUTTONS, 422),
)
def cancel(request: SignedInRequest, slug: Slug, told: Reason) -> Cancelled:
    """Call everything off, for good: all tickets are void."""
    raffle = get_object_or_404(Raffle.objects.only("pk"), slug=slug)
    cancelled = closing.cancel_raffle(raffle_id=raffle.pk, by=request.user, reason=told.reason)
    return Cancelled(success=True, status="CLOSED", cancelled=True, tickets=cancelled.sold)


@api.post(
    "/admin/raffles/{slug:slug}/draw-winner",
    auth=SignedIn("raffle.draw_winner"),
    response={200: Drawn, 202: Sealed} | problems(*OF_BUTTONS),
)
def draw_winner(
    request: SignedInRequest, response: HttpResponse, slug: Slug
) -> Drawn | Status[Sealed]:
    """Draw the winners and publish them, closing first if need be; asked again, the same answer.

    With a beacon the first call seals the draw, and one after the sealed round draws it.
    """
    raffle = get_object_or_404(Raffle.objects.only("pk"), slug=slug)
    try:
        done = drawing.draw_winner(raffle_id=raffle.pk, by=request.user)
    except NumbersDiffer:  # those of a drum are entered, and confirmed, in the administration
        raise SecondPersonNeeded from None
    if isinstance(done, Seal):
        sealed = sealed_now(done)
        response.headers["Retry-After"] = str(sealed.retry_after)
        return Status(202, sealed)
    return Drawn(
        success=True,
        winning_ticket=done.order[0],
        entries=done.entries,
        picked=done.picked[0],
        order=done.order,
        manifest=done.manifest,
        drawn_at=done.drawn_at,
        # The call that drew has its own user in the draw; all others have read it from the table.
        already_drawn=done.drawn_by is not request.user,
    )
