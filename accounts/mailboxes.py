"""One person, one account, as far as an e-mail address can tell: which addresses are one mailbox.

Mail always goes to the address as it was typed; this form of it is only compared.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django.db import models

WITHOUT_DOTS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
SHARED = " #"  # behind it the number of an account that shared a mailbox before this was a rule


def canonical(email: str) -> str:
    """The same for addresses that reach the same mailbox: letters, quotes, `+tag`, domain,
    Gmail's dots.
    """
    local, at, domain = unicodedata.normalize("NFKC", email.strip()).casefold().rpartition("@")
    if not at:
        return domain
    if local.startswith('"') and local.endswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    local = local.partition("+")[0] or local
    domain = _ascii(domain)
    if domain in WITHOUT_DOTS:
        domain = WITHOUT_DOTS[domain]
        local = local.replace(".", "") or local
    return f"{local}@{domain}"


def _ascii(domain: str) -> str:
    try:
        return domain.rstrip(".").encode("idna").decode()
    except UnicodeError:
        return domain


class MailboxField(models.CharField):  # type: ignore[type-arg]
    """Follows the address of its account, whoever saves it."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        value, before = canonical(model_instance.email), getattr(model_instance, self.attname)
        if not before.startswith(value + SHARED):
            setattr(model_instance, self.attname, value)
        return str(getattr(model_instance, self.attname))
