"""Whose session a cookie names: for many at once, because in a rush many ask at once.

Nothing is remembered: who was signed out a moment ago is nobody now. Whoever is not recognised here
may still be somebody to Django, which also knows sessions that were signed with an older key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User
from rafflesite.combining import Combiner

# In so many words, because Django takes longer to put them together than PostgreSQL to answer them.
SESSIONS = """
SELECT session_key, session_data FROM django_session
WHERE session_key = ANY(%s) AND expire_date > %s
"""
USERS = """
SELECT id, password, is_staff, language FROM accounts_user WHERE id = ANY(%s) AND is_active
"""

_well_formed = re.compile(r"[A-Za-z0-9]{8,40}").fullmatch  # others would spoil the query for all


def recognise(session_key: str) -> User | None:
    """The user who is signed in with this session: an active one, with the password of then."""
    return _look_ups.submit(session_key) if _well_formed(session_key) else None


def _look_up(keys: Sequence[str]) -> list[User | None]:
    with connection.cursor() as cursor:
        cursor.execute(SESSIONS, [list(keys), timezone.now()])
        found = dict(cursor.fetchall())
    decode = SessionStore().decode
    sessions = [decode(found[key]) if key in found else {} for key in keys]
    ids = [int(session[SESSION_KEY]) for session in sessions if SESSION_KEY in session]
    users = {str(user.pk): user for user in User.objects.raw(USERS, [ids])}
    return [_whose(session, users) for session in sessions]


def _whose(session: dict[str, str], users: dict[str, User]) -> User | None:
    user = users.get(session.get(SESSION_KEY, ""))
    if user is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    told = session.get(HASH_SESSION_KEY, "")
    return user if constant_time_compare(told, user.get_session_auth_hash()) else None


_look_ups: Combiner[str, User | None] = Combiner(
    _look_up, by=lambda key: None, busy=OperationalError
)
