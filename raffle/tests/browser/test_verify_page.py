"""The page that verifies a raffle: real raffles, forged records, and what people do with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Request, Route, expect

from raffle import closing
from raffle.models import LedgerEntry, Raffle
from raffle.tests.browser.conftest import OpenPage
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, make_staff
from verify.tests import forgeries
from verify.tests.genuine import GENUINE
from verify.tests.records import Files, Record
from verify.verify_raffle import verify

PHONE = {"width": 320, "height": 640}
FORM = "form[data-check]"
BUTTON = f"{FORM} button"
ROOM = "/static/raffle/verify"


def sold(**terms: Any) -> tuple[Raffle, list[str]]:
    """An open raffle with a few sales, and the receipt lines of one buyer's two tickets."""
    raffle = make_raffle(**({"capacity": 20, "name": "Summer raffle"} | terms))
    alice = make_buyer()
    for buyer in (make_buyer("bob"), alice, make_buyer("carol")):
        buy(raffle, buyer, 2)
    return raffle, receipt_lines(raffle, alice.pk)


def receipt_lines(raffle: Raffle, buyer: int) -> list[str]:
    lines = []
    for ticket in raffle.tickets.filter(buyer=buyer).select_related("purchase").order_by("number"):
        sale = LedgerEntry.objects.get(raffle=raffle, seq=ticket.purchase.ledger_seq)
        lines.append(f"{ticket.number}-{ticket.code}-{sale.seq}-{sale.hash}")
    return lines


def address(raffle: Raffle, receipts: list[str] | None = None) -> str:
    return f"{raffle.get_absolute_url()}verify/#{','.join(receipts or [])}"


def head(raffle: Raffle) -> str:
    last = LedgerEntry.objects.head(raffle)
    return f"{last.seq}:{last.hash}"


def verdict(page: Page, sentence: str | re.Pattern[str]) -> None:
    expect(page.locator(".verdict h2")).to_have_text(sentence)


def answers(page: Page) -> list[str]:
    return page.locator(".answers strong").all_inner_texts()


def state(page: Page, check: str) -> str:
    return str(page.locator(f'[data-name="{check}"]').get_attribute("data-state"))


def requests_of(page: Page) -> list[Request]:
    """What the page asks for from now on."""
    seen: list[Request] = []

    def note(request: Request) -> None:
        seen.append(request)

    page.on("request", note)
    return seen


# --- Real raffles -------------------------------------------------------------------------------


def test_a_buyer_checks_by_the_receipts_code(open_page: OpenPage) -> None:
    raffle, receipts = sold()
    draw(raffle, make_staff())
    page = open_page(address(raffle, receipts))
    verdict(page, "Everything agrees: the winners follow from the record.")
    expect(page.locator(".verdict")).to_contain_text("Level L1")
    expect(page.locator(".verdict h2")).to_be_focused()
    assert page.locator(".result-of-check .stub__number").all_inner_texts() == ["3", "4"]
    staff = "Yes, as far as the staff go."
    assert answers(page) == [staff, "Yes.", staff, "No."]
    expect(page.locator(".verdict")).to_contain_text("you trust it in this")
    winner = raffle.draw.order[0]
    expect(page.locator(".prizes")).to_contain_text(f"ticket {winner}")
    assert page.locator('[data-state="failed"]').count() == 0
    assert page.url.endswith("/verify/"), "the codes stay in the address"


def test_with_a_kept_head_nothing_can_have_changed(open_page: OpenPage) -> None:
    raffle, receipts = sold()
    closing.close_raffle(raffle_id=raffle.pk, by=make_staff(), reason="Time is up.")
    kept = head(raffle)
    draw(raffle, make_staff())
    page = open_page(address(raffle))
    page.get_by_label("Your receipt lines").fill("\n".join(receipts))
    page.get_by_label("A ledger head that you kept").fill(f" {kept} ")
    page.click(BUTTON)
    expect(page.locator(".verdict")).to_contain_text("Level L2")
    assert answers(page) == ["Yes.", "Yes.", "Yes.", "No."]
    assert (state(page, "receipt"), state(page, "witness")) == ("ok", "ok")


