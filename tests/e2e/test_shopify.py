"""A shop on Shopify: from the installation to the mail, in a browser where there is a page."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect

from plugin import create_app, scheduler
from plugin.domain import shops
from plugin.runtime import Runtime
from tests.platforms.shopify import Mischief, Shopify
from tests.plugin.web.shopify.conftest import port, settings, shopify
from tests.shopify_world import CLIENT_ID, FERN, World, served, working
from tests.sink import MailSink

__all__ = ["port", "settings", "shopify"]  # fixtures
pytestmark = [pytest.mark.browser, pytest.mark.slow]
VARIANTS = 50_000


@pytest.fixture
def world(runtime: Runtime, shopify: Shopify, port: int) -> Iterator[World]:
    """Both of them, on their ports, with workers."""
    with served(create_app(runtime=runtime), port), working(runtime):
        yield World(runtime, shopify)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A merchant's or shopper's browser."""
    opened = browser.new_context()
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


def open_app(page: Page, world: World) -> FrameLocator:
    """Open Stockbell in the shop's admin, as merchants do."""
    page.goto(f"{world.shopify.origin}/{FERN}/admin/apps/{CLIENT_ID}/")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    return frame


def sign_up(page: Page, world: World, variant_id: str, email: str) -> None:
    """Ask to be told, on the page of a sold-out variant."""
    page.goto(f"{world.shopify.origin}/products/mug?variant={variant_id}")
    page.locator("stockbell-notify").get_by_role("button").click()
    page.locator("input[type=email]").fill(email)
    with page.expect_response("**/apps/stockbell/api/**") as answered:
        page.keyboard.press("Enter")
    assert answered.value.status == 202
    expect(page.get_by_text("on the list")).to_be_visible()


