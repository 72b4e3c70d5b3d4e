"""One's own account: settings, sessions, data to take away, and the way out."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

import pytest
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import erasing, leaving, preferences
from accounts.models import User
from accounts.tests.authenticator import PASSWORD, sign_in, with_app, with_password
from raffle import awarding, closing, reminding
from raffle.book import Book
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, make_staff
from raffle.tests.races import race

ACCOUNT, LEAVE = "/accounts/", "/accounts/delete/"


def alice(**fields: str) -> User:
    return with_password(make_buyer(**fields))


def confirmed(client: Client) -> Client:
    """After typing the password again."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": ACCOUNT})
    return client


# --- Pages ----------------------------------------------------------------------------------------


def pages_of_a_buyer() -> list[str]:
    names = (
        "account_page", "account_leave", "account_email", "account_change_password", "mfa_index",
        "mfa_activate_totp", "usersessions_list", "account_reauthenticate", "account_logout",
    )  # fmt: skip
    return [reverse(name) for name in names]


def pages_of_everybody() -> list[str]:
    names = (
        "account_login", "account_signup", "account_request_login_code", "account_reset_password",
        "account_reset_password_done", "account_inactive", "account_email_verification_sent",
    )  # fmt: skip
    return [reverse(name) for name in names]


def assert_of_the_site(page: str, address: str) -> None:
    assert '<main id="main"' in page, address
    for inline in ("style=", "<style", "onclick", "<script>", "data:", "json_script"):
        assert inline not in page, f"{address} has {inline}"


def test_every_page_looks_like_the_site_and_has_nothing_inline() -> None:
    client = confirmed(sign_in(alice()))
    for address in pages_of_a_buyer():
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert_of_the_site(answer.text, address)
    for address in pages_of_everybody():
        answer = Client().get(address)
        assert answer.status_code == 200, address
        assert_of_the_site(answer.text, address)


def test_the_pages_of_a_second_factor_have_nothing_inline_either() -> None:
    user = alice()
    with_app(user)
    halfway = sign_in(user)
    assert_of_the_site(halfway.get(reverse("mfa_authenticate")).text, "authenticate")
    client = Client()
    client.force_login(user)
    confirmed(client)
    for name in (
        "mfa_index", "mfa_deactivate_totp", "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes", "mfa_reauthenticate",
    ):  # fmt: skip
        answer = client.get(reverse(name))
        assert answer.status_code == 200, name
        assert_of_the_site(answer.text, name)


def test_strangers_are_asked_to_sign_in() -> None:
    for address in (ACCOUNT, LEAVE, "/accounts/my-data.json"):
        assert Client().get(address).headers["Location"].startswith("/accounts/login/")


# --- Language and time ----------------------------------------------------------------------------


def test_the_account_s_language_counts_where_the_browser_has_chosen_none() -> None:
    user = alice(language="de")
    client = sign_in(user)
    assert '<html lang="de">' in client.get("/tickets/").text
    assert '<html lang="en">' in Client().get("/").text
    client.cookies["django_language"] = "es"
    assert '<html lang="es">' in client.get("/tickets/").text


def test_what_is_saved_counts_at_once() -> None:
    user = alice()
    client = sign_in(user)
    client.cookies["django_language"] = "es"
    client.post(ACCOUNT, {"language": "de", "time_zone": "Europe/Berlin"})
    user.refresh_from_db()
    assert (user.language, user.time_zone) == ("de", "Europe/Berlin")
    assert '<html lang="de">' in client.get(ACCOUNT).text
    client.post(ACCOUNT, {"language": "", "time_zone": ""})
    assert '<html lang="en">' in client.get(ACCOUNT).text


def test_nonsense_is_not_saved() -> None:
    user = alice()
    answer = sign_in(user).post(ACCOUNT, {"language": "xx", "time_zone": "Mars/Olympus"})
    assert answer.status_code == 200
    user.refresh_from_db()
    assert (user.language, user.time_zone) == ("", "")


def test_times_are_those_of_the_reader_s_zone_and_of_nobody_else_s() -> None:
    user = alice(time_zone="Asia/Tokyo")
    client = sign_in(user)
    session = UserSession.objects.get(user=user)
    session.created_at = datetime(2026, 1, 1, 20, 0, tzinfo=UTC)
    session.save()
    sessions = reverse("usersessions_list")
    assert "Jan. 2, 2026, 5 a.m." in client.get(sessions).text
    User.objects.filter(pk=user.pk).update(time_zone="")
    assert "Jan. 1, 2026, 8 p.m." in client.get(sessions).text


def test_a_zone_that_is_gone_does_no_harm() -> None:
    user = alice(time_zone="Mars/Olympus")
    assert sign_in(user).get(ACCOUNT).status_code == 200


def test_every_zone_on_offer_can_be_used() -> None:
    user = make_buyer()
    for value, inner in preferences.zones():
        for name in [value] if isinstance(inner, str) else [name for name, _ in inner]:
            user.time_zone = str(name)
            preferences.activate(user, chosen_here=False)


