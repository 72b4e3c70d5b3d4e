"""Accounts that may be one person's: a question for people to look into, never an answer.

Only what the addresses themselves say is compared. Where somebody signed up from is not kept.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from django.db.models import Case, CharField, Count, F, Func, Q, QuerySet, Value, When, Window
from django.db.models.functions import Length

from accounts.erasing import NOWHERE
from accounts.mailboxes import SHARED
from accounts.models import User

MOST = 10_000  # people: nobody looks into more
SHORTEST = 5  # letters: shorter names are chance
ROLES = ("admin", "contact", "family", "hello", "office", "ticket", "tickets", "webmaster")
THROW_AWAY = (
    "10minutemail.com", "dispostable.com", "getnada.com", "guerrillamail.com", "mailinator.com",
    "maildrop.cc", "moakt.com", "sharklasers.com", "temp-mail.org", "tempmail.com",
    "throwawaymail.com", "trashmail.com", "yopmail.com",
)  # fmt: skip


class _Name(Func):
    """The letters of a mailbox's name: `anna.b-7@…` and `annab@…` have the same."""

    template = "regexp_replace(split_part(%(expressions)s, '@', 1), '[^[:alpha:]]', '', 'g')"
    output_field = CharField()


class _Domain(Func):
    """What stands behind the @, without the mark of an account that shares its mailbox."""

    template = f"split_part(split_part(%(expressions)s, '@', 2), '{SHARED}', 1)"
    output_field = CharField()


class Likeness(NamedTuple):
    """Somebody, why they are shown, and with whom: those of one `with_whom` belong together."""

    user: User
    mark: Literal["name", "throw-away"]
    with_whom: str


def alike(people: QuerySet[User], most: int = MOST) -> list[Likeness]:
    """Those of `people` whose addresses look like another one's, or like one to throw away; who
    belongs together stands together. At most so many.
    """
    seen = people.exclude(email__endswith=NOWHERE).annotate(
        name=_Name(F("mailbox")), domain=_Domain(F("mailbox"))
    )
    # Counted in passing: a raffle may have half a million buyers, and a name takes its time.
    named = seen.annotate(
        length=Length("name"), how_many=Window(Count("pk"), partition_by=F("name"))
    )
    by_name = When(~Q(name__in=ROLES), length__gte=SHORTEST, how_many__gt=1, then=Value("name"))
    by_domain = When(domain__in=THROW_AWAY, then=Value("throw-away"))
    mark = Case(by_name, by_domain, default=Value(""), output_field=CharField())
    marked = named.annotate(mark=mark).exclude(mark="").order_by("mark", "name", "pk")
    marked = marked.only("email", "mailbox")  # so much less to sort
    return [
        Likeness(user, user.mark, user.name if user.mark == "name" else user.mailbox)
        for user in marked[:most]
    ]
