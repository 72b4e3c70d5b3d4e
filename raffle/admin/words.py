"""The words of a raffle's form, for a club's treasurer: labels, help with examples, mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

METHODS: dict[str, str | _StrPromise] = {
    "local": _("By this computer: it draws at once, at random; whoever runs it has to be trusted."),
    "beacon": _(
        "With a public beacon: anybody can check that nobody chose the result, which is known "
        "about two minutes after the draw is sealed."
    ),
    "manual": _("From a drum: two people draw paper tickets, and each enters the numbers."),
}
LABELS = {
    "slug": _("address"),
    "name": _("name"),
    "organiser": _("organiser"),
    "contact": _("contact"),
    "licence": _("licence number"),
    "prizes": _("prizes"),
    "rules": _("rules"),
    "price": _("price of a ticket"),
    "currency": _("currency"),
    "capacity": _("number of tickets"),
    "limit": _("tickets a person"),
    "opens_at": _("opens at"),
    "closes_at": _("closes at"),
    "draw_at": _("draw announced for"),
    "method": _("method of drawing"),
    "alternates": _("alternates"),
    "one_prize_each": _("one prize a person"),
    "two_people": _("two people needed"),
    "claim_days": _("days to claim a prize"),
    "description": _("description"),
}
HELP = {
    "name": _("As on a poster, for example: Summer fair of the rowing club."),
    "slug": _(
        "Last part of the page’s address, made from the name: small letters, digits and hyphens, "
        "for example summer-fair-2027."
    ),
    "organiser": _("Who runs the raffle and answers for it: your club’s full name."),
    "contact": _("An e-mail address or a telephone number; it is on every receipt."),
    "licence": _("If your raffle needs a licence or a registration: its number."),
    "alternates": _(
        "Drawn in reserve together with the winners: if a prize is not claimed, it goes "
        "to the next of them, and nothing is drawn again."
    ),
    "one_prize_each": _("Whoever has won a prize is passed over, even with a second ticket drawn."),
    "claim_days": _("From the draw on. After that the prize can be passed on."),
    "description": _("The only thing that can still be changed once a ticket is sold."),
    "rules": _(
        "Shown before anybody buys: who may take part, how to pay, how winners are told, where "
        "prizes are fetched. A new raffle starts with those of the last one: read them again."
    ),
    "capacity": _("All there will ever be, for example 500. Nothing more is sold after that."),
    "limit": _("How many tickets one person may hold."),
    "price": _("0 if the tickets are free. With a decimal point: 2.50."),
    "currency": _("Three capital letters, as in EUR."),
    "opens_at": _("Sales start then; empty: as soon as you open the raffle."),
    "closes_at": _("Sales stop then; empty: when you close the raffle."),
    "draw_at": _("Told to buyers. It does not start the draw: you do."),
    "two_people": _(
        "One member of staff asks for a void or for the draw, and another one, with an "
        "account of their own, confirms it. A drum always needs two."
    ),
}
WHEN = _("Write the day as 2027-06-30 and the time as 18:00.")
MISTAKES = {
    "slug": {
        "unique": _("Another raffle has this address already. Add something, such as the year."),
        "invalid": _("Use letters from a to z, digits and hyphens only, as in summer-fair-2027."),
    },
    "price": {
        "invalid": _("Write an amount such as 2.50, without a currency sign; 0 if it is free."),
        "min_value": _("A price cannot be below 0. Write 0 if the tickets are free."),
    },
    "capacity": {
        "invalid": _("Write a whole number, such as 500."),
        "min_value": _("There must be at least 1 ticket."),
    },
    "limit": {
        "invalid": _("Write a whole number, such as 2."),
        "min_value": _("One person must be able to hold at least 1 ticket."),
    },
    "claim_days": {
        "invalid": _("Write a whole number of days, such as 30."),
        "min_value": _("Give the winners at least 1 day."),
    },
    "opens_at": dict.fromkeys(("invalid", "invalid_date", "invalid_time"), WHEN),
    "closes_at": dict.fromkeys(("invalid", "invalid_date", "invalid_time"), WHEN),
    "draw_at": dict.fromkeys(("invalid", "invalid_date", "invalid_time"), WHEN),
}