def test_nobody_is_looked_up_for_what_everybody_may_see() -> None:
    """The state of a raffle is asked for by thousands, most of them signed in."""
    raffle, client = make_raffle(), sign_in(alice(language="de"))
    public = (f"/api/raffles/{raffle.slug}/state", f"/raffles/{raffle.slug}/ledger.jsonl")
    for address in public:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        assert not [query for query in asked if "session" in query["sql"]], address


# --- Sessions -------------------------------------------------------------------------------------


def test_everywhere_else_is_signed_out_and_here_not() -> None:
    user = alice()
    here, there = sign_in(user), sign_in(user)
    assert here.get(reverse("usersessions_list")).text.count("since") == 2
    here.post(reverse("usersessions_list"))
    assert here.get("/tickets/").status_code == 200
    assert there.get("/tickets/").status_code == 302


def test_where_buyers_come_from_is_not_kept() -> None:
    user, stella = alice(), with_password(make_staff())
    sign_in(user)
    sign_in(stella)
    assert UserSession.objects.get(user=user).ip == "0.0.0.0"
    assert UserSession.objects.get(user=stella).ip == "127.0.0.1"


# --- Data -----------------------------------------------------------------------------------------


def test_one_s_data_has_everything_and_nobody_else_s() -> None:
    user, raffle = alice(first_name="Alice"), make_raffle()
    bob = make_buyer("bob")
    own = buy(raffle, user, 2).purchase
    other = buy(raffle, bob).purchase
    reminding.stop(user)
    answer = sign_in(user).get("/accounts/my-data.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]
    told = json.loads(answer.text)
    assert told["account"]["email"] == user.email
    assert told["account"]["wants_reminders"] is False
    (purchase,) = told["purchases"]
    codes = {ticket.code for ticket in own.tickets.all()}
    assert {ticket["validation_code"] for ticket in purchase["tickets"]} == codes
    assert other.tickets.get().code not in answer.text
    assert bob.email not in answer.text


# --- Leaving --------------------------------------------------------------------------------------


def test_an_account_is_deleted_and_its_tickets_stay() -> None:
    user, raffle = alice(), make_raffle()
    ticket = buy(raffle, user).purchase.tickets.get()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough.")
    client = confirmed(sign_in(user))
    page = client.get(LEAVE)
    assert "take part in the draw" in page.text
    answer = client.post(LEAVE, {"email": user.email.upper()})
    assert answer.status_code == 302
    assert client.get("/tickets/").status_code == 302
    email = user.email
    user.refresh_from_db()
    assert erasing.is_erased(user)
    assert erasing.traces(email) == []
    assert draw(raffle).ticket == ticket


def test_it_needs_the_password_again_and_the_address() -> None:
    user = alice()
    client = sign_in(user)
    asked = client.post(LEAVE, {"email": user.email})
    assert asked.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert confirmed(client).post(LEAVE, {"email": "yes"}).status_code == 200
    user.refresh_from_db()
    assert not erasing.is_erased(user)


def test_staff_stay() -> None:
    stella = with_password(make_staff())
    client = confirmed(sign_in(stella))
    assert "who did what" in client.get(LEAVE).text
    assert client.post(LEAVE, {"email": stella.email}).status_code == 409
    stella.refresh_from_db()
    assert not erasing.is_erased(stella)


def test_whoever_has_won_stays_until_that_is_settled() -> None:
    user, raffle = alice(), make_raffle()
    ticket = buy(raffle, user).purchase.tickets.get()
    draw(raffle)
    client = confirmed(sign_in(user))
    assert client.post(LEAVE, {"email": user.email}).status_code == 409
    award = ticket.awards.get()
    awarding.record_claim(award_id=award.pk, code=ticket.code, by=make_staff())
    assert client.post(LEAVE, {"email": user.email}).status_code == 302


def test_nobody_leaves_to_come_back_and_buy_as_much_again() -> None:
    user, raffle = alice(), make_raffle()
    buy(raffle, user, 2)
    client = confirmed(sign_in(user))
    assert "beyond the limit" in client.get(LEAVE).text
    assert client.post(LEAVE, {"email": user.email}).status_code == 409
    assert User.objects.has_mailbox(user.email)


def test_a_purchase_of_the_moment_in_which_one_leaves_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, raffle = alice(), make_raffle()
    write, written = Book.write, threading.Event()

    def write_and_wait(book: Book) -> None:
        write(book)
        written.set()
        time.sleep(0.3)  # before COMMIT

    monkeypatch.setattr(Book, "write", write_and_wait)

    def leave_then() -> str:
        written.wait(10)
        return leaving.leave(user)

    bought, refused = race(lambda: str(buy(raffle, user)), leave_then)
    assert isinstance(bought, str)
    assert "still selling" in str(refused)


def test_leaving_does_not_give_back_tries_at_passwords() -> None:
    user = alice()
    client = confirmed(sign_in(user))
    cache.set("tries", 5)
    client.post(LEAVE, {"email": user.email})
    assert cache.get("tries") == 5


@pytest.mark.parametrize("name", ["account_login", "account_signup"])
def test_the_menu_brings_one_back_with_what_was_chosen(name: str) -> None:
    raffle = make_raffle()
    page = Client().get(f"/raffles/{raffle.slug}/?quantity=2")
    assert f"{reverse(name)}?next=/raffles/{raffle.slug}/%3Fquantity%3D2" in page.text
