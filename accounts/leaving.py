"""Deleting one's own account: when it can be done, what it needs, and doing it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import erasing
from accounts.models import User
from raffle.models import Award, Raffle


def reason_to_stay(user: User) -> str:
    """Why `user` cannot delete their account now; empty if they can."""
    if user.is_staff or user.is_superuser:
        return _(
            "Staff accounts are kept, because the record says who did what. Ask whoever runs this "
            "site to erase yours."
        )
    prizes = Award.objects.standing().filter(ticket__purchase__buyer=user, claim=None)
    if prizes.exists():
        return _(
            "You have won a prize that is waiting for you. Claim it, or tell the organiser that "
            "you give it up; until then they must be able to reach you."
        )
    if _holds_tickets_on_sale(user):
        return _(
            "You hold tickets of a raffle that is still selling. A new account with your address "
            "could buy as many again, beyond the limit. Come back once its sales have ended."
        )
    return ""


def _holds_tickets_on_sale(user: User) -> bool:
    raffles = Raffle.objects.as_it_stands()
    held = raffles.filter(status=Raffle.Status.OPEN, pk__in=user.purchases.values("raffle"))
    return any(raffle.is_selling(raffle.now) for raffle in held)


def leave(user: User) -> str:
    """Erase `user`, and return "", or why not. A purchase of theirs at this very moment is either
    seen here, or comes too late for anybody to see its codes.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if refused := reason_to_stay(user):
            return refused
        addresses = erasing.forget(user)
    erasing.end_sessions(user, addresses)
    return ""


class LeaveForm(forms.Form):
    email = forms.CharField(
        label=gettext_lazy("Type your e-mail address to delete the account"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_email(self) -> str:
        typed: str = self.cleaned_data["email"]
        if typed.strip().casefold() != self.user.email.casefold():
            raise forms.ValidationError(_("That is not the address of this account."))
        return typed
