"""The pages in a real browser: keyboard, labels, sizes, widths, and what the Content-Security-Policy lets through."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Request, expect
from sqlalchemy import Engine, text
from werkzeug.serving import make_server

from plugin.domain import merchants
from plugin.domain.outbox import claim
from plugin.mail.filling import batch_filler
from plugin.mailbox.store import MailStore
from plugin.runtime import Runtime, now
from tests.factories import ShopKeys, change, join, load, make_shop, set_stock, states
from tests.plugin.web.support import link
from tests.site import Site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
LEAST_TARGET_PIXELS = 24
LEAST_CONTRAST = 4.5

# What is wrong with the page for someone with a small screen, a keyboard, a finger or a screen reader.
FAULTS = """
() => {
  const faults = [];
  if (document.documentElement.scrollWidth > innerWidth) faults.push("scrolls sideways");
  if (!document.documentElement.lang) faults.push("no language");
  if (document.querySelectorAll("h1").length !== 1) faults.push("not exactly one h1");
  for (const field of document.querySelectorAll("input:not([type=hidden]), textarea")) {
    if (field.closest("[aria-hidden=true]")) continue;
    if (![...field.labels].some(label => label.textContent.trim())) faults.push("no label: " + field.name);
    for (const id of (field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean))
      if (!document.getElementById(id)) faults.push("described by nothing: " + id);
  }
  for (const target of document.querySelectorAll("a, button, input:not([type=hidden]), textarea")) {
    if (target.closest("[aria-hidden=true]") || target.closest("p, pre")) continue;
    const { width, height } = (target.closest("label") || target).getBoundingClientRect();
    if (width < LEAST || height < LEAST) faults.push(`small: ${target.outerHTML.slice(0, 80)} ${width}x${height}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map(each => each.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push("id twice: " + id);
  return faults;
}
""".replace("LEAST", str(LEAST_TARGET_PIXELS))

HOLDS_WORDS = "node => [...node.childNodes].some(each => each.nodeType === Node.TEXT_NODE && each.data.trim())"

# How well an element's words stand out from what is behind them (WCAG 2, 1.4.3).
CONTRAST = """
element => {
  const colour = (node, what) => getComputedStyle(node)[what].match(/[\\d.]+/g).map(Number);
  let back = element;
  while (back.parentElement && (colour(back, "backgroundColor")[3] ?? 1) === 0) back = back.parentElement;
  const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const [words, behind] = [light(colour(element, "color")), light(colour(back, "backgroundColor"))];
  return (Math.max(words, behind) + 0.05) / (Math.min(words, behind) + 0.05);
}
"""


@pytest.fixture
def address(app: Flask, shop: ShopKeys) -> Iterator[str]:
    """The application on a real port."""
    server = make_server("127.0.0.1", 0, _whole(app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _whole(app: "WSGIApplication") -> "WSGIApplication":
    """The same, with each answer closed before it is sent: the server forgets to, when a browser leaves early."""

    def served(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        with closing(app(environ, start_response)) as answer:  # type: ignore[type-var]
            return [b"".join(answer)]

    return served


def failed(request: Request) -> list[str]:
    """What a failed request is complained of; a browser that leaves a page gives up its icon."""
    return [] if request.url.endswith("/icon.svg") else [f"asked for {request.url}"]


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A narrow tab; fails the test when the page had an error or went anywhere else."""
    context = browser.new_context(viewport={"width": 320, "height": 640}, base_url=address)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    context.route(re.compile(f"^(?!{re.escape(address)}|data:)"), lambda route: route.abort())
    page.on("requestfailed", lambda request: complaints.extend(failed(request)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def merchant(engine: Engine, shop: ShopKeys) -> ShopKeys:
    """The shop, with someone who runs it and people who wait; without pictures from elsewhere."""
    with engine.begin() as database:
        merchants.add_merchant(database, email="owner@shop.example", password=PASSWORD, shop_id=shop.id)
    without_pictures(engine)
    join(engine, shop, "ann@example.com", "bob@example.com")
    return shop


def assert_no_faults(page: Page) -> None:
    page.wait_for_load_state()
    assert page.evaluate(FAULTS) == []


def without_pictures(engine: Engine) -> None:
    with engine.begin() as database:
        database.exec_driver_sql("UPDATE variant SET image_url = ''")


def deliver_one(runtime: Runtime, engine: Engine, merchant: ShopKeys) -> MailStore:
    """Put the restock mail of the first in line into the mailbox."""
    set_stock(engine, merchant, 5)
    shop = load(engine, merchant)
    with engine.begin() as database:
        claimed = claim(database, shop, "test", now(), limit=1)
    store = MailStore(runtime.settings.home / "mailbox")
    write = batch_filler(engine, runtime.composer)(shop, claimed)
    for message in claimed:
        envelope = write(message)
        store.keep(envelope.recipient, envelope.content)
    return store


def sign_in(page: Page) -> None:
    page.goto("/merchant/sign-in")
    page.get_by_label("E-mail address").fill("owner@shop.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/shops/**")


def test_hosted_form_works_with_the_keyboard_alone(page: Page, engine: Engine, shop: ShopKeys) -> None:
    without_pictures(engine)
    page.goto(f"/n/{shop.public_key}/v1")
    page.keyboard.press("Tab")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type("ann@")
    page.keyboard.press("Enter")

    field = page.get_by_label("E-mail address")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("check the address"))
    assert_no_faults(page)

    field.fill("ann@example.com")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Notify me")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=re.compile("on the list|check your inbox"))).to_be_visible()
    assert states(engine, shop) == {"ann@example.com": "waiting"}


def test_links_of_messages_work_without_a_mouse(page: Page, runtime: Runtime, engine: Engine) -> None:
    shop = make_shop(engine, name="Moss", domain="https://moss.example", double_opt_in=True)
    without_pictures(engine)
    join(engine, shop, "ann@example.com")

    page.goto(link(runtime, engine, shop, "confirm"))
    assert_no_faults(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("on the list")
    assert states(engine, shop) == {"ann@example.com": "waiting"}

    page.goto(link(runtime, engine, shop, "unsubscribe"))
    assert_no_faults(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    assert states(engine, shop) == {"ann@example.com": "unsubscribed"}
    assert_no_faults(page)


def test_troubles_with_long_names_fit_a_small_screen(page: Page, engine: Engine, merchant: ShopKeys) -> None:
    long = "x" * 60
    join(engine, merchant, f"{long}@example.com")
    set_stock(engine, merchant, 5)
    with engine.begin() as database:
        database.exec_driver_sql(f"UPDATE message SET state = 'dead', uncertain = true, reason = '550 {long}'")
        database.exec_driver_sql(
            "INSERT INTO delivery_attempt (message_id, number, begun_at, outcome)"
            " SELECT id, 1, now(), 'uncertain' FROM message"
        )
        database.exec_driver_sql(
            "INSERT INTO webhook (shop_id, delivery_id, headers, body, received_at, due_at, state, error)"
            f" VALUES ({merchant.id}, '{long}', '{{}}', '', now(), now(), 'failed', '{long}')"
        )

    sign_in(page)

    for trouble in ("Undeliverable messages", "Uncertain deliveries", "Webhooks that could not be handled"):
        expect(page.get_by_role("heading", name=trouble)).to_be_visible()
    assert_no_faults(page)


def test_merchant_changes_settings_and_tells_people(page: Page, engine: Engine, merchant: ShopKeys) -> None:
    change(engine, merchant, minimum_inventory=9)
    set_stock(engine, merchant, 3)
    sign_in(page)
    assert_no_faults(page)

    page.get_by_label("Minimum inventory").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved")
    expect(page.get_by_label("Minimum inventory")).to_have_accessible_description(re.compile("whole number"))
    assert_no_faults(page)

    page.get_by_label("Minimum inventory").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.get_by_role("button", name="Notify 2 now").click()
    expect(page.get_by_role("status")).to_contain_text("2 people are being told.")
    assert set(states(engine, merchant).values()) == {"released"}


def test_merchant_checks_a_page_with_the_keyboard_alone(
    page: Page, engine: Engine, merchant: ShopKeys, site: Site
) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET domain = :origin"), {"origin": site.origin})
    long = "x" * 100
    site.answer("/mug", body=f"<script src=/{long}/s/{merchant.public_key}.js></script>".encode())
    sign_in(page)
    field = page.get_by_label("Address of a product page")

    field.fill("https://elsewhere.example/mug")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Not checked")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("page of this shop"))
    assert_no_faults(page)

    field.fill(f"{site.origin}/mug")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Check a page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="Script: not ok.")).to_contain_text(long)
    expect(page.get_by_role("heading", name="Snippet")).to_be_in_viewport()
    assert_no_faults(page)


@pytest.mark.parametrize("path", ["/merchant/sign-in", "/mailbox?reload=off", "/nothing", "/u/nothing"])
def test_other_pages_fit_a_small_screen(page: Page, path: str) -> None:
    page.goto(path)

    assert_no_faults(page)


def test_a_mail_is_shown_and_its_unsubscribe_link_works(
    page: Page, address: str, runtime: Runtime, engine: Engine, merchant: ShopKeys
) -> None:
    deliver_one(runtime, engine, merchant)

    page.goto("/mailbox?reload=off")
    page.get_by_role("link", name="Linen shirt").click()
    assert_no_faults(page)
    mail = page.frame_locator("iframe.mail")
    expect(mail.get_by_text("back in stock", exact=False).first).to_be_visible()
    target = mail.get_by_role("link", name="Unsubscribe").get_attribute("href")
    assert target
    page.goto(target.replace(runtime.settings.public_url, address))
    page.get_by_role("button", name="Stop all alerts of Fern").click()

    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    assert states(engine, merchant)["ann@example.com"] == "unsubscribed"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_mail_can_be_read_in_light_and_dark(
    browser: Browser, runtime: Runtime, engine: Engine, merchant: ShopKeys, scheme: str
) -> None:
    store = deliver_one(runtime, engine, merchant)
    context = browser.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.set_content(store.newest()[0].body("html"))

    for element in page.locator("div, a, td").filter(has_text=re.compile(r"\S")).all():
        if element.is_visible() and element.evaluate(HOLDS_WORDS):
            assert element.evaluate(CONTRAST) >= LEAST_CONTRAST, element.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert asked == []
    context.close()
