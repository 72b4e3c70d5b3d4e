"""The shape of what is asked for."""

from __future__ import annotations

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.translation import gettext_lazy as _

from raffle.reports.finding import KINDS, OPERATOR, PSEUDONYM, Search

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class SearchForm(forms.Form):
    """What to look for in the ledger; everything may be left out."""

    since = forms.DateField(label=_("From (day, UTC)"), required=False, widget=DAY)
    until = forms.DateField(label=_("Until (day, UTC)"), required=False, widget=DAY)
    kind = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        choices=[("", _("every kind")), *((kind, kind) for kind in KINDS)],
    )
    who = forms.CharField(
        label=_("By"),
        required=False,
        max_length=254,
        widget=AdminTextInputWidget(
            attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        ),
        help_text=_("An e-mail address, a pseudonym of 32 digits, or “operator”."),
    )

    def clean_who(self) -> str:
        who: str = self.cleaned_data["who"].lower()
        if who and "@" not in who and who != OPERATOR and not PSEUDONYM.fullmatch(who):
            raise forms.ValidationError(
                _("That is no e-mail address, no pseudonym of 32 digits, and not “operator”.")
            )
        return who

    def search(self) -> Search:
        return Search(**self.cleaned_data)
