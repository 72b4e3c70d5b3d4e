"""The form of a raffle: its terms, in words that a club's treasurer understands."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminRadioSelect, AdminTextareaWidget
from django.core.exceptions import ValidationError

from raffle.models import MOST_PRIZES, Raffle

METHODS = {
    "local": "By this computer: it draws at once, at random; whoever runs it has to be trusted.",
    "beacon": (
        "With a public beacon: anybody can check that nobody chose the result, which is known "
        "about two minutes after the draw is sealed."
    ),
    "manual": "From a drum: two people draw paper tickets, and each enters the numbers.",
}
LONGEST_PRIZE = Raffle._meta.get_field("prizes").base_field.max_length or 0
FIELDSETS: tuple[tuple[str | None, Any], ...] = (
    (None, {"fields": ("name", "slug", "organiser", "contact", "licence")}),
    ("Prizes", {"fields": ("prizes", "alternates", "one_prize_each", "claim_days")}),
    ("What buyers read", {"fields": ("description", "rules")}),
    ("Tickets", {"fields": ("capacity", "limit", "price", "currency")}),
    ("Times", {"fields": ("opens_at", "closes_at", "draw_at")}),
    ("The draw", {"fields": ("method", "two_people")}),
)


class PrizesField(forms.CharField):
    """A list of prizes, one a line; blank lines do not count."""

    widget = AdminTextareaWidget(attrs={"rows": 5})

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **options,
            help_text="One a line; the first prize first.",
            error_messages={"required": "Name at least one prize."},
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        prizes = lines(super().clean(value))
        if len(prizes) > MOST_PRIZES:
            raise ValidationError(
                f"At most {MOST_PRIZES:,} prizes can be drawn; these are {len(prizes):,}."
            )
        for place, prize in enumerate(prizes, start=1):
            if len(prize) > LONGEST_PRIZE:
                raise ValidationError(
                    f"Prize {place} has {len(prize)} letters; a prize has at most {LONGEST_PRIZE}."
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
        help_texts = {
            "contact": "An e-mail address or a telephone number; it is on every receipt.",
            "licence": "If your raffle needs a licence or a registration: its number.",
            "alternates": (
                "Drawn in reserve together with the winners: if a prize is not claimed, it goes "
                "to the next of them, and nothing is drawn again."
            ),
            "one_prize_each": (
                "Whoever has won a prize is passed over, even with a second ticket drawn."
            ),
            "claim_days": "From the draw on. After that the prize can be passed on.",
            "description": "The only thing that can still be changed once a ticket is sold.",
            "rules": "Shown before anybody buys.",
            "limit": "How many tickets one person may hold.",
            "price": "0 if the tickets are free.",
            "currency": "Three capital letters, as in EUR.",
            "draw_at": "Told to buyers. It does not start the draw: you do.",
            "two_people": (
                "One member of staff asks for a void or for the draw, and another one, with an "
                "account of their own, confirms it. A drum always needs two."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        method = self.fields.get("method")
        if isinstance(method, forms.ChoiceField):
            method.choices = list(METHODS.items())

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
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(f"{place}. {prize}" for place, prize in enumerate(value, start=1))
    return "–" if value in (None, "") else str(value)


def _same_text(stored: object, sent: object) -> bool:
    return (
        isinstance(stored, str)
        and isinstance(sent, str)
        and stored.strip().splitlines() == sent.strip().splitlines()
    )
