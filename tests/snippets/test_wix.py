"""The Wix snippets: the plugin told by a page in every order, Stockbell answering late, wrongly or not at all.

Wix defines the plugin's class under the name in its extension file and then sets attributes or properties; so does the
page here. What `<stockbell-notify>` does with its attributes is tested with the widget.
"""

import contextlib
import itertools
import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Route, expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "snippets" / "wix"
EXTENSIONS = SNIPPETS / "src" / "extensions"
PLUGIN = EXTENSIONS / "site" / "plugins" / "stockbell-notify-plugin"
SCRIPT = PLUGIN / "stockbell-notify-plugin.js"
PANEL = PLUGIN / "stockbell-notify-plugin.panel.tsx"
EMBEDDED = EXTENSIONS / "site" / "embedded-scripts" / "stockbell"
DASHBOARD = EXTENSIONS / "dashboard" / "pages" / "stockbell"

SHOP = "https://shop.test"
HOST = "https://stockbell.test"
LOADER = f"{HOST}/s/pk_test.js"
VARIANTS = "/api/v1/storefront/pk_test/variants/"
NO_VARIANT = "00000000-0000-0000-0000-000000000000"

SETTINGS = f'host="{HOST}/" public-key="pk_test"'
DEFINE = """<script type="module">
  import Plugin from "/plugin.js";
  Object.defineProperty(Plugin.prototype, "accessTokenListener", { value: () => {}, writable: false });
  customElements.define("stockbell-notify-plugin", Plugin);
</script>"""
# As the CLI's project has them; the panel and the dashboard page have no part in this.
MODULES = """<script type="importmap">{"imports": {
  "@wix/site-window": "/site-window.js", "@wix/custom-extensions": "/custom-extensions.js"
}}</script>"""


class Site:
    """One page of the site, and Stockbell, which answers when a test lets it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.html = ""
        self.loader = ""
        self.files = {
            "/plugin.js": SCRIPT.read_text(),
            "/custom-extensions.js": "export const extensions = new Proxy({}, { get: () => (options) => options });",
        }
        self.waiting: list[Route] = []
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", self._serve)

    def _hear(self, message: ConsoleMessage) -> None:
        # The browser itself logs each failed request; no script can keep it from that.
        if "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _serve(self, route: Route) -> None:
        url = route.request.url
        path = urlsplit(url).path
        self.asked.append(url)
        if url == LOADER:
            route.fulfill(body=self.loader, content_type="text/javascript")
        elif url.startswith(HOST + VARIANTS):
            self.waiting.append(route)
        elif path in self.files:
            route.fulfill(body=self.files[path], content_type="text/javascript")
        elif path == "/site-window.js":
            route.fulfill(status=404)
        else:
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8")

    def visit(
        self, body: str = f"<stockbell-notify-plugin {SETTINGS}></stockbell-notify-plugin>", head: str = ""
    ) -> None:
        self.html = f"<!doctype html><html lang=en><head>{head}{DEFINE}</head><body>{body}</body></html>"
        self.page.goto(f"{SHOP}/product-page/mug")
        self.page.wait_for_function("() => customElements.get('stockbell-notify-plugin')")

    @property
    def plugin(self) -> Locator:
        return self.page.locator("stockbell-notify-plugin")

    @property
    def notify(self) -> Locator:
        return self.page.locator("stockbell-notify-plugin > stockbell-notify")

    def tell(self, **values: object) -> None:
        """Set attributes, all in one task."""
        names = {name.replace("_", "-"): value for name, value in values.items()}
        self.plugin.evaluate(
            """(plugin, names) => {
              for (const [name, value] of Object.entries(names)) {
                if (value === null) plugin.removeAttribute(name);
                else plugin.setAttribute(name, value);
              }
            }""",
            names,
        )

    def question(self, number: int = 0) -> str:
        """The variant of the nth question to Stockbell, waited for."""
        for _ in range(60):
            if len(self.waiting) > number:
                return urlsplit(self.waiting[number].request.url).path.removeprefix(VARIANTS)
            self.page.wait_for_timeout(50)
        raise AssertionError(f"asked {len(self.waiting)} times")

    def answer(self, number: int = 0, *, available: bool | None, status: int = 200) -> None:
        self.question(number)
        body = json.dumps({} if available is None else {"available": available, "waiting": 0})
        headers = {"Access-Control-Allow-Origin": SHOP}
        with contextlib.suppress(Error):  # the page may no longer wait for it
            self.waiting[number].fulfill(status=status, body=body, content_type="application/json", headers=headers)

    def quiet(self) -> int:
        """How often Stockbell has been asked by now, with time enough for one more."""
        self.page.wait_for_timeout(150)
        return len(self.waiting)


@pytest.fixture
def site(browser: Browser) -> Iterator[Site]:
    """Fails the test if the page's console was not quiet."""
    context = browser.new_context()
    context.set_default_timeout(5000)
    site = Site(context.new_page())
    yield site
    assert site.complaints == []
    context.close()


