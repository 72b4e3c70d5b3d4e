"""The picture of a raffle's prize: made safe, made small, and fixed once a ticket is sold."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import IO

from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from raffle.errors import Refusal
from raffle.models import Picture, Raffle

MOST_BYTES = 5_000_000
MOST_PIXELS = 40_000_000  # once unpacked: what a telephone takes, and not what fills the memory
FORMATS = ("JPEG", "PNG", "WEBP")
WIDE, SMALL = 1280, 640  # pixels
TALLEST = 1.5  # times as high as it is wide, and no more
QUALITY = 82


class NotAPicture(Refusal):
    code = "not_a_picture"
    status = 422
    title = "Not a picture."

    def __init__(self) -> None:
        super().__init__(_("This is no picture that can be read: take a JPEG, PNG or WebP file."))


class TooManyPixels(Refusal):
    code = "too_many_pixels"
    status = 422
    title = "Too large a picture."

    def __init__(self) -> None:
        super().__init__(_("This picture is too large: it may have at most 40 million pixels."))


class PictureIsFixed(Refusal):
    code = "picture_is_fixed"
    title = "The picture is fixed."

    def __init__(self) -> None:
        super().__init__(_("A ticket has been sold: what buyers were shown stays as it is."))


def set_picture(*, raffle_id: int, file: IO[bytes], alt: str) -> Picture:
    """Raises NotAPicture, TooManyPixels, PictureIsFixed."""
    image = _read(file)
    wide, small = _encoded(image, WIDE), _encoded(image, SMALL)
    picture = Picture(
        raffle_id=raffle_id,
        alt=alt,
        sha256=hashlib.sha256(wide[0]).hexdigest(),
        wide=wide[0], wide_width=wide[1], wide_height=wide[2],
        small=small[0], small_width=small[1], small_height=small[2],
    )  # fmt: skip
    with transaction.atomic():
        _require_nothing_sold(raffle_id)
        picture.save()
    return picture


def remove_picture(*, raffle_id: int) -> None:
    """Raises PictureIsFixed."""
    with transaction.atomic():
        _require_nothing_sold(raffle_id)
        Picture.objects.filter(pk=raffle_id).delete()


def _require_nothing_sold(raffle_id: int) -> None:
    raffle = Raffle.objects.lock_and_look(raffle_id)
    if raffle.sold or raffle.status not in (Raffle.Status.DRAFT, Raffle.Status.OPEN):
        raise PictureIsFixed


def _read(file: IO[bytes]) -> Image.Image:
    """The pixels and nothing else: no place, no camera, no comment. Counted before unpacking."""
    try:
        image = Image.open(file, formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise TooManyPixels
        image.draft("RGB", (2 * WIDE, 2 * WIDE))  # a JPEG need not be unpacked whole
        image.load()
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    except Refusal:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooManyPixels from None
    except Exception:  # a broken file breaks its reader in many ways
        raise NotAPicture from None
    plain = Image.new("RGB", upright.size, "white")
    plain.paste(upright, mask=upright.getchannel("A"))
    return _not_too_tall(plain)


def _not_too_tall(image: Image.Image) -> Image.Image:
    height = round(image.width * TALLEST)
    if image.height <= height:
        return image
    top = (image.height - height) // 2
    return image.crop((0, top, image.width, top + height))


def _encoded(image: Image.Image, width: int) -> tuple[bytes, int, int]:
    """As WebP, at most so wide; with its width and its height."""
    scaled = image.copy()
    scaled.thumbnail((width, round(width * TALLEST)))
    out = BytesIO()
    scaled.save(out, "WEBP", quality=QUALITY, method=4)
    return out.getvalue(), scaled.width, scaled.height