def test_a_raffle_on_sale_is_checked_as_far_as_it_is(open_page: OpenPage) -> None:
    raffle, receipts = sold()
    page = open_page(address(raffle, receipts))
    verdict(page, "Everything agrees so far. Sales go on.")
    assert (state(page, "receipt"), state(page, "manifest")) == ("ok", "absent")
    expect(page.locator(".kept")).to_have_text(head(raffle))


def test_a_receipt_that_does_not_fit_is_told(open_page: OpenPage) -> None:
    raffle, receipts = sold()
    draw(raffle, make_staff())
    forged = receipts[0].replace("3-", "2-", 1)
    page = open_page(address(raffle, [forged, receipts[1]]))
    verdict(page, "Something is wrong: one check fails.")
    expect(page.locator(".verdict")).to_contain_text("Ticket 2")
    assert state(page, "receipt") == "failed"
    assert answers(page) == ["No."] * 4


def test_what_was_copied_wrongly_is_no_verdict_on_the_raffle(open_page: OpenPage) -> None:
    raffle, receipts = sold()
    page = open_page(address(raffle))
    lines, kept = page.get_by_label("Your receipt lines"), page.get_by_label("A ledger head that")
    for slip, told in ((receipts[0].split("-")[1], "receipt line"), ("3-abc", "receipt line")):
        lines.fill(slip)
        page.click(BUTTON)
        expect(page.locator("[data-alert]")).to_contain_text(f"“{slip}” is not a whole {told}")
        expect(page.locator(".verdict")).to_have_count(0)
    lines.fill("\n".join(receipts))
    kept.fill("1:abc")
    page.click(BUTTON)
    expect(page.locator("[data-alert]")).to_contain_text("“1:abc” is not a whole ledger head")
    kept.fill("")
    page.click(BUTTON)
    verdict(page, "Everything agrees so far. Sales go on.")
    expect(page.locator("[data-alert]")).to_be_hidden()


def test_the_codes_never_leave_the_browser(open_page: OpenPage) -> None:
    raffle, receipts = sold()
    page = open_page(address(raffle))
    seen = requests_of(page)
    page.get_by_label("Your receipt lines").fill("\n".join(receipts))
    page.click(BUTTON)
    verdict(page, re.compile("so far"))
    code = receipts[0].split("-")[1]
    assert sum(raffle.slug in request.url for request in seen) == 3
    assert not [request.url for request in seen if code in request.url or request.post_data]


def test_the_library_for_beacons_is_left_alone_without_one(open_page: OpenPage) -> None:
    raffle, _ = sold()
    draw(raffle, make_staff())
    page = open_page(address(raffle))
    seen = requests_of(page)
    page.click(BUTTON)
    verdict(page, re.compile("Everything agrees"))
    assert not [request.url for request in seen if "bls" in request.url]


def test_on_a_small_phone_with_the_keyboard_alone(open_page: OpenPage) -> None:
    raffle, receipts = sold()
    draw(raffle, make_staff())
    page = open_page(address(raffle), viewport=PHONE, color_scheme="dark")
    page.get_by_label("Your receipt lines").focus()
    page.keyboard.insert_text("\n".join(receipts))
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator(BUTTON)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict h2")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("Done. Everything agrees")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- Files that do not come as they should ------------------------------------------------------


def test_a_draw_between_two_downloads_is_fetched_again(open_page: OpenPage) -> None:
    raffle, _ = sold()
    page = open_page(address(raffle))
    asked: list[str] = []

    def draw_meanwhile(route: Route) -> None:
        asked.append(route.request.url)
        response = route.fetch()
        if len(asked) == 1:
            draw(raffle, make_staff())
        route.fulfill(response=response)

    page.route("**/draw.json", draw_meanwhile)
    page.click(BUTTON)
    verdict(page, "Everything agrees: the winners follow from the record.")
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("file", "check"), [("manifest.txt", "manifest"), ("draw.json", "draw_file")]
)
def test_a_file_that_the_site_keeps_back_is_told(
    open_page: OpenPage, file: str, check: str
) -> None:
    raffle, _ = sold()
    draw(raffle, make_staff())
    page = open_page(address(raffle))
    page.route(f"**/{file}", lambda route: route.fulfill(status=404))
    page.click(BUTTON)
    page.wait_for_selector(".verdict", timeout=20_000)  # it asks again, as it could be late
    verdict(page, "Something is wrong: one check fails.")
    assert state(page, check) == "failed"


