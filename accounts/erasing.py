"""Erasing a person: whatever says who somebody was goes; what they bought stays, nobody's by name.

The record knows people by pseudonyms only, made from the account's number, which stays. So every
line of every ledger, every ticket and every check stays as it was.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection, models, transaction
from django.db.models import Q

from accounts import sessions
from accounts.models import SignIn, User

NOWHERE = "@erased.invalid"  # a domain that can never exist (RFC 2606)


class LastSuperuser(Exception):
    """Nobody else could look after the site."""


def is_erased(user: User) -> bool:
    return user.email.endswith(NOWHERE)


def find(address: str) -> User | None:
    """Whoever has this e-mail address, as the first one or another one."""
    owner = Q(email__iexact=address) | Q(emailaddress__email__iexact=address)
    return User.objects.filter(owner).distinct().first()


def erase(user: User) -> list[str]:
    """Erase all that says who `user` is, for good; nobody can sign in as them again.

    Returns where their addresses still stand, as "table.column": in what people have typed into
    the record, which nothing can change. Raises LastSuperuser.
    """
    addresses = forget(user)
    end_sessions(user, addresses)
    cache.clear()  # it counts failed sign-ins by a hash of the address; all counts begin again
    return [place for address in sorted(addresses) for place in traces(address)]


@transaction.atomic
def forget(user: User) -> set[str]:
    """Erase `user` in the tables, and return the addresses that they had. Their sessions, which
    end_sessions() is to end, are worth nothing from then on: the account is not active any more.

    Failed sign-ins stay counted, by a hash that goes by itself: else whoever makes an account and
    deletes it again could try passwords for ever. Raises LastSuperuser.
    """
    if user.is_superuser:
        superusers = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
        if not [each for each in superusers.select_for_update() if each.pk != user.pk]:
            raise LastSuperuser
    user = User.objects.select_for_update().get(pk=user.pk)
    rows = EmailAddress.objects.filter(user=user)
    addresses = {user.email.lower(), *(row.email.lower() for row in rows)}
    _empty(user)
    _delete_what_belongs_to(user)
    SignIn.objects.filter(user=user).update(address=None)
    _forget_in_the_log_of_staff(user, addresses)
    return addresses


def _empty(user: User) -> None:
    user.email = f"{uuid.uuid4().hex}{NOWHERE}"
    user.first_name = user.last_name = user.language = user.time_zone = ""
    user.set_unusable_password()
    user.is_active = user.is_superuser = False
    user.last_login = None
    user.save()
    user.groups.clear()
    user.user_permissions.clear()


def _delete_what_belongs_to(user: User) -> None:
    """All that would go with the account if it were deleted: addresses, second factors, …"""
    for relation in User._meta.related_objects:
        model = relation.field.model
        if relation.on_delete is models.CASCADE and model is not LogEntry:
            model._base_manager.filter(**{relation.field.name: user}).delete()


def _forget_in_the_log_of_staff(user: User, addresses: Collection[str]) -> None:
    """The admin's log keeps what was done, but no longer says to whom."""
    account = ContentType.objects.get_for_model(User)
    about = Q(content_type=account, object_id=str(user.pk))
    spellings = {*addresses, *(json.dumps(address)[1:-1] for address in addresses)}
    for spelling in spellings:
        about |= Q(object_repr__icontains=spelling) | Q(change_message__icontains=spelling)
    pattern = _whole(spellings)
    for entry in LogEntry.objects.filter(about):
        entry.change_message = pattern.sub(user.email, entry.change_message)
        entry.object_repr = pattern.sub(user.email, entry.object_repr)[:200]
        if (entry.content_type, entry.object_id) == (account, str(user.pk)):
            entry.object_repr = user.email  # a long address was cut off, and is not found
        entry.save(update_fields=["change_message", "object_repr"])


def _whole(addresses: Collection[str]) -> re.Pattern[str]:
    """Any of `addresses`, where it stands for itself: ella@… is not in stella@…"""
    any_of_them = "|".join(map(re.escape, addresses))
    return re.compile(rf"(?<![\w.+-])(?:{any_of_them})(?![\w-]|\.\w)", re.IGNORECASE)


def end_sessions(user: User, addresses: Collection[str]) -> None:
    """Theirs, and those in which somebody typed an address. Each session there is has to be read:
    nobody is kept waiting for that by a lock.
    """
    pattern = _whole(addresses)

    def is_meant(says: dict[str, object]) -> bool:
        text = json.dumps(says, default=str, ensure_ascii=False)
        return says.get(SESSION_KEY) == str(user.pk) or bool(pattern.search(text))

    sessions.end_where(is_meant)


def traces(text: str) -> list[str]:
    """Where `text` stands in the database, in any letters: "table.column" for each place."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = current_schema()
              AND (data_type IN ('text', 'character varying', 'json', 'jsonb')
                   OR udt_name IN ('_text', '_varchar'))
              AND coalesce(character_maximum_length, %s) >= %s
            ORDER BY table_name, column_name
            """,
            [len(text), len(text)],
        )
        columns = cursor.fetchall()
    return [f"{table}.{column}" for table, column in columns if _stands_in(table, column, text)]


def _stands_in(table: str, column: str, text: str) -> bool:
    name = connection.ops.quote_name
    look = f"SELECT FROM {name(table)} WHERE position(%s IN lower({name(column)}::text)) > 0"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({look})", [text.lower()])
        return bool(cursor.fetchone()[0])
