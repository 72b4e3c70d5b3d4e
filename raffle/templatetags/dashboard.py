"""{% dashboard as desk %}: what the admin's first page shows beside its own list."""

from __future__ import annotations

from typing import Any

from django import template

from raffle.admin import dashboard as desk

register = template.Library()


@register.simple_tag(takes_context=True)
def dashboard(context: dict[str, Any]) -> desk.Dashboard | None:
    """None for those who may not look at raffles."""
    return desk.dashboard(context["request"])
