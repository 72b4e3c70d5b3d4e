"""The shape of what staff type. The rules are in organising.py and drawing.py."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget

from raffle.models import Raffle


class RaffleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Terms and description. What looks unchanged to its reader is left exactly as it is stored:
    browsers rewrite line ends and drop fractions of seconds, and neither may count as a change.
    """

    refused: str = ""  # set when the form comes back because saving it was refused

    class Meta:
        model = Raffle
        fields = (*Raffle.TERMS, "description")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk:
            for name in cleaned:
                stored = getattr(self.instance, name)
                if name not in self.changed_data or _same_text(stored, cleaned[name]):
                    cleaned[name] = stored
        if self.refused:
            self.add_error(None, self.refused)
        return cleaned


class ConfirmForm(forms.Form):
    confirmed = forms.BooleanField(
        label="I have read these terms and they are right.",
        error_messages={"required": "Tick the box once you have checked the terms."},
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=1000,
        widget=AdminTextareaWidget(attrs={"rows": 3}),
        help_text="It stays in the public record for ever: name nobody.",
        error_messages={"required": "Say why: the reason stays in the public record."},
    )


class DrawForm(forms.Form):
    """Typing the name is the brake: nobody draws the winner of the wrong raffle by a slip."""

    name = forms.CharField(
        label="Type the raffle’s name to draw its winner",
        widget=AdminTextInputWidget(
            attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        ),
        error_messages={"required": "Type the raffle’s name. Nothing was drawn."},
    )

    def __init__(self, *args: Any, raffle: Raffle, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.raffle = raffle

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.raffle.name.strip():
            raise forms.ValidationError(
                "That is not the name of this raffle, letter for letter. Nothing was drawn."
            )
        return name


def _same_text(stored: object, sent: object) -> bool:
    return (
        isinstance(stored, str)
        and isinstance(sent, str)
        and stored.strip().splitlines() == sent.strip().splitlines()
    )
