"""The shape of what buyers send, and only the shape: the rules are in book.py."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from raffle.models import MOST_A_PURCHASE, Purchase

HOW_MANY = _("Choose how many tickets you want, as a whole number from 1 to 1000.")
NO_KEY = _("This form was incomplete. Here is a fresh one: please try again.")


class PurchaseForm(forms.Form):
    quantity = forms.IntegerField(
        min_value=1,
        max_value=MOST_A_PURCHASE,
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), HOW_MANY),
    )
    # Issued with the page, so that sending the same page twice buys once.
    key = forms.CharField(
        max_length=Purchase._meta.get_field("key").max_length,
        error_messages=dict.fromkeys(("required", "max_length"), NO_KEY),
    )

    def sentence(self) -> str:
        """The first thing that is wrong, for people."""
        return next(str(error) for errors in self.errors.values() for error in errors)
