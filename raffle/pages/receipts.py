"""Receipts: on screen, as text, on paper. Only their buyer gets to see the validation codes.

Every answer is `no-store`, and the site's referrer policy keeps the address from other sites.
"""

from __future__ import annotations

from uuid import UUID

import segno
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from raffle import receipts
from raffle.models import Purchase, ReceiptCopy
from raffle.receipts import PurchaseReceipt

MOST_QR_CODES = 12  # a receipt with more tickets lists them, with one QR code for all
MAY_REPRINT = "raffle.reprint_receipt"


@never_cache
@login_required
@require_safe
def show(request: HttpRequest, purchase: UUID) -> HttpResponse:
    return render(request, "raffle/receipt.html", _context(_receipt(request, purchase)))


@never_cache
@login_required
@require_safe
def text(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """The receipt as a file to keep, with the receipt lines as the verifier takes them."""
    receipt = _receipt(request, purchase)
    name = f"receipt-{receipt.raffle.slug}-{receipt.purchase.first_number}.txt"
    response = render(
        request, "mail/receipt.txt", {"receipt": receipt}, "text/plain; charset=utf-8"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@never_cache
@require_POST
def print_copy(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Log a copy and show it. Not a redirect: whoever reloads it prints another, and it says so."""
    if not isinstance(request.user, User):
        return redirect_to_login(reverse("raffle:receipt", args=[purchase]))
    receipt = _receipt(request, purchase)
    copy = ReceiptCopy.objects.add(receipt.purchase, request.user)
    context = _context(receipt) | {"copy": copy, "printed_at": receipts.spell(copy.printed_at)}
    return render(request, "raffle/receipt_print.html", context)


def _receipt(request: HttpRequest, key: UUID) -> PurchaseReceipt:
    """Whole for its buyer, masked for staff who may reprint it, 404 for everybody else."""
    bought = get_object_or_404(Purchase.objects.select_related("raffle"), pk=key)
    user = request.user
    is_buyer = user.pk == bought.buyer_id
    if not is_buyer and not (user.is_staff and user.has_perm(MAY_REPRINT)):
        raise Http404
    (receipt,) = receipts.of(bought.raffle, [bought], request.build_absolute_uri("/")[:-1])
    return receipt if is_buyer else receipt.masked()


def _context(receipt: PurchaseReceipt) -> dict[str, object]:
    is_list = len(receipt.stubs) > MOST_QR_CODES
    codes = not receipt.is_masked
    return {
        "receipt": receipt,
        "raffle": receipt.raffle,
        "is_list": is_list,
        "slips": [
            (stub, qr_code(receipt.check_one_url(stub)) if codes else "")
            for stub in receipt.stubs[: 1 if is_list else None]
        ],
    }


def qr_code(text: str) -> SafeString:
    """`text` as <svg>. The mask is fixed: trying all eight takes four times as long."""
    code = segno.make_qr(text, error="m", boost_error=False, mask=0)
    svg = code.svg_inline(svgclass="qr", lineclass=None, omitsize=True, light="#fff")
    return mark_safe(svg)  # noqa: S308 - drawn by segno: coordinates, and nothing of the text
