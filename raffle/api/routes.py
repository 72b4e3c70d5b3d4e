"""The JSON API, for programs; docs/api.md says how to use it, /api/openapi.json describes it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja.decorators import decorate_view

from raffle import closing, drawing, selling
from raffle.api.frame import Api, Json, SignedIn, SignedInRequest, problems, publicly
from raffle.api.problems import NotFound, kinds, problem
from raffle.api.shapes import (
    IF_NONE_MATCH,
    After,
    Bought,
    Closed,
    Drawn,
    IdempotencyKey,
    Kind,
    LedgerHead,
    OwnTicket,
    OwnTickets,
    Reason,
    Slug,
    State,
    Wanted,
)
from raffle.errors import BeaconLate, NotYourself, Refusal
from raffle.models import Draw, Raffle, Seal, Ticket

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
    raffles = Raffle.objects.public().as_it_stands().select_related("draw__ticket")
    raffle = get_object_or_404(raffles, slug=slug)
    shown = State(
        slug=raffle.slug,
        name=raffle.name,
        status="OPEN" if raffle.is_selling(raffle.now) else "CLOSED",
        capacity=raffle.capacity,
        sold=raffle.sold,
        remaining=raffle.remaining,
        limit=raffle.limit,
        price=raffle.price,
        currency=raffle.currency,
        opens_at=raffle.opens_at,
        closes_at=raffle.closes_at,
        ledger_head=LedgerHead(seq=raffle.head_seq, hash=raffle.head_hash),
    )
    draw: Draw | None = getattr(raffle, "draw", None)
    if draw is not None and shown.status == "CLOSED":
        shown.winning_ticket = draw.ticket.number
    return shown


@api.get("/problems/{slug:code}", response={200: Kind} | problems(404))
def problem_kind(request: HttpRequest, code: Slug) -> Kind:
    """What the `type` of a problem points to."""
    if kind := kinds().get(code):
        return Kind(code=code, status=kind.status, title=kind.title)
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
    raffle = get_object_or_404(Raffle.objects.public().only("pk"), slug=slug)
    held = (
        Ticket.objects.filter(raffle=raffle, buyer=request.user, number__gt=after)
        .select_related("void", "purchase")
        .order_by("number")
    )
    shown = [
        OwnTicket(
            number=ticket.number,
            code=ticket.code,
            void=ticket.is_void,
            purchased_at=ticket.purchase.purchased_at,
            purchase=ticket.purchase_id,
        )
        for ticket in held[: PAGE + 1]
    ]
    if len(shown) <= PAGE:
        return OwnTickets(tickets=shown)
    return OwnTickets(tickets=shown[:PAGE], next=shown[PAGE - 1].number)


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
    "/admin/raffles/{slug:slug}/draw-winner",
    auth=SignedIn("raffle.draw_winner"),
    response={200: Drawn} | problems(*OF_BUTTONS),
)
def draw_winner(request: SignedInRequest, slug: Slug) -> Drawn:
    """Draw the winner and publish it, closing first if need be; asked again, the same answer."""
    raffle = get_object_or_404(Raffle.objects.select_related("draw"), slug=slug)
    draw = drawing.draw_winner(raffle_id=raffle.pk, by=request.user)
    if isinstance(draw, Seal):
        raise BeaconLate
    return Drawn(
        success=True,
        winning_ticket=draw.ticket.number,
        entries=draw.entries,
        picked=draw.picked[0],
        manifest=draw.manifest,
        drawn_at=draw.drawn_at,
        already_drawn=hasattr(raffle, "draw"),
    )
