"""The Shopify theme app extension: its blocks rendered as Shopify renders them, its script in a real browser."""

import gzip
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from liquid import DictLoader, Environment
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Route, expect

ROOT = Path(__file__).parents[2]
SHOPIFY = ROOT / "snippets" / "shopify"
EXTENSION = SHOPIFY / "extensions" / "stockbell"
BLOCKS = ("notify-button", "embed")
LANGUAGES = ("en.default", "de", "fr", "es", "ja")
CDN = "https://cdn.shopify.test/extensions/1/assets/"
SHOP = "https://shop.test"
HOST = "https://stock.example"
SCHEMA = re.compile(r"{% schema %}(.*){% endschema %}", re.DOTALL)
# What the widget understands; the rest is this extension's own and begins with `data-`.
ATTRIBUTES = {
    *("product-id", "product-title", "variant-id", "variant-title", "sold-out", "available", "customer-email"),
    *("customer-phone", "display", "look", "replaces", "variant-field", "fixed", "style"),
}
Tag = tuple[str, dict[str, str | None]]


class Tags(HTMLParser):
    """The tags of a piece of HTML, the text of each, and what does not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute twice"
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def read_json(name: str) -> dict[str, Any]:
    return json.loads((EXTENSION / "locales" / f"{name}.json").read_text("utf-8"))


def schema(block: str) -> dict[str, Any]:
    source = (EXTENSION / "blocks" / f"{block}.liquid").read_text("utf-8")
    return json.loads(SCHEMA.search(source)[1])


def defaults(block: str) -> dict[str, Any]:
    return {setting["id"]: setting.get("default") for setting in schema(block)["settings"] if "id" in setting}


def translate(key: str) -> str:
    words: Any = read_json("en.default")
    for part in key.split("."):
        words = words[part]
    return str(words)


def environment() -> Environment:
    # Shopify, too, takes the schema out before it renders.
    sources = {path.stem: SCHEMA.sub("", path.read_text("utf-8")) for path in EXTENSION.rglob("*.liquid")}
    found = Environment(loader=DictLoader(sources))
    found.filters["t"] = translate
    found.filters["asset_url"] = lambda name: CDN + name
    found.filters["stylesheet_tag"] = lambda url: f'<link href="{url}" rel="stylesheet" type="text/css" media="all" />'
    return found


CONNECTED = {"public_key": {"value": "pk_live"}, "host": {"value": HOST}}


def render(
    block: str,
    *,
    settings: dict[str, Any] | None = None,
    stockbell: dict[str, Any] | None = CONNECTED,
    design_mode: bool = False,
    **page: Any,
) -> str:
    """A block as a page with these global objects (product, customer) shows it."""
    objects = {
        "app": {"metafields": {"stockbell": stockbell} if stockbell else {}},
        "request": {"design_mode": design_mode},
        **page,
    }
    # A snippet sees the page's objects, but not the block.
    template = environment().get_template(block, globals=objects)
    filled_in = {name: value for name, value in {**defaults(block), **(settings or {})}.items() if value is not None}
    return template.render(block={"settings": filled_in})


def variant(number: int, *, available: bool = False, title: str = "Default Title") -> dict[str, Any]:
    return {"id": number, "available": available, "title": title}


def product(*variants: dict[str, Any], number: int = 7, count: int | None = None, **more: Any) -> dict[str, Any]:
    """As Liquid gives it. `count` differs from the number of variants where Liquid lists only some."""
    first = next((one for one in variants if one["available"]), variants[0] if variants else None)
    return {
        "id": number,
        "title": "Blue mug",
        "tags": [],
        "variants": list(variants),
        "variants_count": len(variants) if count is None else count,
        "has_only_default_variant": len(variants) == 1 and variants[0]["title"] == "Default Title",
        "selected_or_first_available_variant": first,
        **more,
    }


S = variant(11, title="S")
M = variant(12, title="M", available=True)
L = variant(13, title="L")
MUG = product(S, M, L)
SOLD_OUT = product(S)


def element(html: str) -> dict[str, str | None]:
    (found,) = Tags(html).named("stockbell-notify")
    return found


def test_block_tells_what_is_sold_out_without_asking_anybody() -> None:
    html = render("notify-button", product=MUG)

    assert element(html) == {
        "data-by": "block",
        "product-id": "7",
        "product-title": "Blue mug",
        "sold-out": "11 13",
        "look": "theme",
    }
    script = {"src": f"{CDN}stockbell.js", "data-key": "pk_live", "data-host": HOST, "async": None}
    assert Tags(html).named("script") == [script]


def test_nothing_is_sold_out_where_shopify_sells_on() -> None:
    # "Continue selling when out of stock" makes a variant available, whatever its inventory.
    attributes = element(render("notify-button", product=product(variant(1, available=True))))

    assert attributes["sold-out"] == ""
    assert attributes["variant-id"] == "1"


OVERSOLD = {"inventory_policy": "continue", "inventory_management": "shopify"}


@pytest.mark.parametrize(
    ("facts", "counts_as_sold_out"),
    [
        ({**OVERSOLD, "inventory_quantity": 0}, True),
        ({**OVERSOLD, "inventory_quantity": -3}, True),
        ({**OVERSOLD, "inventory_quantity": 1}, False),
        ({**OVERSOLD, "inventory_policy": "deny", "inventory_quantity": 0}, False),
        ({**OVERSOLD, "inventory_management": None, "inventory_quantity": 0}, False),
    ],
)
@pytest.mark.parametrize("block", BLOCKS)
def test_what_shopify_sells_on_has_a_button_where_the_merchant_goes_by_the_quantity(
    block: str, facts: dict[str, Any], *, counts_as_sold_out: bool
) -> None:
    shown = product({**variant(1, available=True), **facts})

    def sold_out(oversold: str) -> str | None:
        stockbell = {**CONNECTED, "oversold": {"value": oversold}}
        html = render(block, product=shown, stockbell=stockbell, settings={"everywhere": False})
        return element(html)["sold-out"]

    assert sold_out("hide") == ""
    assert sold_out("alert") == ("1" if counts_as_sold_out else "")


@pytest.mark.parametrize("block", BLOCKS)
def test_the_app_proxy_takes_what_shoppers_type(block: str) -> None:
    html = render(block, product=product(S), stockbell={**CONNECTED, "proxy": {"value": "/apps/stockbell"}})

    (tag,) = [each for each in Tags(html).named("script") if "data-key" in each]
    assert (tag["data-api"], tag["data-host"]) == ("/apps/stockbell", HOST)


@pytest.mark.parametrize("host", ["http://stock.example", "http://127.0.0.1.evil.example", "javascript:x", "//x"])
def test_nothing_is_loaded_from_an_address_without_tls(host: str) -> None:
    for block in BLOCKS:
        html = render(block, product=product(S), stockbell={**CONNECTED, "host": {"value": host}})
        assert Tags(html).named("script") == []


def test_a_product_without_variants_gets_no_button() -> None:
    attributes = element(render("notify-button", product=product()))

    assert attributes["sold-out"] == ""
    assert not {"variant-id", "variant-title", "available"} & set(attributes)


def test_an_only_variant_is_named() -> None:
    assert element(render("notify-button", product=product(S)))["variant-title"] == "S"
    assert "variant-title" not in element(render("notify-button", product=product(variant(1))))


def test_ids_are_kept_exactly() -> None:
    ids = (9007199254740993, 2**63 - 1, 44556677889900112233445566778899)
    attributes = element(render("notify-button", product=product(*map(variant, ids), number=2**64 + 1)))

    assert attributes["sold-out"] == " ".join(map(str, ids))
    assert attributes["product-id"] == "18446744073709551617"


def test_a_list_that_shopify_cut_short_is_not_given() -> None:
    variants = [variant(number) for number in range(250)]

    assert len(element(render("notify-button", product=product(*variants)))["sold-out"].split()) == 250
    assert "sold-out" not in element(render("notify-button", product=product(*variants, count=251)))


@pytest.mark.parametrize(
    "title",
    [
        "Crème brûlée 焼きプリン 🍮",
        "The \"Big\" 'Mug'",
        "Tom & Jerry &amp; &quot;Spike&quot;",
        '"><script>alert(1)</script>',
        "</stockbell-notify></template><img src=x onerror=alert(1)>",
        "{{ product.id }} {% raw %}",
        "' onclick='alert(1)' x='",
    ],
)
def test_titles_and_addresses_are_only_text(title: str) -> None:
    hostile = product({**S, "title": title}, title=title)
    for block in BLOCKS:
        html = render(block, product=hostile, customer={"email": title}, settings={"everywhere": False})

        attributes = element(html)
        assert (attributes["product-title"], attributes["variant-title"], attributes["customer-email"]) == (title,) * 3
        assert {tag for tag, _ in Tags(html).tags} <= {"stockbell-notify", "a", "link", "script", "div", "template"}


@pytest.mark.parametrize("block", BLOCKS)
def test_settings_cannot_leave_their_attributes(block: str) -> None:
    hostile = '"><script>alert(1)</script>'
    settings = dict.fromkeys(defaults(block), hostile) | {"include_tags": "", "exclude_tags": "", "product": None}
    keys = {"public_key": {"value": hostile}, "host": {"value": f"https://x.example/{hostile}"}}
    html = render(block, product=SOLD_OUT, settings=settings, stockbell=keys)

    assert all(
        set(script) <= {"src", "async", "data-key", "data-host", "data-events"} for script in Tags(html).named("script")
    )
    assert "alert" not in "".join(text for _, text in Tags(html).texts)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_visitors_look_at_is_told_only_where_the_merchant_says_so(block: str) -> None:
    def tag(**settings: Any) -> dict[str, str | None]:
        return next(
            script
            for script in Tags(render(block, product=MUG, settings=settings)).named("script")
            if "data-key" in script
        )

    assert "data-events" not in tag()
    assert tag(events=True)["data-events"] == "true"


@pytest.mark.parametrize("block", BLOCKS)
def test_only_what_the_widget_understands_is_written_and_no_code(block: str) -> None:
    looks = {"accent": "#0b5d3b", "corners": "8px", "full_width": True, "display": "inline", "placement": "replace"}
    customer = {"email": "ada@example.com", "phone": "+49301"}
    tags = Tags(render(block, product=MUG, customer=customer, settings=looks, design_mode=True))

    for attributes in tags.named("stockbell-notify"):
        assert {name for name in attributes if not name.startswith("data-")} <= ATTRIBUTES
        assert (attributes["display"], attributes["look"]) == ("inline", "theme")
        assert (attributes["customer-email"], attributes["customer-phone"]) == ("ada@example.com", "+49301")
        assert attributes["style"] == "--stockbell-accent: #0b5d3b; --stockbell-radius: 8px; --stockbell-width: 100%;"
    assert not any(name.startswith("on") for _, attributes in tags.tags for name in attributes)
    assert all("src" in script and "async" in script for script in tags.named("script"))
    assert "script" not in {tag for tag, _ in tags.texts}


def test_a_link_to_the_hosted_form_stands_in_for_the_script_while_sold_out() -> None:
    tags = Tags(render("notify-button", product=SOLD_OUT))

    assert tags.named("a") == [{"href": f"{HOST}/n/pk_live/11", "rel": "nofollow"}]
    assert tags.texts == [("a", "Notify me when available")]
    assert [link["href"] for link in tags.named("link")] == [f"{CDN}stockbell.css"]
    assert Tags(render("notify-button", product=MUG)).named("a") == []

    # Where the theme's own button stays until ours comes, the link is for those without scripts.
    replacing = Tags(render("notify-button", product=SOLD_OUT, settings={"placement": "replace"}))
    assert [tag for tag, _ in replacing.tags][:3] == ["stockbell-notify", "noscript", "a"]


def test_theme_button_is_named_where_the_merchant_wants_it_replaced() -> None:
    assert "cart/add" in (element(render("notify-button", product=MUG, settings={"placement": "replace"}))["replaces"])
    assert "replaces" not in element(render("notify-button", product=MUG))


def test_block_shows_the_product_chosen_in_it_before_the_pages() -> None:
    chosen = product(variant(21, title="Red"), variant(22, title="Blue"), number=8)

    assert element(render("notify-button", product=MUG, settings={"product": chosen}))["product-id"] == "8"
    attributes = element(render("notify-button", settings={"product": chosen, "selection": "product"}))
    assert (attributes["variant-id"], attributes["variant-title"]) == ("21", "Red")
    assert "fixed" in attributes  # whatever the page has selected


@pytest.mark.parametrize(
    ("include", "exclude", "shown"),
    [
        ("", "", True),
        (" , ", ",", True),
        ("alerts", "", True),
        ("other, ALERTS ", "", True),
        ("alert", "", False),
        ("other", "", False),
        ("", "final sale", False),
        ("", "sale", True),
        ("alerts", "Final Sale", False),
    ],
)
def test_tags_decide_which_products_have_the_button(include: str, exclude: str, *, shown: bool) -> None:
    tagged = product(S, M, tags=["Alerts", "Final Sale", "süß"])
    settings = {"include_tags": include, "exclude_tags": exclude}

    assert ("<stockbell-notify" in render("notify-button", product=tagged, settings=settings)) is shown
    assert ("product-id" in render("embed", product=tagged, settings=settings)) is shown
    if not shown:
        assert render("notify-button", product=tagged, settings=settings).strip() == ""
        assert "leave this product out" in render("notify-button", product=tagged, settings=settings, design_mode=True)


@pytest.mark.parametrize("block", BLOCKS)
def test_without_a_key_only_the_theme_editor_hears_of_it(block: str) -> None:
    for stockbell in (None, {"public_key": {"value": "pk"}}, {"host": {"value": HOST}}):
        assert render(block, product=MUG, stockbell=stockbell).strip() == ""
        editor = Tags(render(block, product=MUG, stockbell=stockbell, design_mode=True))
        assert [tag for tag, _ in editor.tags] == ["p"]
        assert "not connected" in editor.texts[0][1]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("host", ["http://stock.example", "javascript:alert(1)", "//stock.example", "stock.example"])
def test_an_address_without_https_does_not_count(block: str, host: str) -> None:
    settings = {"public_key": "pk_own", "host": host}

    assert render(block, product=MUG, stockbell=None, settings=settings).strip() == ""


@pytest.mark.parametrize("block", BLOCKS)
def test_a_custom_app_is_connected_by_the_blocks_settings(block: str) -> None:
    settings = {"public_key": " pk_own ", "host": " https://own.example/ "}

    def told(stockbell: dict[str, Any] | None) -> tuple[str | None, str | None]:
        scripts = Tags(render(block, product=MUG, stockbell=stockbell, settings=settings)).named("script")
        return next((one["data-key"], one["data-host"]) for one in scripts if "data-key" in one)

    assert told(None) == ("pk_own", "https://own.example")
    assert told(CONNECTED) == ("pk_live", HOST)


def test_theme_editor_shows_the_button_of_a_product_in_stock() -> None:
    assert element(render("notify-button", product=MUG, design_mode=True))["available"] == "false"
    assert "available" not in element(render("notify-button", product=MUG))
    assert "Choose a product" in render("notify-button", design_mode=True)
    assert render("notify-button").strip() == ""


def test_embed_brings_a_template_for_the_pages_product_and_one_for_others() -> None:
    tags = Tags(render("embed", product=MUG))

    assert tags.named("template") == [{"data-product": "7", "data-variants": "11 12 13"}, {}]
    ours, others = tags.named("stockbell-notify")
    assert (ours["sold-out"], ours["data-by"]) == ("11 13", "embed")
    assert others == {"data-by": "embed", "look": "theme"}
    assert [script["src"] for script in tags.named("script")] == [f"{CDN}stockbell-embed.js", f"{CDN}stockbell.js"]


def test_embed_loads_its_script_only_where_it_can_place_something() -> None:
    for settings in ({"placement": "none"}, {"everywhere": False}, {"include_tags": "alerts"}):
        (script,) = Tags(render("embed", settings=settings)).named("script")
        assert script["src"] == f"{CDN}stockbell.js"
    assert len(Tags(render("embed")).named("template")) == 1
    assert len(Tags(render("embed", product=MUG, settings={"everywhere": False})).named("template")) == 1


def words_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from words_of(part)


def flat(words: dict[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in words.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found


@pytest.mark.parametrize("block", BLOCKS)
def test_schema_is_what_the_theme_editor_takes(block: str) -> None:
    found = schema(block)
    ids = [setting["id"] for setting in found["settings"] if "id" in setting]

    assert found["target"] == {"notify-button": "section", "embed": "body"}[block]
    assert len(ids) == len(set(ids)) <= 25
    for setting in found["settings"]:
        if setting["type"] == "select":
            assert setting["default"] in [option["value"] for option in setting["options"]]
    texts = [text for key in ("label", "info", "content", "name") for text in _under(found, key)]
    assert all(text.startswith("t:") for text in texts)


def _under(value: Any, key: str) -> list[str]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    own = [value[key]] if isinstance(value, dict) and key in value else []
    return own + [text for part in parts for text in _under(part, key)]


def test_block_can_be_added_to_product_pages_and_fills_in_their_product() -> None:
    found = schema("notify-button")

    assert "product" in found["enabled_on"]["templates"]
    assert "disabled_on" not in found
    first = found["settings"][0]
    assert (first["type"], first["id"], first["autofill"]) == ("product", "product", True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_in_every_language_and_no_other(language: str) -> None:
    used = {word[2:] for block in BLOCKS for word in words_of(schema(block)) if word.startswith("t:")}
    liquid = "".join(path.read_text("utf-8") for path in EXTENSION.rglob("*.liquid"))
    words, labels = flat(read_json(language)), flat(read_json(f"{language}.schema"))

    assert set(labels) == used
    assert set(words) == set(re.findall(r"'([\w.]+)' \| t\b", liquid))
    assert all(text.strip() and "<" not in text for text in [*words.values(), *labels.values()])
    for name in (labels["block.name"], labels["embed.name"]):
        assert len(name) < 25
        assert "stockbell" not in name.lower()


def test_only_these_languages_are_there() -> None:
    names = {f"{language}{kind}.json" for language in LANGUAGES for kind in ("", ".schema")}

    assert {path.name for path in (EXTENSION / "locales").iterdir()} == names


def test_extension_is_configured_as_a_theme_app_extension() -> None:
    found = tomllib.loads((EXTENSION / "shopify.extension.toml").read_text("utf-8"))

    assert found == {"name": "Stockbell", "handle": "stockbell", "type": "theme"}


def test_nobody_is_told_to_change_a_themes_code() -> None:
    texts = [path for path in SHOPIFY.rglob("*") if path.suffix in {".md", ".json", ".liquid"}]
    texts = [path for path in texts if "node_modules" not in path.parts and not path.name.startswith("package")]
    for path in texts:
        text = path.read_text("utf-8")
        assert not re.search(
            r"\bpaste|theme\.liquid|edit (the |your )?(theme|code)|copy the (code|snippet|script)", text, re.I
        )
        assert not re.search(r"einfügen|code bearbeiten|coller|pegar|貼り付け", text, re.I), path.name


def test_assets_keep_shopifys_limits() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in (EXTENSION / "assets").iterdir()}

    assert sum(size for name, size in sizes.items() if name.endswith(".js")) <= 10_000
    assert sizes["stockbell.css"] <= 100_000


def test_release_takes_the_loader_that_the_manifest_names(tmp_path: Path) -> None:
    assets = tmp_path / "snippets/shopify/extensions/stockbell/assets"
    assets.mkdir(parents=True)
    build = shutil.copy(SHOPIFY / "build", tmp_path / "snippets/shopify/build")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, build], capture_output=True, text=True, check=False)

    assert "run `npm run build`" in run().stderr
    dist = tmp_path / "widget/dist"
    dist.mkdir(parents=True)
    (dist / "manifest.json").write_text(json.dumps({"loader": "loader-1.js", "form": "form-1.js"}))
    (dist / "loader-1.js").write_text("loader")
    done = run()
    assert (done.returncode, (assets / "stockbell.js").read_text()) == (0, "loader")
    assert re.search(r"stockbell\.js +6 bytes, +\d+ compressed", done.stdout)


def form(variant_id: str = "11", *, sold_out: bool = True, product_id: str = "", action: str = "/cart/add") -> str:
    """A product form as Shopify's own tag makes it."""
    about = f'<input type="hidden" name="product-id" value="{product_id}">' if product_id else ""
    button = f'<button type="submit" name="add" {"disabled" if sold_out else ""}>Buy {variant_id}</button>'
    return f'<form action="{action}"><input type="hidden" name="id" value="{variant_id}">{about}{button}</form>'