def test_a_server_that_is_busy_is_told_and_can_be_asked_again(open_page: OpenPage) -> None:
    raffle, _ = sold()
    page = open_page(address(raffle))
    page.route("**/ledger.jsonl", lambda route: route.fulfill(status=503))
    page.click(BUTTON)
    expect(page.get_by_role("alert")).to_contain_text("the server answered 503")
    page.unroute("**/ledger.jsonl")
    page.click(BUTTON)
    verdict(page, re.compile("so far"))
    expect(page.get_by_role("alert")).to_be_hidden()


def test_saved_copies_are_checked_in_place_of_the_sites(
    open_page: OpenPage, tmp_path: Path
) -> None:
    raffle, _ = sold()
    page = open_page(address(raffle))
    record = GENUINE["beacon"]()
    page.get_by_label("A ledger head that you kept").fill(record.head("sealed"))
    page.get_by_text("Check saved copies instead").click()

    def choose(files: Files) -> None:
        chosen: list[FilePayload] = [
            {"name": name, "mimeType": "text/plain", "buffer": said}
            for name, said in (
                ("ledger.jsonl", files.ledger),
                ("manifest.txt", files.manifest or b""),
                ("draw (1).json", files.draw or b""),
            )
        ]
        page.get_by_label("The files that you").set_input_files(chosen)
        page.click(BUTTON)

    choose(record.files())
    verdict(page, "Everything agrees, and nobody could pick the winner.")
    expect(page.locator(".verdict")).to_contain_text("Level L3")
    assert answers(page) == ["Yes.", "No.", "Yes.", "Yes."]
    record.last("drawn")["picked"][0] = 0
    choose(record.reorder().files())
    verdict(page, re.compile("Something is wrong"))
    assert state(page, "draw") == "failed"


# --- Without JavaScript -------------------------------------------------------------------------


