"""What the page tells of visitors: only with the consent that the shop's own tool reports."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.processes import wait_for
from tests.widget.storefront import Storefront
from tests.widget.stub import PUBLIC_KEY, STOREFRONT, Answer, Stub

ELEMENT = '<stockbell-notify product-id="p1" available="true"></stockbell-notify>'
PRODUCT = f"""
<form action="/fr/cart/add" onsubmit="return false">
  <select name="id"><option>v1</option><option>v2</option></select>
  <input name="quantity" value="2">
  <button>Add</button>
  {ELEMENT}
</form>
<a href="/checkout" onclick="return false">Check out</a>
"""
WOO_PRODUCT = '<input type="hidden" name="add-to-cart" value="p9">'
GRANTED = "<script>document.documentElement.dataset.stockbellConsent = 'granted'</script>"

# Each tool, with the visitor's answer to be put in.
SHOPIFY = """
<script>
  Shopify = { loadFeatures: (features, done) => {
    if (features[0].name !== "consent-tracking-api") return;
    setTimeout(() => { Shopify.customerPrivacy = { marketingAllowed: () => %s }; done(); }, 300);
  } };
</script>
"""
WIX = """
<script>
  consentPolicyManager = { getCurrentConsentPolicy: () => ({
    defaultPolicy: false, policy: { essential: true, analytics: true, advertising: %s },
  }) };
</script>
"""
BIGCOMMERCE = (
    "<script>document.cookie = 'bc_consent=' +"
    " encodeURIComponent(JSON.stringify(%s ? { allow: [2, 3, 4], deny: [] } : { allow: [2, 3], deny: [4] }))</script>"
)
CONSENT_MODE = """
<script>
  dataLayer = [];
  function gtag() { dataLayer.push(arguments); }
  gtag("consent", "default", { ad_storage: "denied", ad_user_data: "denied" });
  gtag("event", "page_view");
  gtag("consent", "update", %s ? { ad_storage: "granted", ad_user_data: "granted" } : { ad_storage: "granted" });
</script>
"""
REGIONS = """
<script>
  dataLayer = [];
  function gtag() {{ dataLayer.push(arguments); }}
  const denied = {{ ad_storage: "denied", ad_user_data: "denied", region: ["DE", "FR"] }};
  const granted = {{ ad_storage: "granted", ad_user_data: "granted" }};
  gtag("consent", "default", {first});
  gtag("consent", "default", {second});
</script>
"""
# What a tool that has to be fetched knows, and from when on.
LATE_MS = 1500
LATE = f"""
<script>
  Shopify = {{ loadFeatures: () => setTimeout(() => {{
    Shopify.customerPrivacy = {{ marketingAllowed: () => true }};
  }}, {LATE_MS}) }};
</script>
"""
PAGE = "<script>document.documentElement.dataset.stockbellConsent = %s ? 'granted' : 'denied'</script>"
TOOLS = {"shopify": SHOPIFY, "wix": WIX, "bigcommerce": BIGCOMMERCE, "consent mode": CONSENT_MODE, "page": PAGE}


@pytest.fixture
def storefront(browser: Browser, stub: Stub) -> Iterator[Storefront]:
    """A browser that keeps nothing of other tests, and whose time is the test's."""
    stub.settings["events"] = True
    context = browser.new_context()
    context.set_default_timeout(5000)
    opened = Storefront(context.new_page(), stub)
    opened.page.clock.install()
    yield opened
    context.close()
    assert opened.complaints == []


def visit(storefront: Storefront, body: str, *, query: str = "", script: str | None = None) -> None:
    storefront.visit(body, query=query, script=script)
    storefront.page.wait_for_function("() => stockbell.track")


def wait(storefront: Storefront, seconds: float = 4) -> None:
    """Let time pass on the page, and what it has sent arrive: another request to the same server comes after it."""
    storefront.page.clock.run_for(seconds * 1000)
    for _ in range(2):  # a first event has to ask whether it may be sent
        storefront.page.evaluate("host => fetch(host + '/anything').catch(() => {})", storefront.stub.host)


