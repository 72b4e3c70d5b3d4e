"""Deleting one's own account: when it can be done, and what it needs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from raffle.models import Award


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
