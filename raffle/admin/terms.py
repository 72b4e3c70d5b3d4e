"""The form of a raffle: its terms, in words that a club's treasurer understands."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import (
    AdminRadioSelect,
    AdminSplitDateTime,
    AdminTextareaWidget,
)
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from raffle.admin.words import HELP, LABELS, METHODS, MISTAKES
from raffle.models import MOST_PRIZES, Raffle

LONGEST_PRIZE = Raffle._meta.get_field("prizes").base_field.max_length or 0
FIELDSETS: tuple[tuple[Any, Any], ...] = (
    (
        None,
        {
            "fields": ("name", "slug", "organiser", "contact", "licence"),
            "description": _(
                "This makes a draft that only staff can see. You can look at it as buyers will "
                "see it, and change everything, until you open it and the first ticket is sold."
            ),
        },
    ),
    (_("Prizes"), {"fields": ("prizes", "alternates", "one_prize_each", "claim_days")}),
    (_("What buyers read"), {"fields": ("description", "rules")}),
    (_("Tickets"), {"fields": ("capacity", "limit", "price", "currency")}),
    (
        _("Times"),
        {
            "fields": ("opens_at", "closes_at", "draw_at"),
            "description": _("All of them may stay empty: then you open, close and draw by hand."),
        },
    ),
    (_("The draw"), {"fields": ("method", "two_people")}),
)


class PrizesField(forms.CharField):
    """A list of prizes, one a line; blank lines do not count."""

    widget = AdminTextareaWidget(attrs={"rows": 5})

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **options,
            label=capfirst(LABELS["prizes"]),
            help_text=_("One a line; the first prize first."),
            error_messages={"required": _("Name at least one prize.")},
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        prizes = lines(super().clean(value))
        if len(prizes) > MOST_PRIZES:
            raise ValidationError(
                gettext("At most %(most)s prizes can be drawn; these are %(count)s.")
                % {"most": f"{MOST_PRIZES:,}", "count": f"{len(prizes):,}"}
            )
        for place, prize in enumerate(prizes, start=1):
            if len(prize) > LONGEST_PRIZE:
                raise ValidationError(
                    gettext(
                        "Prize %(place)d has %(letters)d letters; a prize has at most %(most)d."
                    )
                    % {"place": place, "letters": len(prize), "most": LONGEST_PRIZE}
                )
        return prizes

    def has_changed(self, initial: Any, data: Any) -> bool:
        return lines("\n".join(initial or [])) != lines(data or "")


class RaffleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Terms and description. What looks unchanged to its reader is left exactly as it is stored:
    browsers rewrite line ends and drop fractions of seconds, and neither may count as a change.
    """

    refused: str = ""  # set when the form comes back because saving it was refused
    prizes = PrizesField()

    class Meta:
        model = Raffle
        fields = (*Raffle.TERMS, "description")
        widgets = {"method": AdminRadioSelect}
        labels = {name: capfirst(label) for name, label in LABELS.items()}
        help_texts = HELP
        error_messages = MISTAKES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        method = self.fields.get("method")
        if isinstance(method, forms.ChoiceField):
            method.choices = list(METHODS.items())
        for field in self.fields.values():
            if isinstance(field.widget, AdminSplitDateTime):  # two fields under one label
                for part, told in zip(field.widget.widgets, (_("date"), _("time")), strict=True):
                    part.attrs["aria-label"] = f"{field.label}: {told}"
        currency = self.fields.get("currency")
        if currency:
            currency.widget.attrs["autocapitalize"] = "characters"

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"]
        return currency.upper()

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


def lines(text: str) -> list[str]:
    """The lines that say something, without the blanks around them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def spelled(value: object) -> str:
    """A term as people read it."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return "\n".join(f"{place}. {prize}" for place, prize in enumerate(value, start=1))
    return "–" if value in (None, "") else str(value)


def _same_text(stored: object, sent: object) -> bool:
    return (
        isinstance(stored, str)
        and isinstance(sent, str)
        and stored.strip().splitlines() == sent.strip().splitlines()
    )
