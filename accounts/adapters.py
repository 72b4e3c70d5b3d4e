"""What allauth asks this site."""

from __future__ import annotations

import segno
from allauth.mfa.adapter import DefaultMFAAdapter


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def build_totp_svg(self, url: str) -> str:
        """The QR code for the authenticator app, drawn as those of receipts are."""
        drawn: str = segno.make_qr(url).svg_inline(
            svgclass="qr", lineclass=None, omitsize=True, light="#fff", border=4
        )
        return drawn