def test_from_the_installation_to_the_mail(world: World, context: BrowserContext, sink: MailSink) -> None:
    world.fern.catalog.fill(VARIANTS // 10, 10, locations=2, available=0)
    page = context.new_page()

    frame = open_app(page, world)
    expect(frame.get_by_text("Your catalog is being read")).to_be_visible()
    world.settle(120)
    assert world.query("SELECT count(*) FROM variant WHERE removed_at IS NULL") == [(VARIANTS + 2,)]
    frame = open_app(page, world)
    expect(frame.get_by_text("Your catalog has been read.")).to_be_visible()
    frame.get_by_label("Ask people to confirm their e-mail address").uncheck()
    frame.get_by_role("button", name="Save", exact=True).last.click()
    expect(frame.get_by_text("Saved. Changing")).to_be_visible()
    blue = world.variants[0]
    sign_up(page, world, blue, "ann@example.com")

    world.fern.set_available(blue, street(world), 9)  # where nobody can buy online
    world.settle()
    assert sink.recipients == []
    world.fern.set_available(blue, world.warehouse, 3)
    world.settle()

    assert sink.recipients == ["ann@example.com"]
    words = sink.delivered[0].message.get_body(("plain",)).get_content()
    assert f"/products/mug?variant={blue}" in words
    frame = open_app(page, world)
    frame.get_by_role("link", name="All subscribers").click()
    expect(frame.get_by_text("ann@example.com")).to_be_visible()
    expect(frame.get_by_text("notified")).to_be_visible()


def street(world: World) -> int:
    """The location that does not sell online."""
    return next(each.id for each in world.fern.catalog.locations.values() if each.name == "Long Lane")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_nothing_comes_twice_whatever_becomes_of_webhooks(
    world: World, sink: MailSink, seed: int
) -> None:
    """30 % of webhooks are lost, 30 % come twice, 30 % late, in any order."""
    chance = random.Random(seed)
    levels = {world.warehouse: 0}
    for number in range(10):
        facts = [{"title": str(each), "levels": levels} for each in range(3)]
        world.fern.catalog.add_product(f"Product {number}", facts)
    bearer = world.bearer()
    assert httpx.get(f"{world.runtime.settings.public_url}/shopify/", headers=bearer).status_code == 200
    world.settle()
    shop = world.known()
    with world.runtime.engine.begin() as database:
        shops.change_settings(database, shop.id, {"double_opt_in": False})
    variants = [str(each) for product in world.fern.catalog.products.values() for each in product.variant_ids]
    people = {f"p{number}@example.com": chance.choice(variants) for number in range(60)}

    def join(person: str) -> int:
        address = f"{world.shopify.origin}/apps/stockbell/api/v1/storefront/{shop.public_key}/subscriptions"
        return httpx.post(address, json={"variant_id": people[person], "email": person}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(join, people)) == {202}
    world.shopify.mischief = Mischief(drop=0.3, double=0.3, late=0.3, late_seconds=(0.05, 0.6), shuffle=True, seed=seed)

    for _ in range(120):
        world.fern.set_available(chance.choice(variants), world.warehouse, chance.choice([0, 0, 1, 5]))
        if chance.random() < 0.3:
            world.work(chance)
    in_stock = set(chance.sample(variants, 12))
    for variant_id in variants:
        world.fern.set_available(variant_id, world.warehouse, 4 if variant_id in in_stock else 0)
    world.settle(60)
    scheduler.reconcile(world.runtime)  # what was lost is read anew
    world.settle(60)

    told = Counter(sink.recipients)
    assert max(told.values()) == 1, "somebody was told twice"
    lost = {person for person, variant_id in people.items() if variant_id in in_stock} - set(told)
    assert lost == set(), "somebody was not told"
    waiting = {row.email: row.variant_id for row in world.query("SELECT * FROM subscription WHERE state = 'waiting'")}
    assert waiting == {person: people[person] for person in set(people) - set(told)}
    assert {world.available(variant_id) for variant_id in waiting.values()} == {0}
    statuses = [each.status for each in world.shopify.deliveries]
    assert None in statuses, "nothing was lost, so this test shows nothing"
    assert set(statuses) <= {None, 202}


def test_settings_are_saved_where_the_browser_keeps_nothing_for_frames(world: World, context: BrowserContext) -> None:
    """Third-party cookies and storage are blocked, as in a private window."""
    context.add_init_script(
        """
        if (window !== window.top) {
          const blocked = () => { throw new DOMException("blocked", "SecurityError"); };
          for (const name of ["localStorage", "sessionStorage", "indexedDB"])
            Object.defineProperty(window, name, { get: blocked });
          Object.defineProperty(document, "cookie", { get: blocked, set: blocked });
        }
        """
    )
    page = context.new_page()
    frame = open_app(page, world)

    frame.get_by_label("Minimum inventory").fill("0")
    frame.get_by_role("button", name="Save", exact=True).last.click()
    expect(frame.get_by_role("alert")).to_contain_text("Not saved.")
    expect(frame.get_by_text("Enter a whole number from 1")).to_be_visible()
    frame.get_by_label("Minimum inventory").fill("4")
    frame.get_by_role("button", name="Save", exact=True).last.click()
    expect(frame.get_by_text("Saved. Changing")).to_be_visible()

    assert world.known().rules.minimum_inventory == 4
    stockbell = world.runtime.settings.public_url
    assert [each for each in context.cookies() if stockbell.endswith(f":{each.get('port', '')}")] == []
    assert [each["name"] for each in context.cookies(stockbell)] == []


@pytest.mark.parametrize(
    ("status", "words"), [("active", "On."), ("available", "Off."), (None, "Unknown."), ("nothing", "Off.")]
)
def test_p10_the_page_says_whether_the_theme_shows_the_button(
    world: World, context: BrowserContext, status: str | None, words: str
) -> None:
    activation = {"handle": "embed", "name": "Embed", "target": "body", "status": status, "activations": []}
    activations = [] if status == "nothing" else [activation]
    extension = {"handle": "stockbell", "type": "theme_app_extension", "activations": activations}
    world.fern.extensions = None if status is None else [extension]
    page = context.new_page()

    frame = open_app(page, world)

    expect(frame.get_by_text(words, exact=True)).to_be_visible()
    for other in {"On.", "Off.", "Unknown."} - {words}:
        expect(frame.get_by_text(other, exact=True)).to_be_hidden()
    name = "Open the theme editor" if words == "On." else "Switch it on everywhere"
    link = frame.get_by_role("link", name=name)
    assert f"{world.shopify.origin}/{FERN}/admin/themes/current/editor" in str(link.get_attribute("href"))


def test_p10_the_link_to_the_theme_editor_switches_the_button_on(world: World, context: BrowserContext) -> None:
    world.fern.extensions = []
    page = context.new_page()
    open_app(page, world).get_by_role("link", name="Switch it on everywhere").click()
    page.wait_for_url("**/themes/current/editor**")

    assert world.fern.embed_enabled
