"""The picture of a prize: sent by staff, made safe, shown for ever, fixed by the first sale."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from raffle import picturing
from raffle.models import Picture, Raffle
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.reading import page_of

PLACE = b"52.5163 N, 13.3777 E"


def photograph(size: tuple[int, int] = (2000, 1000), kind: str = "JPEG") -> bytes:
    """With a note of where it was taken, and lying on its side."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = PLACE.decode(), 6
    out = BytesIO()
    options = {} if kind == "BMP" else {"exif": exif, "comment": PLACE}
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return out.getvalue()


def pictured(raffle: Raffle, content: bytes = b"") -> Picture:
    file = BytesIO(content or photograph())
    return picturing.set_picture(raffle_id=raffle.pk, file=file, alt="The sea")


def send(raffle: Raffle, content: bytes, alt: str = "The sea") -> tuple[int, str]:
    client = Client()
    client.force_login(make_staff())
    file = SimpleUploadedFile("sea.jpg", content)
    response = client.post(f"/admin/raffle/raffle/{raffle.pk}/picture/", {"file": file, "alt": alt})
    return response.status_code, response.content.decode()


# --- What is kept ---------------------------------------------------------------------------------


def test_a_photograph_is_turned_upright_made_small_and_says_nothing_else() -> None:
    content = photograph()
    assert PLACE in content
    picture = pictured(make_draft(), content)
    assert (picture.wide_width, picture.wide_height) == (1000, 1500)
    assert (picture.small_width, picture.small_height) == (640, 960)
    for encoded in (picture.wide, picture.small):
        shown = Image.open(BytesIO(encoded))
        assert shown.format == "WEBP"
        assert PLACE not in bytes(encoded)
        assert not shown.getexif()
        assert set(shown.info) <= {"loop", "background", "timestamp", "duration"}


def test_one_that_is_wide_keeps_its_shape() -> None:
    picture = pictured(make_draft(), photograph((1600, 3200)))  # lies on its side
    assert (picture.wide_width, picture.wide_height) == (1280, 640)


@pytest.mark.parametrize(
    "content",
    [
        b"no picture",
        photograph()[:400],
        photograph((20, 10), "BMP"),
        b"<svg onload='x'/>",
        b"GIF89a",
    ],
    ids=["words", "cut off", "another format", "svg", "gif"],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    raffle = make_draft()
    status, page = send(raffle, content)
    assert status == 422
    assert "This is no picture that can be read" in page
    assert not Picture.objects.filter(pk=raffle.pk).exists()


def test_a_small_file_that_unpacks_to_fill_the_memory_is_refused_unopened() -> None:
    out = BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    assert len(out.getvalue()) < 50_000
    status, page = send(make_draft(), out.getvalue())
    assert status == 422
    assert "at most 40 million pixels" in page


# --- How it is sent -------------------------------------------------------------------------------


def test_staff_send_it_and_take_it_away_again() -> None:
    raffle = make_draft()
    assert send(raffle, photograph())[0] == 303
    assert Picture.objects.get(pk=raffle.pk).alt == "The sea"
    client = Client()
    client.force_login(make_staff())
    address = f"/admin/raffle/raffle/{raffle.pk}/picture/"
    assert 'alt="The sea"' in client.get(address).content.decode()
    assert client.post(address, {"remove": "yes"}).status_code == 303
    assert not Picture.objects.filter(pk=raffle.pk).exists()


def test_a_file_that_is_too_long_is_not_even_kept_in_memory() -> None:
    status, page = send(make_draft(), photograph() + b"\0" * (picturing.MOST_BYTES + 20_000))
    assert status == 422
    assert "Choose a file of at most 5 MB." in page


def test_it_must_be_described() -> None:
    status, page = send(make_draft(), photograph(), alt=" ")
    assert status == 422
    assert "Say in a sentence what the picture shows." in page


def test_a_form_from_elsewhere_sends_nothing() -> None:
    raffle = make_draft()
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff())
    file = SimpleUploadedFile("sea.jpg", photograph())
    address = f"/admin/raffle/raffle/{raffle.pk}/picture/"
    assert client.post(address, {"file": file, "alt": "x"}).status_code == 403
    page = client.get(address).content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[-1]
    file.seek(0)
    sent = {"file": file, "alt": "x", "csrfmiddlewaretoken": token}
    assert client.post(address, sent).status_code == 303


def test_buyers_and_staff_without_the_permission_send_nothing() -> None:
    raffle = make_draft()
    for user, status in ((make_buyer(), 302), (make_buyer("clerk", is_staff=True), 403)):
        client = Client()
        client.force_login(user)
        response = client.post(f"/admin/raffle/raffle/{raffle.pk}/picture/", {"alt": "x"})
        assert response.status_code == status


def test_from_the_first_sale_on_it_stays() -> None:
    raffle = make_raffle()
    before = pictured(raffle)
    buy(raffle, make_buyer())
    status, page = send(raffle, photograph((100, 100)))
    assert status == 409
    assert "A ticket has been sold: what buyers were shown stays as it is." in page
    with pytest.raises(picturing.PictureIsFixed):
        picturing.remove_picture(raffle_id=raffle.pk)
    assert Picture.objects.get(pk=raffle.pk).sha256 == before.sha256


# --- How it is shown ------------------------------------------------------------------------------


def test_it_is_fetched_once_and_kept_for_ever_with_a_single_question() -> None:
    raffle = make_raffle()
    picture = pictured(raffle)
    for address, content in ((picture.wide_url, picture.wide), (picture.small_url, picture.small)):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            response = Client().get(address)
        assert len(asked) == 1
        assert response.content == bytes(content)
        assert response["Content-Type"] == "image/webp"
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
        again = Client().get(address, headers={"If-None-Match": response["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_its_address_names_its_content() -> None:
    raffle = make_raffle()
    old = pictured(raffle).wide_url
    new = pictured(raffle, photograph((300, 200))).wide_url
    assert old != new
    assert (Client().get(old).status_code, Client().get(new).status_code) == (404, 200)
    assert Client().get(new.replace("wide", "huge")).status_code == 404


def test_of_a_draft_only_staff_see_it_and_nobody_keeps_it() -> None:
    raffle = make_draft()
    address = pictured(raffle).wide_url
    for user in (None, make_buyer(), make_buyer("clerk", is_staff=True)):
        client = Client()
        if user:
            client.force_login(user)
        assert client.get(address).status_code == 404
    client.force_login(make_staff())
    response = client.get(address)
    assert (response.status_code, response["Cache-Control"]) == (200, "private, no-store")


def test_pages_show_it_without_a_question_more() -> None:
    plain, raffle = make_raffle(), make_raffle()
    picture = pictured(raffle)
    counts = []
    for shown in (plain, raffle):
        with CaptureQueriesContext(connection) as asked:
            page = Client().get(shown.get_absolute_url()).content.decode()
        counts.append(len(asked))
        assert not any('"wide"' in query["sql"] for query in asked)
    assert counts[0] == counts[1]
    assert picture.wide_url in page
    assert 'alt="The sea"' in page
    assert "<img" not in page_of(plain)