def offers(notify: Locator, variant: str) -> None:
    expect(notify).to_have_attribute("variant-id", variant)
    expect(notify).to_have_attribute("available", "false")


def offers_nothing(notify: Locator) -> None:
    expect(notify).to_have_attribute("available", "true")


def has_no(locator: Locator, name: str) -> None:
    expect(locator).not_to_have_attribute(name, re.compile(".*"))


def test_offers_a_variant_that_stockbell_says_is_sold_out(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    assert site.question() == "v1"
    offers_nothing(site.notify)

    site.answer(available=False)

    offers(site.notify, "v1")
    expect(site.notify).to_have_attribute("product-id", "p1")
    expect(site.notify).to_have_attribute("variant-field", "none")
    assert "cookie" not in site.waiting[0].request.headers
    assert site.asked.count(LOADER) == 1


@pytest.mark.parametrize("available", [True, None])
def test_offers_nothing_that_is_not_said_to_be_sold_out(site: Site, available: bool | None) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.answer(available=available)

    assert site.quiet() == 1
    offers_nothing(site.notify)
    expect(site.notify).to_have_attribute("variant-id", "v1")


STEPS = {
    "product": "plugin.{attribute}('product-id', 'p1')|plugin.productId = 'p1'",
    "variant": "plugin.{attribute}('selected-variant-id', 'v1')|plugin.selectedVariantId = 'v1'",
    "choices": """plugin.{attribute}('selected-choices', '{{"Size":"M"}}')|plugin.selectedChoices = {{ Size: 'M' }}""",
    "settings": f"plugin.{{attribute}}('host', '{HOST}'); plugin.setAttribute('public-key', 'pk_test')",
}


@pytest.mark.parametrize("way", ["attributes", "properties"])
def test_takes_values_in_any_order_and_either_way(site: Site, way: str) -> None:
    orders = list(itertools.permutations(STEPS))
    scripts = []
    for order in orders:
        steps = [STEPS[name].format(attribute="setAttribute").split("|") for name in order]
        chosen = [step[-1] if way == "properties" else step[0] for step in steps]
        scripts.append("; await null; await null; ".join(chosen))
    site.visit(body="")
    results = site.page.evaluate(
        """async (scripts) => {
          const results = [];
          for (const script of scripts) {
            const plugin = document.createElement("stockbell-notify-plugin");
            document.body.append(plugin);
            await new (async () => {}).constructor("plugin", script)(plugin);
            await new Promise((resolve) => setTimeout(resolve));
            const notify = plugin.firstElementChild;
            results.push(["product-id", "variant-id", "variant-title"].map((name) => notify.getAttribute(name)));
            plugin.remove();
          }
          return results;
        }""",
        scripts,
    )

    assert len(orders) == 24
    assert results == [["p1", "v1", "M"]] * 24


def test_takes_attributes_in_lower_case(site: Site) -> None:
    site.visit()
    site.tell(productid="p1", selectedvariantid="v1", selectedchoices='{"Size":"M","Colour":"Red"}')

    expect(site.notify).to_have_attribute("variant-id", "v1")
    expect(site.notify).to_have_attribute("product-id", "p1")
    expect(site.notify).to_have_attribute("variant-title", "M / Red")


def test_takes_properties_that_were_set_before_its_class_came(site: Site) -> None:
    early = "<script>Object.assign(document.querySelector('stockbell-notify-plugin'), { productId: 'p1', "
    early += "selectedVariantId: 'v1', selectedChoices: { Size: 'M' } });</script>"
    site.visit(f"<stockbell-notify-plugin {SETTINGS}></stockbell-notify-plugin>{early}")

    expect(site.notify).to_have_attribute("variant-id", "v1")
    assert site.plugin.evaluate("plugin => [Object.keys(plugin).includes('productId'), plugin.productId]") == [
        False,
        "p1",
    ]
    site.plugin.evaluate("plugin => { plugin.selectedVariantId = 'v2'; }")
    expect(site.notify).to_have_attribute("variant-id", "v2")


@pytest.mark.parametrize("nothing", ["undefined", "null", "''", "'undefined'", "'null'", "' '"])
def test_offers_nothing_until_all_options_are_chosen(site: Site, nothing: str) -> None:
    site.visit()
    site.plugin.evaluate(
        f"plugin => {{ plugin.productId = 'p1'; plugin.selectedVariantId = {nothing}; plugin.selectedChoices = {{}}; }}"
    )
    expect(site.notify).to_have_attribute("product-id", "p1")
    assert site.quiet() == 0
    offers_nothing(site.notify)
    has_no(site.notify, "variant-id")

    site.plugin.evaluate("plugin => { plugin.selectedVariantId = 'v1'; }")
    site.answer(available=False)
    offers(site.notify, "v1")

    site.plugin.evaluate(f"plugin => {{ plugin.selectedVariantId = {nothing}; }}")
    offers_nothing(site.notify)
    has_no(site.notify, "variant-id")


def test_forgets_the_variant_when_its_attribute_goes(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.answer(available=False)
    offers(site.notify, "v1")

    site.tell(selected_variant_id=None)

    offers_nothing(site.notify)
    has_no(site.notify, "variant-id")


def test_never_shows_two_products_mixed(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    expect(site.notify).to_have_attribute("variant-id", "v1")
    seen = site.plugin.evaluate(
        """async (plugin) => {
          const seen = new Set();
          const notify = plugin.firstElementChild;
          const look = () => seen.add(["product-id", "variant-id"].map((name) => notify.getAttribute(name)).join());
          new MutationObserver(look).observe(notify, { attributes: true });
          for (const number of [2, 3]) {
            plugin.setAttribute("product-id", "p" + number);
            plugin.setAttribute("selected-variant-id", "v" + number);
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          return [...seen];
        }"""
    )

    assert seen == ["p2,v2", "p3,v3"]


def test_asks_for_no_mixture_of_two_products(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id=NO_VARIANT)
    site.question()
    # For a moment the new product has no variant of its own.
    site.tell(product_id="p2", selected_variant_id="v9")

    assert site.question(1) == "v9"
    assert site.quiet() == 2


def test_the_answer_to_the_variant_before_does_not_count(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.question(0)
    site.tell(selected_variant_id="v2")
    site.answer(1, available=True)
    expect(site.notify).to_have_attribute("variant-id", "v2")
    site.answer(0, available=False)
    site.quiet()

    offers_nothing(site.notify)
    # It is not lost, though: whoever comes back need not wait.
    site.tell(selected_variant_id="v1")
    offers(site.notify, "v1")
    assert site.quiet() == 2


def test_asks_once_however_often_the_page_tells_the_same(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.question(0)
    site.tell(selected_variant_id="v2")
    site.question(1)
    site.answer(0, available=True)
    site.quiet()
    site.tell(selected_variant_id="v2", selected_choices='{"Size":"M"}')
    expect(site.notify).to_have_attribute("variant-title", "M")
    assert site.quiet() == 2

    site.answer(1, available=False)
    offers(site.notify, "v2")
    changes = site.plugin.evaluate(
        """async (plugin) => {
          let changes = 0;
          const count = (records) => { changes += records.length; };
          new MutationObserver(count).observe(plugin.firstElementChild, { attributes: true });
          plugin.selectedVariantId = "v2";
          plugin.quantity = 3;
          await new Promise((resolve) => setTimeout(resolve, 50));
          return changes;
        }"""
    )
    assert changes == 0


def test_asks_once_per_variant(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.answer(0, available=False)
    offers(site.notify, "v1")
    site.tell(selected_variant_id="v2")
    site.answer(1, available=False)
    offers(site.notify, "v2")
    for variant in ("v1", "v2", "v1"):
        site.tell(selected_variant_id=variant, selected_choices='{"a":"b"}')
        offers(site.notify, variant)

    assert site.quiet() == 2


@pytest.mark.parametrize("status", [500, 429, 403, 0])
def test_stays_quiet_when_stockbell_fails_and_asks_anew_later(site: Site, status: int) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.question()
    if status:
        site.answer(available=False, status=status)
    else:
        site.waiting[0].abort()
    assert site.quiet() == 1
    offers_nothing(site.notify)

    site.tell(selected_variant_id="v2")
    site.answer(1, available=False)
    site.tell(selected_variant_id="v1")
    site.answer(2, available=False)
    offers(site.notify, "v1")


def test_does_not_ask_again_for_a_variant_that_stockbell_does_not_know(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.answer(available=False, status=404)
    site.quiet()
    offers_nothing(site.notify)
    site.tell(selected_variant_id=None)
    site.tell(selected_variant_id="v1")

    assert site.quiet() == 1


def test_gives_up_waiting(site: Site) -> None:
    site.page.clock.install()
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1")
    site.question()
    site.page.clock.run_for(5500)
    assert site.waiting[0].request.failure is None

    site.page.clock.run_for(1000)
    site.quiet()

    assert site.waiting[0].request.failure is not None
    offers_nothing(site.notify)


def test_a_product_of_the_first_catalog_without_options_is_its_own_variant(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id=NO_VARIANT)
    assert site.question() == "p1"
    site.answer(available=False)
    offers(site.notify, "p1")

    site.tell(product_id="p2")
    assert site.question(1) == "p2"
    offers_nothing(site.notify)


@pytest.mark.parametrize("choices", ["[1]", "{broken", "3", "null", '{"Size":{"a":1},"Colour":""}'])
def test_writes_no_title_of_choices_that_it_does_not_understand(site: Site, choices: str) -> None:
    site.visit()
    site.tell(product_id="p1", selected_variant_id="v1", selected_choices=choices)

    expect(site.notify).to_have_attribute("variant-id", "v1")
    has_no(site.notify, "variant-title")


def test_follows_the_settings_panel(site: Site) -> None:
    site.visit()
    site.tell(product_id="p1", accent="#0b5d3b", display="inline")
    expect(site.notify).to_have_attribute("display", "inline")
    accent = "notify => notify.style.getPropertyValue('--stockbell-accent')"
    assert site.notify.evaluate(accent) == "#0b5d3b"

    site.tell(accent="red; } body { display: none", display="dialog")
    site.quiet()
    has_no(site.notify, "display")
    assert site.notify.evaluate(accent) == ""
    site.tell(accent="rgb(var(--color_18))")
    site.quiet()
    assert site.notify.evaluate(accent) == "rgb(var(--color_18))"


@pytest.mark.parametrize(
    "settings", ["", f'host="{HOST}"', 'public-key="pk_test"', 'host="javascript:alert(1)" public-key="pk_test"']
)
def test_visitors_see_nothing_while_settings_are_missing(site: Site, settings: str) -> None:
    site.visit(f'<stockbell-notify-plugin {settings} product-id="p1"></stockbell-notify-plugin>')

    assert site.quiet() == 0
    expect(site.plugin).to_be_empty()
    expect(site.page.locator("script[src]")).to_have_count(0)


def test_loads_the_widget_once(site: Site) -> None:
    plugin = f'<stockbell-notify-plugin {SETTINGS} product-id="p1"></stockbell-notify-plugin>'
    site.visit(plugin * 3, head=f'<script src="{LOADER}" async></script>')
    expect(site.notify).to_have_count(3)

    assert site.asked.count(LOADER) == 1


def test_keeps_its_element_when_the_page_moves_or_empties_it(site: Site) -> None:
    site.visit('<div id="other"></div>' + f"<stockbell-notify-plugin {SETTINGS}></stockbell-notify-plugin>")
    site.tell(product_id="p1", selected_variant_id="v1")
    site.answer(available=False)
    offers(site.notify, "v1")

    site.plugin.evaluate("plugin => document.querySelector('#other').append(plugin)")
    offers(site.page.locator("#other stockbell-notify"), "v1")
    site.plugin.evaluate("plugin => { plugin.textContent = ''; plugin.productId = 'p1'; }")
    offers(site.notify, "v1")
    assert site.quiet() == 1


def test_a_real_element_is_told_step_by_step(site: Site) -> None:
    site.loader = """
      window.told = [];
      customElements.define("stockbell-notify", class extends HTMLElement {
        static observedAttributes = ["variant-id", "available"];
        attributeChangedCallback(name, before, now) { if (before !== now) told.push([name, now]); }
      });"""
    site.visit()
    site.page.wait_for_function("() => window.told")
    site.tell(product_id="p1", selected_variant_id="v1")
    site.answer(available=False)
    offers(site.notify, "v1")
    site.tell(selected_variant_id=None)
    offers_nothing(site.notify)

    assert site.page.evaluate("told") == [
        ["available", "true"],
        ["variant-id", "v1"],
        ["available", "false"],
        ["variant-id", None],
        ["available", "true"],
    ]


FRAME = '<iframe src="/frame" width="600" height="300"></iframe>'
MODE = "export const window = {{ viewMode: async () => '{}' }};"


def in_frame(site: Site, mode: str | None, settings: str = SETTINGS) -> Locator:
    """The plugin in a page inside of a page, as the editor shows it."""
    if mode:
        site.files["/site-window.js"] = MODE.format(mode)
    inner = f'<stockbell-notify-plugin {settings} product-id="p1"></stockbell-notify-plugin>'
    inner = f"<!doctype html><html><head>{MODULES}{DEFINE}</head><body>{inner}</body></html>"
    site.page.route("**/frame", lambda route: route.fulfill(body=inner, content_type="text/html"))
    site.html = f"<!doctype html><html><body>{FRAME}</body></html>"
    site.page.goto(f"{SHOP}/editor")
    return site.page.frame_locator("iframe").locator("stockbell-notify-plugin")


def test_shows_the_sites_owner_where_it_is_in_the_editor(site: Site) -> None:
    plugin = in_frame(site, "Editor")

    expect(plugin).to_have_text("Stockbell: the button is here while the chosen variant is sold out.")
    expect(plugin.locator("stockbell-notify")).to_have_count(0)


def test_asks_the_sites_owner_for_missing_settings(site: Site) -> None:
    expect(in_frame(site, "Editor", "")).to_contain_text("put in the address of your Stockbell and your public key")


@pytest.mark.parametrize("mode", ["Site", "Preview", None])
def test_works_as_on_the_site_in_other_frames(site: Site, mode: str | None) -> None:
    plugin = in_frame(site, mode)

    expect(plugin.locator("stockbell-notify")).to_have_attribute("product-id", "p1")
    site.quiet()
    expect(plugin).to_have_text("")


def test_asks_nothing_of_wix_on_the_live_site(site: Site) -> None:
    site.visit(head=MODULES)
    site.tell(product_id="p1")
    expect(site.notify).to_have_count(1)

    assert not [url for url in site.asked if "site-window" in url]


HOSTILE = """<script>
  Object.prototype.available = false;
  Object.prototype.extend = function () {};
  Array.prototype.each = function () {};
  Array.prototype.includes = Array.prototype.map = Array.prototype.find = () => { throw new Error("hostile"); };
  Array.from = Object.entries = Object.assign = () => { throw new Error("hostile"); };
  Function.prototype.bind = function () { return this; };
  String.prototype.startsWith = String.prototype.includes = () => { throw new Error("hostile"); };
</script>"""


def test_works_beside_scripts_that_bend_the_prototypes(site: Site) -> None:
    site.visit(head=HOSTILE)
    site.page.evaluate(
        """() => {
          const plugin = document.querySelector("stockbell-notify-plugin");
          plugin.productId = "p1"; plugin.selectedVariantId = "v1"; plugin.selectedChoices = { Size: "M" };
        }"""
    )
    site.answer(available=False)

    offers(site.notify, "v1")
    expect(site.notify).to_have_attribute("variant-title", "M")


def test_adds_nothing_to_the_window_and_no_heading(site: Site) -> None:
    site.visit(head="<script>window.before = Object.keys(window);</script>")
    site.tell(product_id="p1", selected_variant_id="v1")
    site.answer(available=False)
    offers(site.notify, "v1")

    assert site.page.evaluate("Object.keys(window).filter((name) => !before.includes(name))") == ["before"]
    assert site.page.evaluate("document.querySelectorAll('h1, h2, h3, a, img, iframe').length") == 0
    assert site.plugin.inner_text() == ""


def load(site: Site, path: Path) -> dict[str, Any]:
    """What an extension file hands to its builder. The files are TypeScript without types, so browsers read them."""
    site.files["/extension.js"] = path.read_text()
    site.html = f"<!doctype html><html><head>{MODULES}</head></html>"
    site.page.goto(f"{SHOP}/extension")
    options: dict[str, Any] = site.page.evaluate("import('/extension.js').then((module) => module.default)")
    return options


# From the options of the builders in @wix/astro 2.74.0, and slots from @wix/cli 1.1.247.
SITE_PLUGIN = {"id", "name", "marketData", "placements", "installation", "tagName", "element", "settings"}
OLD_PAGE = ("1380b703-ce81-ff05-f115-39571d94dfcd", "13a94f09-2766-3c40-4a32-8edb5acdd8bc")
NEW_PAGE = ("a0c68605-c2e7-4c8d-9ea1-767f9770e087", "6a25b678-53ec-4b37-a190-65fcd1ca1a63")
SLOTS = {f"product-page-details-{number}" for number in range(1, 10)}


def test_the_plugin_is_placed_on_both_product_pages(site: Site) -> None:
    options = load(site, PLUGIN / "stockbell-notify-plugin.extension.ts")
    pages = [(place["appDefinitionId"], place["widgetId"]) for place in options["placements"]]

    assert set(options) == SITE_PLUGIN
    assert set(pages) == {OLD_PAGE, NEW_PAGE}
    assert all(set(place) == {"appDefinitionId", "widgetId", "slotId"} for place in options["placements"])
    assert {place["slotId"] for place in options["placements"]} <= SLOTS
    assert len({json.dumps(place) for place in options["placements"]}) == len(pages)
    assert options["installation"] == {"autoAdd": True}


def test_the_plugins_names_and_paths_are_as_wix_wants_them(site: Site) -> None:
    options = load(site, PLUGIN / "stockbell-notify-plugin.extension.ts")

    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", options["tagName"])
    assert options["tagName"] in PLUGIN.name
    assert len(options["name"]) <= 30
    assert len(options["marketData"]["description"]) < 130
    assert (SNIPPETS / "src" / options["element"]) == SCRIPT
    assert (SNIPPETS / "src" / options["settings"]) == PANEL
    assert (SNIPPETS / "public" / options["marketData"]["logoUrl"].removeprefix("{{BASE_URL}}/")).exists()


def test_every_extension_has_an_id_of_its_own(site: Site) -> None:
    files = sorted(EXTENSIONS.rglob("*.extension.ts"))
    ids = [load(site, path)["id"] for path in files]

    assert len(files) == 3
    assert len({uuid.UUID(one) for one in ids}) == 3


def test_the_embedded_script_says_what_it_is(site: Site) -> None:
    options = load(site, EMBEDDED / "stockbell.extension.ts")

    assert set(options) == {"id", "name", "placement", "scriptType", "source"}
    assert (options["placement"], options["scriptType"]) == ("BODY_END", "FUNCTIONAL")
    assert (SNIPPETS / "src" / options["source"]).exists()


def test_the_dashboard_page_is_where_its_extension_says(site: Site) -> None:
    options = load(site, DASHBOARD / "stockbell.extension.ts")

    assert (SNIPPETS / "src" / options["component"]).exists()
    assert options["routePath"] == "stockbell"


def test_the_panel_sets_what_the_plugin_observes() -> None:
    text = PANEL.read_text()
    (defaults,) = re.findall(r"const DEFAULTS = \{(.*?)\};", text)
    names = {name.strip('"') for name in re.findall(r'("[\w-]+"|\w+):', defaults)}
    observed = set(re.findall(r'"([a-z-]+)"', SCRIPT.read_text().split("observedAttributes()")[1].split("}")[0]))

    assert names == {"host", "public-key", "accent", "display"}
    assert names <= observed
    assert {"product-id", "selected-variant-id", "selected-choices"} <= observed
    assert set(re.findall(r'change\("([\w-]+)"', text)) == names
    assert "console." not in text


def test_placeholders_stand_only_inside_of_attributes() -> None:
    text = (EMBEDDED / "stockbell.html").read_text()
    inside = re.findall(r'[\w-]+="\{\{(\w+)\}\}"', text)

    assert len(inside) == text.count("{{") == text.count("}}")
    (defaults,) = re.findall(r"const DEFAULTS = \{(.*?)\};", (DASHBOARD / "stockbell.tsx").read_text())
    assert sorted(inside) == sorted(re.findall(r"(\w+):", defaults))


def embed(site: Site, **parameters: str) -> None:
    """A page with the embedded script, filled in as Wix does it."""
    text = (EMBEDDED / "stockbell.html").read_text()
    for name, value in parameters.items():
        text = text.replace("{{" + name + "}}", value)
    site.html = f"<!doctype html><html><body>{text}</body></html>"
    site.page.goto(f"{SHOP}/any")
    site.page.wait_for_timeout(100)


def test_the_embedded_script_loads_the_widget(site: Site) -> None:
    embed(site, enabled="true", host=f"{HOST}/", publicKey="pk_test", accent="#0b5d3b")

    assert site.asked.count(LOADER) == 1
    accent = "getComputedStyle(document.documentElement).getPropertyValue('--stockbell-accent')"
    assert site.page.evaluate(accent) == "#0b5d3b"
    expect(site.page.locator("#stockbell-settings")).to_be_hidden()


@pytest.mark.parametrize(
    "parameters",
    [
        {"enabled": "false", "host": HOST, "publicKey": "pk_test", "accent": ""},
        {"enabled": "true", "host": HOST, "publicKey": "", "accent": ""},
        {"enabled": "true", "host": "", "publicKey": "pk_test", "accent": ""},
        {"enabled": "true", "host": "javascript:alert(1)", "publicKey": "pk_test"},
        {"enabled": "true", "publicKey": "pk_test"},
        {},
    ],
)
def test_the_embedded_script_does_nothing_without_its_parameters(site: Site, parameters: dict[str, str]) -> None:
    embed(site, **parameters)

    assert len([url for url in site.asked if "favicon" not in url]) == 1


def test_every_permission_has_a_code_path() -> None:
    readme = (SNIPPETS / "README.md").read_text()
    table = readme.split("## Permissions")[1].split("##")[0]
    code = {path.name: path.read_text() for path in EXTENSIONS.rglob("*.*")}

    assert set(re.findall(r"SCOPE\.[\w.-]+", readme)) == {"SCOPE.DC-APPS.MANAGE-EMBEDDED-SCRIPTS"}
    assert "dashboard/pages/stockbell/stockbell.tsx" in table
    for call in ("embedScript", "getEmbeddedScript"):
        assert f"`{call}()`" in table
        assert [name for name, text in code.items() if f"{call}(" in text] == ["stockbell.tsx"]
    # "They call no API of Wix."
    imported = re.findall(
        r'(?:from|import\() ?"(@wix/[\w-]+)"|import "(@wix/[^"]+)"', code[SCRIPT.name] + code[PANEL.name]
    )
    assert {name.split("/styles")[0] for pair in imported for name in pair if name} <= {
        "@wix/site-window",
        "@wix/editor",
        "@wix/design-system",
    }


def test_the_plugin_sells_nothing_and_builds_no_markup() -> None:
    for path in (SCRIPT, EMBEDDED / "stockbell.html"):
        code = re.sub(r"^\s*(/?\*.*|//.*)$", "", path.read_text(), flags=re.MULTILINE)
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|console\.", code
        )
        assert not re.search(r"localStorage|sessionStorage|document\.cookie|<h\d", code)
        assert not re.search(r"upgrade|premium|powered by|free trial", code, re.IGNORECASE)


def test_types_in_comments_are_right() -> None:
    compiler = ROOT / "widget" / "node_modules" / ".bin" / "tsc"
    if not compiler.exists() or not shutil.which("node"):
        pytest.skip("the widget's tools are not installed")
    options = ["--allowJs", "--checkJs", "--noEmit", "--strict", "--noUncheckedIndexedAccess", "--ignoreConfig"]
    target = ["--target", "es2021", "--module", "esnext", "--types", "", "--lib", "es2021,dom,dom.iterable"]
    done = subprocess.run(
        [compiler, *options, *target, SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")
