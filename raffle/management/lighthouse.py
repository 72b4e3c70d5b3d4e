"""The prize of the demo raffle: a lighthouse at dusk, drawn here; no photograph is needed."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter

ALT = "A red and white lighthouse at dusk, with a small cottage beside it."
SIZE = (1280, 720)

Point = tuple[float, float]


def draw() -> BytesIO:
    """As PNG."""
    image = Image.new("RGB", SIZE)
    _sky(image)
    _beam(image)
    brush = ImageDraw.Draw(image)
    _land(brush)
    _cottage(brush, 640, 520)
    _tower(brush, 900, 150, 560)
    out = BytesIO()
    image.resize(SIZE, Image.Resampling.LANCZOS).save(out, "PNG")
    out.seek(0)
    return out


def _sky(image: Image.Image) -> None:
    brush = ImageDraw.Draw(image)
    colours = ((38, 48, 92), (122, 84, 128), (240, 150, 105), (255, 205, 140))
    for y in range(SIZE[1]):
        place = min(y / 470, 1) * (len(colours) - 1)
        step = min(int(place), len(colours) - 2)
        between = zip(colours[step], colours[step + 1], strict=True)
        red, green, blue = (round(a + (b - a) * (place - step)) for a, b in between)
        brush.line([(0, y), (SIZE[0], y)], fill=(red, green, blue))
    brush.rectangle((0, 470, *SIZE), fill=(52, 74, 110))
    for y in range(480, 700, 14):
        for x in range((y * 37) % 90, SIZE[0], 170):
            brush.line([(x, y), (x + 60 - y // 20, y)], fill=(255, 190, 140), width=2)
    brush.ellipse((190, 385, 360, 555), fill=(255, 226, 160))
    brush.rectangle((150, 472, 400, 560), fill=(52, 74, 110))
    for y in range(478, 560, 13):
        half = 80 - (y - 478) // 2
        brush.line([(275 - half, y), (275 + half, y)], fill=(255, 206, 140), width=4)


def _beam(image: Image.Image) -> None:
    light = Image.new("L", SIZE)
    brush = ImageDraw.Draw(light)
    brush.polygon([(900, 176), (0, 30), (0, 240)], fill=105)
    brush.polygon([(900, 176), (1280, 120), (1280, 210)], fill=105)
    glow = Image.new("RGB", SIZE, (255, 240, 190))
    image.paste(glow, mask=light.filter(ImageFilter.GaussianBlur(14)))


def _land(brush: ImageDraw.ImageDraw) -> None:
    back: list[Point] = [(430, 720), (520, 610), (700, 560), (900, 535), (1100, 560), (1280, 540)]
    brush.polygon([*back, (1280, 720)], fill=(43, 62, 52))
    front: list[Point] = [(330, 720), (600, 640), (860, 600), (1280, 615), (1280, 720)]
    brush.polygon(front, fill=(30, 46, 40))


def _cottage(brush: ImageDraw.ImageDraw, x: int, y: int) -> None:
    brush.rectangle((x, y, x + 150, y + 85), fill=(246, 236, 218))
    brush.polygon(
        [(x - 14, y), (x + 30, y - 58), (x + 120, y - 58), (x + 164, y)], fill=(150, 48, 34)
    )
    brush.rectangle((x + 100, y - 84, x + 120, y - 50), fill=(120, 40, 30))
    for window in (20, 106):
        brush.rectangle((x + window, y + 24, x + window + 26, y + 52), fill=(255, 214, 120))
    brush.rectangle((x + 62, y + 32, x + 88, y + 85), fill=(70, 46, 36))


def _tower(brush: ImageDraw.ImageDraw, x: int, top: int, foot: int) -> None:
    bands, above, below = 6, 34, 62
    high = (foot - top - 60) / bands
    for band in range(bands):
        upper, lower = top + 60 + band * high, top + 60 + (band + 1) * high
        a = above + (below - above) * band / bands
        b = above + (below - above) * (band + 1) / bands
        colour = (176, 48, 34) if band % 2 == 0 else (250, 242, 228)
        brush.polygon([(x - a, upper), (x + a, upper), (x + b, lower), (x - b, lower)], fill=colour)
    brush.rectangle((x - 50, top + 50, x + 50, top + 62), fill=(52, 34, 30))
    brush.rectangle((x - 24, top, x + 24, top + 50), fill=(255, 240, 180))
    for bar in (-24, 0, 24):
        brush.line([(x + bar, top), (x + bar, top + 50)], fill=(52, 34, 30), width=4)
    brush.polygon([(x - 34, top), (x, top - 44), (x + 34, top)], fill=(150, 48, 34))
    brush.rectangle((x - 12, foot - 46, x + 12, foot), fill=(70, 46, 36))
