"""The shape of what staff type to do something. The rules are in the rooms that act."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from raffle.models import Raffle

LETTER_BY_LETTER = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
LONGEST_NUMBER = 10  # digits


class ConfirmForm(forms.Form):
    confirmed = forms.BooleanField()

    def __init__(self, *args: Any, label: str, otherwise: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["confirmed"].label = label
        self.fields["confirmed"].error_messages["required"] = otherwise


class ConfirmVoidForm(ConfirmForm):
    """Confirms what was asked for as it was read: `asked` is the proposal that the page showed."""

    asked = forms.IntegerField(widget=forms.HiddenInput)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=1000,
        widget=AdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("It stays in the public record for ever: name nobody."),
        error_messages={
            "required": gettext_lazy("Say why: the reason stays in the public record.")
        },
    )


class NameForm(forms.Form):
    """Typing the name is the brake: nobody draws or cancels the wrong raffle by a slip."""

    name = forms.CharField(widget=AdminTextInputWidget(attrs=LETTER_BY_LETTER))

    def __init__(
        self, *args: Any, raffle: Raffle, label: str, otherwise: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.raffle, self.otherwise = raffle, otherwise
        self.fields["name"].label = label
        self.fields["name"].error_messages["required"] = " ".join(
            (_("Type the raffle’s name."), otherwise)
        )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.raffle.name.strip():
            wrong = _("That is not the name of this raffle, letter for letter.")
            raise forms.ValidationError(f"{wrong} {self.otherwise}")
        return name


class CancelForm(NameForm, ReasonForm):
    field_order = ("reason", "name")


class DrumForm(forms.Form):
    """The numbers from the drum in their order, with anything between them."""

    numbers = forms.CharField(
        widget=AdminTextareaWidget(attrs=LETTER_BY_LETTER | {"rows": 5, "inputmode": "numeric"}),
        label=gettext_lazy("The numbers, in the order in which they were drawn"),
        help_text=gettext_lazy(
            "With blanks, commas or line ends between them. The first prize’s comes first."
        ),
        error_messages={"required": gettext_lazy("Enter the numbers. Nothing was drawn.")},
    )

    def clean_numbers(self) -> list[int]:
        words = re.findall(r"\w+", self.cleaned_data["numbers"])
        for word in words:
            if not re.fullmatch(rf"[0-9]{{1,{LONGEST_NUMBER}}}", word):
                raise forms.ValidationError(
                    _("“%(word)s” is not a ticket number.") % {"word": word[:40]}
                )
        if not words:
            raise forms.ValidationError(_("There is no number in it."))
        return [int(word) for word in words]


def code_field(**options: Any) -> forms.CharField:
    widget = AdminTextInputWidget(attrs=LETTER_BY_LETTER)
    return forms.CharField(
        label=gettext_lazy("Validation code"), max_length=200, widget=widget, **options
    )


class ClaimForm(forms.Form):
    code = code_field(
        help_text=gettext_lazy(
            "As it stands on the winner’s ticket: 32 digits and letters from a to f."
        ),
        error_messages={
            "required": gettext_lazy("Type the validation code that the winner shows.")
        },
    )

    def clean_code(self) -> str:
        """People write long codes in groups."""
        return "".join(self.cleaned_data["code"].split())


class ForfeitForm(ReasonForm):
    code = code_field(
        required=False,
        help_text=gettext_lazy(
            "Only if the winner gives the prize up and shows it. Else leave this empty."
        ),
    )
    clean_code = ClaimForm.clean_code
