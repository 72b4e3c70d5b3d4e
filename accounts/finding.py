"""Finding an account by its address, as large as the table of accounts may be."""

from __future__ import annotations

import re

from django.db.models.functions import Lower

from accounts.models import User

WHOLE = re.compile(r"[^@\s]+@[^@\s]+\.\w{2,}")


def named_in_full(term: str) -> list[int] | None:
    """The numbers of the accounts with this e-mail address, by an index; None if it is no whole
    address, so that only a look at all accounts can tell.
    """
    if not WHOLE.fullmatch(term):
        return None
    spelled = User.objects.annotate(spelled=Lower("email"))
    return list(spelled.filter(spelled=term.lower()).values_list("pk", flat=True))