def test_without_javascript_the_page_says_how(open_page: OpenPage) -> None:
    raffle, _ = sold()
    draw(raffle, make_staff())
    page = open_page(address(raffle), java_script_enabled=False, viewport=PHONE)
    expect(page.get_by_text("Checking in the browser needs JavaScript")).to_be_visible()
    expect(page.locator(FORM)).to_be_hidden()
    own = page.url.partition("verify/")[0]
    expect(page.locator(".command")).to_contain_text(f"python3 verify_raffle.py {own}")
    for name in ("ledger.jsonl", "manifest.txt", "draw.json", "verify_raffle.py"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == name


# --- The verifier itself, on the records that every verifier must agree on ----------------------

RUN = """async ([room, cases]) => {
  const { verify } = await import(`${room}/record.js`);
  const bytes = (text) => text && Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const said = {};
  for (const [name, { ledger, manifest, draw, receipts, witnesses }] of Object.entries(cases)) {
    const files = { ledger: bytes(ledger), manifest: bytes(manifest), draw: bytes(draw) };
    const verdict = await verify({ ...files, receipts, witnesses });
    said[name] = {
      level: verdict.level,
      winners: verdict.winners,
      checks: Object.fromEntries(verdict.checks.map(({ name, state }) => [name, state])),
      answers: Object.fromEntries(
        Object.entries(verdict.answers).map(([letter, { answer }]) => [letter, answer])),
    };
  }
  return said;
}"""


def run(page: Page, cases: dict[str, Any]) -> dict[str, Any]:
    return dict(page.evaluate(RUN, [ROOM, cases]))


def failed(said: dict[str, Any]) -> set[str]:
    return {name for name, state in said["checks"].items() if state == "failed"}


def test_every_forgery_is_named_by_its_check(open_page: OpenPage) -> None:
    forged = forgeries.everything()["forgeries"]
    said = run(open_page("/"), forged)
    wrong = {
        name: (case["check"], failed(said[name]))
        for name, case in forged.items()
        if case["check"] not in failed(said[name])
        or not failed(said[name]) <= {case["check"], *case["also"]}
        or said[name]["level"] != "L0"
    }
    assert wrong == {}
    assert len(said) > 100


def test_both_verifiers_say_the_same_of_every_genuine_record(open_page: OpenPage) -> None:
    cases: dict[str, Files] = {}
    for name, make in GENUINE.items():
        record = make()
        kept = record.head("sealed" if record.all("sealed") else None)
        receipts = tuple(record.receipt(number) for number in record.tickets())
        cases[name] = record.files()
        cases[f"{name}, kept"] = record.files(receipts=receipts, witnesses=(kept,))
    said = run(open_page("/"), {name: forgeries.as_json(files) for name, files in cases.items()})
    for name, files in cases.items():
        other = verify(**vars(files))
        assert not failed(said[name]), name
        assert said[name] == {
            "level": other.level,
            "winners": other.winners,
            "checks": other.checks,
            "answers": {letter: asked["answer"] for letter, asked in other.questions.items()},
        }, name


def _signed_without_a_beacon(record: Record) -> None:
    record.last("drawn")["signature"] = "a" * 96


def _picks_that_are_not_the_drums(record: Record) -> None:
    record.last("drawn")["picked"] = [0]


def _capacity_changed_into_text(record: Record) -> None:
    record.change(capacity="12")


def _void_asked_for_after_the_close(record: Record) -> None:
    record.add("proposed", act="void", number=1, reason="late")


def _given_up_after_the_time_to_claim(record: Record) -> None:
    record.wait(days=31).forfeit(given_up=True)


@pytest.mark.parametrize(
    ("of", "tamper", "checks"),
    [
        ("local", _signed_without_a_beacon, {"beacon"}),
        ("manual", _picks_that_are_not_the_drums, {"draw"}),
        ("draft", _capacity_changed_into_text, {"terms"}),
        ("closed", _void_asked_for_after_the_close, {"life"}),
        ("local", _given_up_after_the_time_to_claim, set()),
    ],
)
def test_both_verifiers_agree_on_what_is_rare(
    open_page: OpenPage, of: str, tamper: Callable[[Record], None], checks: set[str]
) -> None:
    record = GENUINE[of]()
    tamper(record)
    said = run(open_page("/healthz"), {of: forgeries.as_json(record.files())})
    assert failed(said[of]) == checks
    assert failed({"checks": verify(**vars(record.files())).checks}) == checks


SPELL = """async ([room, texts]) => {
  const { canonical, parseCanonical } = await import(`${room}/canonical.js`);
  return texts.map(parseCanonical).map((value) => value === null ? null : canonical(value));
}"""


def test_the_canonical_form_is_pythons(open_page: OpenPage) -> None:
    values = [
        "", "plain", 'a"b\\c/d', "\b\t\n\f\r\x00\x1f\x7f", "é\u2028\uffff", "🚣𝄞", "\ud800x\udfff",
        {"b": 1, "a": [True, False, None]}, {"\ue000": 1, "𐀀": 2, "é": 3, "z": 4, "": 5},
        {"10": 1, "9": 2, "__proto__": 3}, "9" * 16, 10**15, [2**53, -(2**60)], [], {},
        [[{}], -1, 0, 2**53 - 1],
    ]  # fmt: skip
    texts = [json.dumps(value, sort_keys=True, separators=(",", ":")) for value in values]
    assert open_page("/healthz").evaluate(SPELL, [ROOM, texts]) == texts


def test_what_is_spelled_otherwise_is_refused(open_page: OpenPage) -> None:
    texts = [
        "1.0", "1e2", "-0", "0" * 17, f"1.{'1' * 17}", f"1e{'0' * 17}1", '{"a":1,"a":1}', "[1, 2]",
        '{"a": 1}', '{"b":1,"a":2}', '"\\/"', '"é"', '"\\u0041"', '"\\u00E9"', "NaN", "", "[1,]",
        "[" * 50_000 + "]" * 50_000,
    ]  # fmt: skip
    assert open_page("/healthz").evaluate(SPELL, [ROOM, texts]) == [None] * len(texts)