def told(stub: Stub, events: int = 0) -> list[tuple[str, ...]]:
    """What reached the server: type, product, variant, each that is known; waits for so many events."""
    wait_for(lambda: len(stub.events) >= events, f"{events} events reach the server")
    names = ("type", "product_id", "variant_id")
    return [tuple(event[name] for name in names if name in event) for event in stub.events]


def kept(storefront: Storefront) -> list[str]:
    """What the browser remembers for the shop."""
    names: list[str] = storefront.page.evaluate("() => Object.keys(localStorage).sort()")
    return names


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_s_word_is_obeyed(storefront: Storefront, stub: Stub, tool: str) -> None:
    visit(storefront, TOOLS[tool] % "false" + PRODUCT)
    wait(storefront)
    storefront.page.get_by_role("button", name="Add").click()
    wait(storefront)
    assert told(stub) == []
    assert kept(storefront) == []

    visit(storefront, TOOLS[tool] % "true" + PRODUCT)
    wait(storefront)
    assert told(stub, 1) == [("viewed", "p1", "v1")]
    assert kept(storefront) == ["stockbell-visitor"]


def test_without_any_tool_nothing_is_told_or_kept(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, PRODUCT)
    storefront.page.get_by_role("button", name="Add").click()
    storefront.page.get_by_text("Check out").click()
    storefront.page.evaluate("() => stockbell.track('viewed', { productId: 'p1' })")
    wait(storefront)

    assert told(stub) == []
    assert kept(storefront) == []


def test_of_several_tools_each_must_have_a_yes(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, SHOPIFY % "true" + CONSENT_MODE % "false" + PRODUCT)
    wait(storefront)

    assert told(stub) == []


def test_global_privacy_control_is_a_no(storefront: Storefront, stub: Stub) -> None:
    storefront.page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    visit(storefront, GRANTED + PRODUCT)
    wait(storefront)

    assert told(stub) == []
    assert kept(storefront) == []


@pytest.mark.parametrize(("first", "second"), [("denied", "granted"), ("granted", "denied")])
def test_what_holds_in_some_regions_only_is_no_answer(
    storefront: Storefront, stub: Stub, first: str, second: str
) -> None:
    visit(storefront, REGIONS.format(first=first, second=second) + PRODUCT)
    wait(storefront)
    assert told(stub) == []
    assert kept(storefront) == []

    storefront.page.evaluate("() => gtag('consent', 'update', { ad_storage: 'granted', ad_user_data: 'granted' })")
    wait(storefront)
    assert told(stub, 1) == [("viewed", "p1", "v1")]

    storefront.page.evaluate("() => gtag('consent', 'update', { ad_storage: 'denied' })")
    wait(storefront)
    assert kept(storefront) == []


def test_a_tool_that_answers_late_makes_nobody_a_stranger(storefront: Storefront, stub: Stub) -> None:
    for visits in (1, 2):
        visit(storefront, LATE + PRODUCT)
        wait(storefront, 8)
        told(stub, visits)

    bodies = [request.body for request in stub.asked("POST", f"{STOREFRONT}/events")]
    assert len({body["visitor_id"] for body in bodies}) == 1


def test_an_event_names_the_variant_that_the_element_is_about(storefront: Storefront, stub: Stub) -> None:
    element = '<stockbell-notify product-id="p1" variant-id="v1" available="true"></stockbell-notify>'
    form = PRODUCT.replace(ELEMENT, element)
    wishes = '<form><input type="hidden" name="variation_id" value="old"></form>'
    options = '<form data-cart-item-add onsubmit="return false"><button>Add this</button></form>'
    visit(storefront, f"{GRANTED}<div>{wishes}{options}{element.replace('v1', '7').replace('p1', 'p7')}</div>{form}")
    storefront.page.get_by_role("combobox").select_option("v2")
    storefront.page.get_by_role("button", name="Add", exact=True).click()
    storefront.page.get_by_role("button", name="Add this").click()

    assert sorted(told(stub, 2)) == [("added_to_cart", "p1", "v2"), ("added_to_cart", "p7", "7")]