class Theme:
    """A page of a shop with the app embed switched on, and what the page's console said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.html = ""
        self.loader = ""
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", self._hear)
        page.route("**/*", self._answer)

    def leave(self) -> None:
        """Take back what this test did to the tab."""
        self.page.unroute_all()
        self.page.goto("about:blank")
        self.page.remove_listener("console", self._hear)
        self.page.remove_listener("pageerror", self._hear)

    def _hear(self, said: ConsoleMessage | Error) -> None:
        self.complaints.append(said.text if isinstance(said, ConsoleMessage) else str(said))

    def _answer(self, route: Route) -> None:
        url = route.request.url
        if url.startswith(CDN):
            name = url.removeprefix(CDN)
            loader = name == "stockbell.js"
            body = self.loader if loader else (EXTENSION / "assets" / name).read_text("utf-8")
            route.fulfill(body=body, content_type="text/css" if name.endswith("css") else "text/javascript")
        elif url.startswith(f"{SHOP}/"):
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8")
        else:
            self.asked.append(url)
            route.abort()

    def visit(
        self, body: str, *, about: dict[str, Any] | None = None, design_mode: bool = False, **settings: Any
    ) -> None:
        page = {"product": about} if about else {}
        embed = render("embed", settings=settings, design_mode=design_mode, **page)
        self.html = f"<!doctype html><script>before = Object.keys(window)</script>{body}{embed}"
        self.page.goto(f"{SHOP}/products/mug")
        self.page.wait_for_function("() => document.readyState === 'complete'")

    def shows(self, *beside: str) -> None:
        """Wait until the elements stand beside the buttons with these labels, in this order, and stay there."""
        where = "() => [...document.querySelectorAll('stockbell-notify')].map((e) => e.previousSibling.textContent)"
        for _ in range(2):
            self.page.wait_for_function(
                f"(wanted) => ({where})().join() === wanted", arg=",".join(beside), timeout=3000
            )
            self.page.wait_for_timeout(120)

    def attribute(self, name: str) -> list[str | None]:
        found = "(all, name) => all.map((one) => one.getAttribute(name))"
        return self.page.locator("stockbell-notify").evaluate_all(found, name)

    def run(self, code: str) -> Any:
        return self.page.evaluate(code)


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def theme(tab: Page) -> Iterator[Theme]:
    opened = Theme(tab)
    yield opened
    new = tab.evaluate("() => Object.keys(window).filter((key) => key !== 'before' && !before.includes(key))")
    assert set(new) <= {"stockbell"}
    opened.leave()
    assert opened.complaints == []


DAWN = '<div class="shopify-section"><product-info>{}</product-info></div>'
ADD = "document.body.insertAdjacentHTML('beforeend', `{}`)"


def test_button_stands_beside_the_themes_in_every_form_of_the_product(theme: Theme) -> None:
    terms = '<form action="/cart/add"><input type="hidden" name="id" value="11"></form>'
    outside = '<form action="/fr-ca/cart/add" id="a:b"><input name="id" value="12"><button>Save</button></form>'
    outside += '<button form="a:b" name="add">Bar</button>'
    search = '<form action="/search"><button>Search</button></form>'
    theme.visit(search + DAWN.format(terms + form()) + outside, about=MUG)

    theme.shows("Buy 11", "Bar")
    assert theme.attribute("product-id") == ["7", "7"]
    assert theme.attribute("sold-out") == ["11 13", "11 13"]
    assert theme.attribute("replaces") == [None, None]
    assert theme.attribute("available") == [None, None]
    field = theme.attribute("variant-field")[1]
    assert theme.page.locator(str(field)).input_value() == "12"


def test_button_survives_a_section_that_the_theme_replaces(theme: Theme) -> None:
    theme.visit(DAWN.format(form("11")), about=MUG)
    theme.shows("Buy 11")

    for number in ("12", "13"):  # as Dawn does when another variant is picked
        theme.run(f"document.querySelector('product-info').innerHTML = `{form(number)}`")
        theme.shows(f"Buy {number}")
    theme.run("document.querySelector('stockbell-notify').remove()")
    theme.shows("Buy 13")
    assert theme.attribute("sold-out") == ["11 13"]


def test_theme_editor_gets_the_button_back_in_a_section_it_has_redrawn(theme: Theme) -> None:
    theme.visit(DAWN.format(form("12", sold_out=False)), about=MUG, design_mode=True)
    theme.shows("Buy 12")
    assert theme.attribute("available") == ["false"]

    theme.run(
        f"""const section = document.querySelector(".shopify-section");
        section.outerHTML = `{DAWN.format(form("12", sold_out=False))}`;
        document.querySelector(".shopify-section")
          .dispatchEvent(new CustomEvent("shopify:section:load", {{ bubbles: true }}))"""
    )
    theme.shows("Buy 12")
    assert theme.attribute("available") == ["false"]

    # Redrawn by a script that sets properties only, which nobody else would hear of.
    theme.run(
        """document.querySelector("[name=id]").value = "99";
        document.dispatchEvent(new CustomEvent("shopify:section:load"))"""
    )
    theme.page.wait_for_selector("stockbell-notify", state="detached")


def test_button_takes_the_place_of_a_vintage_themes(theme: Theme) -> None:
    options = "".join(f'<option value="{one["id"]}">{one["title"]}</option>' for one in MUG["variants"])
    vintage = f'<form action="/cart/add" class="f"><select name="id">{options}</select>%s</form>'
    theme.visit(
        vintage % '<input type="submit" id="add" value="Add">' + vintage % '<button name="add">Add</button>',
        about=MUG,
        placement="replace",
    )

    expect(theme.page.locator("stockbell-notify")).to_have_count(2)
    replaced = [selector.split(",")[0] for selector in theme.attribute("replaces") if selector]
    assert replaced == ["[type=submit]", "[name=add]"]
    for index, selector in enumerate(theme.attribute("replaces")):
        assert theme.page.locator("form.f").nth(index).locator(str(selector)).count() == 1


def test_other_products_get_a_button_only_where_the_theme_says_sold_out(theme: Theme) -> None:
    theme.visit("<section>" + form("21", product_id="8") + form("22", sold_out=False, product_id="9") + "</section>")
    theme.shows("Buy 21")
    assert (theme.attribute("product-id"), theme.attribute("sold-out")) == (["8"], [None])

    # A quick view opens, and another variant is picked in it.
    theme.run(ADD.format(f'<div role="dialog">{form("31")}</div>'))
    theme.shows("Buy 21", "Buy 31")
    assert theme.attribute("available") == [None, None]
    theme.run("document.querySelector('[role=dialog] button').disabled = false")
    theme.page.wait_for_selector("stockbell-notify[available=true]", state="attached")
    theme.run("document.querySelector('[role=dialog] button').disabled = true")
    theme.page.wait_for_selector("[role=dialog] stockbell-notify:not([available])", state="attached")
    theme.run("document.querySelector('[role=dialog]').remove()")
    theme.shows("Buy 21")


def test_other_products_are_left_alone_where_the_merchant_says_so(theme: Theme) -> None:
    recommended = form("11") + form("21", product_id="8")
    for settings in ({"everywhere": False}, {"exclude_tags": "final sale"}):
        theme.visit(recommended, about=MUG, **settings)
        theme.shows("Buy 11")
    theme.visit(recommended, about=MUG | {"tags": ["Final Sale"]}, exclude_tags="final sale")
    theme.shows()
    theme.visit(recommended, about=MUG, placement="none")
    theme.shows()


def test_form_that_comes_to_hold_another_product_gets_another_button(theme: Theme) -> None:
    theme.visit(form("11"), about=MUG)
    theme.shows("Buy 11")

    theme.run(
        "const field = document.querySelector('[name=id]');"
        "field.value = '99'; field.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    theme.page.wait_for_selector("stockbell-notify:not([product-id])", state="attached")
    assert theme.attribute("sold-out") == [None]


def test_app_block_is_not_repeated(theme: Theme) -> None:
    block = render("notify-button", product=SOLD_OUT)
    theme.visit(DAWN.format(form()) + block, about=SOLD_OUT)
    expect(theme.page.locator("stockbell-notify[data-by=embed]")).to_have_count(0)

    # A quick view that brings the product page's own block along, after the button was placed.
    theme.visit("<p>Collection</p>")
    theme.run(ADD.format(f'<div role="dialog">{form("31")}</div>'))
    theme.page.wait_for_selector("stockbell-notify[data-by=embed]", state="attached")
    theme.run(
        "document.querySelector('[role=dialog]').insertAdjacentHTML('beforeend', `<stockbell-notify data-by=block>`)"
    )
    expect(theme.page.locator("stockbell-notify[data-by=embed]")).to_have_count(0)


@pytest.mark.parametrize("forms", ["", "form[", ".buy"])
def test_forms_are_found_by_the_merchants_selector_else_by_the_usual_one(theme: Theme, forms: str) -> None:
    theme.visit(f'<div class="buy">{form()}</div>', about=MUG, forms=forms)

    theme.shows("Buy 11")


def test_pages_that_fight_back_stay_as_they_are(theme: Theme) -> None:
    clobbered = (
        '<form action="/cart/add"><input name="elements"><input name="id" value="11"><button>Odd</button></form>'
    )
    theme.visit(clobbered + form("13"), about=MUG)
    theme.shows("Buy 13")

    # A theme that takes away what it does not know must not be driven into an endless loop.
    theme.run(
        """const { dataset } = document.body;
        dataset.removed = 0;
        new MutationObserver(() => document.querySelectorAll("stockbell-notify").forEach((one) => {
          dataset.removed++;
          one.remove();
        })).observe(document.body, { subtree: true, childList: true });
        document.body.append("")"""
    )
    theme.page.wait_for_function("() => document.body.dataset.removed > 2")
    before = int(theme.run("document.body.dataset.removed"))
    theme.page.wait_for_timeout(500)
    assert int(theme.run("document.body.dataset.removed")) - before <= 12


def test_script_that_comes_twice_works_once(theme: Theme) -> None:
    theme.visit(form(), about=MUG)
    theme.page.add_script_tag(content=(EXTENSION / "assets" / "stockbell-embed.js").read_text("utf-8"))

    theme.shows("Buy 11")


def test_the_widget_itself_understands_what_the_extension_writes(theme: Theme) -> None:
    dist = ROOT / "widget" / "dist"
    manifest = dist / "manifest.json"
    loader = (dist / json.loads(manifest.read_text())["loader"]).read_text("utf-8") if manifest.exists() else ""
    if "sold-out" not in loader:
        pytest.skip("the widget is not built")
    theme.loader = loader
    theme.visit(DAWN.format(form("11")), about=MUG, placement="replace", look="shop")
    ours, theirs = theme.page.locator("stockbell-notify"), theme.page.locator("form [name=add]")

    expect(ours.get_by_role("button")).to_be_visible()
    expect(theirs).to_be_hidden()
    theme.run("document.querySelector('[name=id]').value = '12'")
    expect(theirs).to_be_visible()
    expect(ours.get_by_role("button")).to_be_hidden()
    assert theme.asked == []
