"""What allauth asks this site."""

from __future__ import annotations

import segno
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """A new address takes the old one's place unless its mailbox is another account's: that is
        told only now, to somebody who reads its mail.
        """
        if not User.objects.has_mailbox(email_address.email, besides=email_address.user_id):
            try:
                with transaction.atomic():
                    return bool(super().confirm_email(request, email_address))
            except IntegrityError:  # somebody was quicker
                pass
        messages.error(request, _("Another account has this mailbox already."))
        return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def build_totp_svg(self, url: str) -> str:
        """The QR code for the authenticator app, drawn as those of receipts are."""
        drawn: str = segno.make_qr(url).svg_inline(
            svgclass="qr", lineclass=None, omitsize=True, light="#fff", border=4
        )
        return drawn