@pytest.mark.parametrize(
    ("form", "fields", "variant"),
    [
        ('action="/cart/add"', '<input type="hidden" name="id" value="v9">', "v9"),
        ("data-stockbell-add", '<input type="hidden" name="variant_id" value="v9">', "v9"),
        ("data-stockbell-add", '<input type="radio" name="id"><input type="radio" name="id" value="v9" checked>', "v9"),
        ('class="cart"', f'{WOO_PRODUCT}<input type="hidden" name="variation_id" value="v9">', "v9"),
        ('class="cart"', f'{WOO_PRODUCT}<input type="hidden" name="variation_id" value="0">', None),
    ],
)
def test_another_products_form_is_not_taken_for_the_pages_own(
    storefront: Storefront, stub: Stub, form: str, fields: str, variant: str | None
) -> None:
    other = f'<form {form} onsubmit="return false">{fields}<button>Also</button></form>'
    visit(storefront, GRANTED + PRODUCT + other, query="?variant=v1")
    storefront.page.get_by_role("button", name="Also").click()

    told(stub, 1)
    (event,) = stub.events
    assert (event["type"], event.get("variant_id")) == ("added_to_cart", variant)
    assert event.get("product_id") == ("p9" if WOO_PRODUCT in fields else None)


def test_a_page_that_nobody_sees_is_not_viewed(storefront: Storefront, stub: Stub) -> None:
    storefront.page.add_init_script("Object.defineProperty(document, 'hidden', { value: true })")
    visit(storefront, GRANTED + PRODUCT)
    wait(storefront)

    assert told(stub) == []


def test_a_checkout_is_told_in_one_request_and_once(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, GRANTED + PRODUCT)
    for _ in range(3):
        storefront.page.get_by_role("button", name="Add").click()
    told(stub, 3)
    before = len(stub.asked("POST", f"{STOREFRONT}/events"))

    for _ in range(2):
        storefront.page.get_by_text("Check out").click()

    assert [name for name, *_ in told(stub, 6)][3:] == ["started_checkout"] * 3
    assert len(stub.asked("POST", f"{STOREFRONT}/events")) == before + 1
    wait(storefront)
    assert [name for name, *_ in told(stub)].count("started_checkout") == 3


def test_a_blocked_file_is_nobodys_error(storefront: Storefront, stub: Stub) -> None:
    storefront.cut("**/tracking.js")
    storefront.visit(GRANTED + PRODUCT)
    wait(storefront)

    assert told(stub) == []


def test_a_broken_tool_is_no_yes(storefront: Storefront, stub: Stub) -> None:
    broken = "<script>consentPolicyManager = { getCurrentConsentPolicy: () => { throw new Error(); } }</script>"
    visit(storefront, broken + PRODUCT)
    wait(storefront)

    assert told(stub) == []


def test_consent_counts_from_when_it_is_given_until_it_is_taken_back(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, PRODUCT)
    wait(storefront)
    storefront.page.get_by_role("button", name="Add").click()
    storefront.page.evaluate("() => document.documentElement.dataset.stockbellConsent = 'granted'")
    wait(storefront)
    assert told(stub, 1) == [("viewed", "p1", "v1")]

    storefront.page.evaluate("() => document.documentElement.dataset.stockbellConsent = 'denied'")
    wait(storefront)
    storefront.page.get_by_role("button", name="Add").click()
    wait(storefront)
    assert len(told(stub)) == 1
    assert kept(storefront) == []


def test_views_carts_and_checkouts_are_told(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, GRANTED + PRODUCT)
    wait(storefront)
    storefront.page.get_by_role("combobox").select_option("v2")
    wait(storefront)
    storefront.page.get_by_role("button", name="Add").click()
    storefront.page.get_by_text("Check out").click()
    wait(storefront)

    steps = [("viewed", "v1"), ("viewed", "v2"), ("added_to_cart", "v2"), ("started_checkout", "v2")]
    assert told(stub, len(steps)) == [(step, "p1", variant) for step, variant in steps]
    assert [event.get("quantity") for event in stub.events] == [None, None, 2, 2]
    assert len({event["event_id"] for event in stub.events}) == len(steps)
    visitors = {request.body["visitor_id"] for request in stub.asked("POST", f"{STOREFRONT}/events")}
    assert len(visitors) == 1
    assert re.fullmatch("[0-9a-f]{32}", visitors.pop())


