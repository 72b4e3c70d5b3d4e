"""The picture of a raffle's prize, kept in the database: replicas and backups need nothing more."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from raffle.models.raffles import Raffle


class Picture(models.Model):
    """One picture in two widths, encoded here. It can change until the first ticket is sold."""

    raffle = models.OneToOneField(Raffle, models.PROTECT, primary_key=True, related_name="picture")
    alt = models.CharField(
        "what it shows", max_length=300,
        help_text="In a sentence, for those who cannot see it.",
    )  # fmt: skip
    sha256 = models.CharField(max_length=64, editable=False)  # of `wide`
    wide = models.BinaryField()
    wide_width = models.PositiveIntegerField(editable=False)
    wide_height = models.PositiveIntegerField(editable=False)
    small = models.BinaryField()
    small_width = models.PositiveIntegerField(editable=False)
    small_height = models.PositiveIntegerField(editable=False)

    # What pages need to show it; the pictures themselves are fetched by their address.
    SHOWN: ClassVar[tuple[str, ...]] = (
        "raffle", "alt", "sha256", "wide_width", "wide_height", "small_width", "small_height",
    )  # fmt: skip

    class Meta:
        verbose_name, verbose_name_plural = _("picture"), _("pictures")
        constraints = (models.CheckConstraint(condition=~Q(alt=""), name="picture_is_described"),)

    def __str__(self) -> str:
        return self.alt

    @property
    def wide_url(self) -> str:
        return self._url("wide")

    @property
    def small_url(self) -> str:
        return self._url("small")

    def _url(self, size: str) -> str:
        slug = self.raffle.slug
        return reverse("raffle:picture", args=[slug, size, self.sha256])