@pytest.mark.parametrize("is_pinned", [True, False])
def test_a_page_that_speaks_of_events_though_the_shop_does_not_want_them_keeps_nothing(
    storefront: Storefront, stub: Stub, *, is_pinned: bool
) -> None:
    tag = f'data-key="{PUBLIC_KEY}" data-host="{stub.host}" data-events="true"'
    script = f'<script src="{stub.pinned_script}" {tag}></script>' if is_pinned else None
    stub.settings = {"events": not is_pinned}
    stub.events_answer = Answer(403, {})
    visit(storefront, GRANTED + PRODUCT, script=script)
    wait(storefront)
    storefront.page.get_by_role("button", name="Add").click()
    wait(storefront)

    assert kept(storefront) == []
    assert len(stub.asked("POST", f"{STOREFRONT}/events")) == (0 if is_pinned else 1)


def test_a_visitors_number_that_is_none_is_replaced(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, GRANTED + PRODUCT)
    storefront.page.evaluate("localStorage.setItem('stockbell-visitor', 'x')")
    wait(storefront)
    told(stub, 1)

    (request,) = stub.asked("POST", f"{STOREFRONT}/events")
    assert re.fullmatch("[0-9a-f]{32}", request.body["visitor_id"])


def test_a_page_seen_again_is_the_same_visitor(storefront: Storefront, stub: Stub) -> None:
    for visits in (1, 2):
        visit(storefront, GRANTED + PRODUCT)
        wait(storefront)
        told(stub, visits)

    assert told(stub) == [("viewed", "p1", "v1")] * 2
    bodies = [request.body for request in stub.asked("POST", f"{STOREFRONT}/events")]
    assert len({body["visitor_id"] for body in bodies}) == 1


def test_a_glance_is_no_view_and_neither_is_a_collection(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, GRANTED + PRODUCT)
    wait(storefront, 0.9)
    visit(storefront, GRANTED + ELEMENT + ELEMENT.replace("p1", "p2"))
    wait(storefront)

    assert told(stub) == []


def test_what_did_not_arrive_is_told_again_and_less_and_less_often(storefront: Storefront, stub: Stub) -> None:
    stub.events_answer = Answer(503)
    visit(storefront, GRANTED + PRODUCT)
    for _ in range(60):
        wait(storefront, 1)
    tries = len(stub.events)
    assert 2 <= tries <= 8

    stub.events_answer = Answer(202, {"status": "accepted"})
    for _ in range(60):
        wait(storefront, 1)
    assert len(told(stub, tries + 1)) == tries + 1
    assert len({event["event_id"] for event in stub.events}) == 1


def test_what_the_server_refuses_for_good_is_not_told_again(storefront: Storefront, stub: Stub) -> None:
    stub.events_answer = Answer(403)
    visit(storefront, GRANTED + PRODUCT)
    for _ in range(10):
        wait(storefront, 1)

    assert len(told(stub, 1)) == 1


def test_a_shop_tells_by_its_own_script(storefront: Storefront, stub: Stub) -> None:
    visit(storefront, GRANTED)
    storefront.page.evaluate("() => stockbell.track('added_to_cart', { variantId: 'v7', quantity: 0.2 })")
    storefront.page.evaluate("() => stockbell.track('added_to_cart', {})")
    wait(storefront)

    assert told(stub, 1) == [("added_to_cart", "v7")]
    assert stub.events[0]["quantity"] == 1


def test_works_where_nothing_can_be_kept(storefront: Storefront, stub: Stub) -> None:
    storefront.page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error(); } })")
    visit(storefront, GRANTED + PRODUCT)
    wait(storefront)
    storefront.page.get_by_role("button", name="Add").click()
    wait(storefront)

    assert [name for name, *_ in told(stub, 2)] == ["viewed", "added_to_cart"]


def test_a_shop_that_wants_no_events_loads_nothing(storefront: Storefront, stub: Stub) -> None:
    del stub.settings["events"]
    storefront.visit(GRANTED + PRODUCT)
    wait(storefront)

    assert not [request.path for request in stub.requests if "tracking" in request.path]
    assert kept(storefront) == []
