"""The Magento 2 module, without Magento: its files, its pages, what it tells Stockbell, and its scripts in a browser.

PHP runs the module's own classes over small imitations of Magento's (`magento2_stubs/`).
"""

import csv
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine, text
from werkzeug.serving import make_server

from plugin.web.schemas import CatalogSchema, InventorySchema
from tests.factories import make_shop

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "snippets/magento2"
STUBS = Path(__file__).parent / "magento2_stubs"
NAMESPACE = "Stockbell\\BackInStock\\"
CODE = [path for ending in ("php", "phtml") for path in sorted(MODULE.rglob(f"*.{ending}"))]
XML = sorted(MODULE.rglob("*.xml"))
# What a shop may have removed: MSI, and every kind of product but the simple ones.
OPTIONAL = "Magento\\Inventory Magento\\ConfigurableProduct Magento\\GroupedProduct Magento\\Swatches"

SETTINGS = {
    "stockbell/general/enabled": "1",
    "stockbell/general/host": "https://alerts.example",
    "stockbell/general/public_key": "pk_1",
    "stockbell/push/stock": "1",
    "stockbell/push/catalog": "1",
    "stockbell/push/api_key": "sk_secret",
}
STORE = {"id": 1, "websiteId": 1, "isActive": True, "code": "default", "baseCurrencyCode": "EUR"}
MUG = {"id": 7, "sku": "Mug blue/1", "type_id": "simple", "name": "Blue mug", "available": False}


@pytest.fixture(scope="session")
def php() -> Callable[..., Any]:
    """Runs a script of the stubs with a JSON object, and gives back the one it prints."""
    if shutil.which("php") is None:
        pytest.skip("no PHP: run `apt install php-cli php-xml php-mbstring php-curl`")

    def run(script: str, given: object = None, **environment: str) -> Any:
        done = subprocess.run(
            ["php", "-d", "display_errors=stderr", "-d", "error_reporting=-1", str(STUBS / script)],
            check=False,
            input=json.dumps(given),
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    return run


class TestFiles:
    def test_every_php_file_can_be_parsed(self, php: Callable[..., Any]) -> None:
        def lint(path: Path) -> str:
            return subprocess.run(["php", "-l", str(path)], check=False, capture_output=True, text=True).stdout

        assert len(CODE) > 40
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lint, [*CODE, *sorted(STUBS.glob("*.php"))]))
        assert [answer for answer in answers if not answer.startswith("No syntax errors")] == []

    @pytest.mark.parametrize("missing", ["", OPTIONAL])
    def test_every_class_can_be_made_also_where_optional_modules_are_missing(
        self, php: Callable[..., Any], missing: str
    ) -> None:
        assert php("classes.php", STOCKBELL_WITHOUT=missing) == []

    @pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(MODULE)))
    def test_code_follows_rules_of_magentos_coding_standard(self, path: Path) -> None:
        text = path.read_text()
        assert "declare(strict_types=1);" in text
        assert max(map(len, text.splitlines())) <= 120
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
        assert "ObjectManager" not in code.replace("urn:magento", "")
        assert not re.search(r"\b(echo|print|eval|var_dump|print_r|exit|die|goto)\b\s*[\(\"']", code)
        assert "?>" not in code or path.suffix == ".phtml"
        if path.suffix == ".phtml":
            printed = re.findall(r"<\?=(.*?)(?=;|\?>)", text, flags=re.S)
            assert printed
            assert [one for one in printed if not re.match(r"\s*(\$escaper->escape|/\* @noEscape \*/)", one)] == []
            assert not re.search(r"\son\w+=|javascript:|style=", text)
        elif "Test" not in path.parts and path.name != "registration.php":
            functions = re.findall(
                r"(\*/\n(?: +#\[.*\n)?)? +(?:final |static |private |protected |public )+function", text
            )
            assert functions.count("") == 0, "a method without a comment"

    def test_xml_is_well_formed_and_names_schemas(self) -> None:
        assert len(XML) >= 16
        for path in XML:
            root = ElementTree.parse(path).getroot()
            schema = root.get("{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation")
            assert schema is not None, path
            assert schema.startswith("urn:magento:"), path

    def test_what_xml_refers_to_exists(self) -> None:
        referred = set()
        for path in XML:
            for element in ElementTree.parse(path).iter():
                for value in [element.text or "", *element.attrib.values()]:
                    referred |= set(re.findall(r"Stockbell\\[\w\\]+(?:::\w+)?|Stockbell_BackInStock::[\w/.-]+", value))
        assert len(referred) > 15
        for name in referred - {"Stockbell_BackInStock::config"}:
            if name.startswith("Stockbell_BackInStock::"):
                assert (MODULE / "view/frontend/templates" / name.partition("::")[2]).is_file(), name
                continue
            class_name, _, method = name.removesuffix("\\Proxy").partition("::")
            file = MODULE / (class_name.removeprefix(NAMESPACE).replace("\\", "/") + ".php")
            assert file.is_file(), name
            assert not method or f"function {method}(" in file.read_text(), name

    def test_plugins_jobs_and_observers_have_the_methods_that_they_are_called_by(self) -> None:
        for path in sorted((MODULE / "Plugin").glob("*.php")):
            assert re.search(r"public function after[A-Z]\w+\(", path.read_text()), path
        for folder in ("Observer", "Cron"):
            for path in sorted((MODULE / folder).glob("*.php")):
                assert "public function execute(" in path.read_text(), path

    def test_no_block_keeps_a_page_out_of_the_cache(self) -> None:
        assert not [path for path in XML if re.search(r'cacheable="false"', path.read_text())]
        blocks = "".join(path.read_text() for path in (MODULE / "Block").glob("*.php"))
        assert "Session" not in blocks

    def test_one_topic_goes_from_publisher_to_consumer_by_the_database(self) -> None:
        topic = re.search(r"TOPIC = '(.+)'", (MODULE / "Model/Queue/ChangedProducts.php").read_text())
        assert topic is not None
        names = {
            "communication": ("topic", "name"),
            "queue_publisher": ("publisher", "topic"),
            "queue_topology": ("exchange/binding", "topic"),
            "queue_consumer": ("consumer", "queue"),
        }
        for file, (where, attribute) in names.items():
            found = ElementTree.parse(MODULE / f"etc/{file}.xml").findall(where)
            assert [element.get(attribute) for element in found] == [topic[1]], file
        for file, where in {
            "queue_publisher": ".//connection",
            "queue_topology": "exchange",
            "queue_consumer": "consumer",
        }.items():
            element = ElementTree.parse(MODULE / f"etc/{file}.xml").find(where)
            assert element is not None
            assert "db" in {element.get("name"), element.get("connection")}, file

    def test_every_setting_has_a_field_a_default_and_a_reader(self) -> None:
        defaults = ElementTree.parse(MODULE / "etc/config.xml").find("default/stockbell")
        section = ElementTree.parse(MODULE / "etc/adminhtml/system.xml").find("system/section")
        assert defaults is not None
        assert section is not None
        with_default = {f"{group.tag}/{one.tag}" for group in defaults for one in group}
        fields = {
            f"{group.get('id')}/{one.get('id')}" for group in section.iter("group") for one in group.iter("field")
        }
        fields -= {"push/stock", "general/out_of_stock_note"}
        read = set(re.findall(r"'((?:general|look|push)/\w+)'", (MODULE / "Model/Config.php").read_text()))
        assert fields | {"push/stock"} == with_default == read
        key = section.find("group/field[@id='api_key']")
        assert key is not None
        assert key.findtext("backend_model") == "Magento\\Config\\Model\\Config\\Backend\\Encrypted"
        assert key.get("type") == "obscure"

    def test_all_languages_have_all_phrases(self) -> None:
        phrases: dict[str, list[str]] = {}
        for name in ("en_US", "de_DE", "fr_FR", "es_ES"):
            with (MODULE / f"i18n/{name}.csv").open(newline="") as file:
                rows = list(csv.reader(file))
            assert all(len(row) == 2 and all(row) for row in rows), name
            assert all(("%1" in phrase) == ("%1" in translation) for phrase, translation in rows), name
            phrases[name] = [row[0] for row in rows]
        assert len(set(phrases["en_US"])) == len(phrases["en_US"])
        assert all(keys == phrases["en_US"] for keys in phrases.values())
        used = set()
        for path in [*CODE, *MODULE.rglob("*.js")]:
            used |= {found[1] for found in re.findall(r"""(?:__|\$t)\((['"])(.+?)\1[,)]""", path.read_text())}
        for element in ElementTree.parse(MODULE / "etc/adminhtml/system.xml").iter():
            for part in element.get("translate", "").split():
                used.add(element.findtext(part) or "")
        assert used == set(phrases["en_US"])

    def test_scripts_that_requirejs_is_told_about_exist(self) -> None:
        text = (MODULE / "view/frontend/requirejs-config.js").read_text()
        text += (
            "".join(path.read_text() for path in MODULE.rglob("*.js"))
            + (MODULE / "view/frontend/templates/notify.phtml").read_text()
        )
        for name in set(re.findall(r"Stockbell_BackInStock/([\w/-]+)", text)):
            assert (MODULE / f"view/frontend/web/{name}.js").is_file(), name

    def test_composer_finds_the_classes(self) -> None:
        composer = json.loads((MODULE / "composer.json").read_text())
        assert composer["type"] == "magento2-module"
        assert composer["autoload"] == {"files": ["registration.php"], "psr-4": {NAMESPACE: ""}}
        for path in MODULE.rglob("*.php"):
            if path.name != "registration.php":
                folder = "\\".join(path.relative_to(MODULE).parent.parts)
                assert f"namespace {NAMESPACE}{folder};" in path.read_text(), path


class Elements(HTMLParser):
    """The start tags of some HTML, and the text inside each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.text.append("")

    def handle_data(self, data: str) -> None:
        if self.text:
            self.text[-1] += data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def texts(self, tag: str) -> list[str]:
        return [text for (name, _), text in zip(self.found, self.text, strict=True) if name == tag]


class TestPages:
    @pytest.fixture
    def show(self, php: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
        def run(*products: dict[str, Any], **settings: str) -> dict[str, Any]:
            paths = {f"stockbell/{name.replace('__', '/')}": value for name, value in settings.items()}
            world = {"settings": SETTINGS | paths, "products": products, "show": products[0]["id"]}
            answer: dict[str, Any] = php("render.php", world)
            return answer

        return run

    def test_a_sold_out_product_has_button_script_and_link(self, show: Callable[..., dict[str, Any]]) -> None:
        page = show(MUG)
        shown = Elements(page["html"])
        assert shown.all("stockbell-notify") == [
            {
                "product-id": "7",
                "product-title": "Blue mug",
                "variant-id": "7",
                "available": "false",
            }
        ]
        assert shown.all("a") == [{"href": "https://alerts.example/n/pk_1/7"}]
        assert shown.texts("a") == ["Notify me when available"]
        assert Elements(page["head"]).all("script") == [{"src": "https://alerts.example/s/pk_1.js", "async": None}]
        assert Elements(page["head"]).all("style") == []

    def test_a_product_in_stock_says_so_and_has_no_link(self, show: Callable[..., dict[str, Any]]) -> None:
        shown = Elements(show(MUG | {"available": True})["html"])
        (element,) = shown.all("stockbell-notify")
        assert element["available"] == "true"
        assert shown.all("a") == []

    @pytest.mark.parametrize(
        "title",
        [
            '"><script>alert(1)</script>',
            "' onmouseover='alert(1)",
            "{{7*7}} <%- x %> <?= 1 ?>",
            "</stockbell-notify><img src=x onerror=alert(1)>",
            "Größe „M“ & Tee \U0001f375",
            "data-mage-init={}",
        ],
    )
    def test_a_hostile_title_stays_text(self, show: Callable[..., dict[str, Any]], title: str) -> None:
        shirt = {"id": 30, "type_id": "configurable", "name": title, "available": False, "children": [31]}
        child = {"id": 31, "type_id": "simple", "name": title, "available": False}
        for product in ({"products": [MUG | {"name": title}]}, {"products": [shirt, child]}):
            shown = Elements(show(*product["products"])["html"])
            assert {tag for tag, _ in shown.found} <= {
                "div",
                "stockbell-notify",
                "a",
                "select",
                "option",
                "label",
                "span",
            }
            (element,) = shown.all("stockbell-notify")
            assert element["product-title"] == title
            assert set(element) <= {"product-id", "product-title", "variant-id", "variant-field", "available"}
        assert shown.texts("option")[1:] == [title]

    def test_a_configurable_product_follows_the_pages_selection(self, show: Callable[..., dict[str, Any]]) -> None:
        shirt = {"id": 30, "type_id": "configurable", "name": "Shirt", "available": True, "children": [31, 32, 33]}
        variants = [{"id": n, "type_id": "simple", "name": str(n), "available": n == 31} for n in (31, 32, 33)]
        page = show(shirt, *variants)
        assert Elements(page["html"]).all("stockbell-notify") == [
            {
                "product-id": "30",
                "product-title": "Shirt",
                "variant-field": '[name="selected_configurable_option"]',
                "sold-out": "32 33",
                "replaces": "#product-addtocart-button",
            }
        ]
        assert page["tags"] == ["cat_p_30", "cat_p_31", "cat_p_32", "cat_p_33"]

    def test_with_all_variants_in_stock_none_is_listed(self, show: Callable[..., dict[str, Any]]) -> None:
        shirt = {"id": 30, "type_id": "configurable", "name": "Shirt", "available": True, "children": [31]}
        (element,) = Elements(show(shirt, {"id": 31, "type_id": "simple", "name": "S", "available": True})["html"]).all(
            "stockbell-notify"
        )
        assert element["sold-out"] == ""

    def test_a_wholly_sold_out_configurable_product_brings_its_own_choice(
        self, show: Callable[..., dict[str, Any]]
    ) -> None:
        # Magento draws no options then. One variant is switched off, one has no labels.
        shirt = {"id": 30, "type_id": "configurable", "name": "Shirt", "available": False}
        shirt |= {"children": [31, 32, 33], "attributes": {"93": "color", "142": "size"}}
        labels = {"texts": {"color": "Red", "size": "M"}, "color": "50", "size": "166"}
        variants = [
            {"id": 31, "type_id": "simple", "name": "Shirt red M", "available": False} | labels,
            {"id": 32, "type_id": "simple", "name": "Shirt off", "available": False, "status": 2},
            {"id": 33, "type_id": "simple", "name": "Shirt plain", "available": False},
        ]
        page = show(shirt, *variants)
        shown = Elements(page["html"])
        assert shown.all("select") == [{"id": "stockbell-choice-30", "class": "stockbell-choice"}]
        assert [option["value"] for option in shown.all("option")] == ["", "31", "33"]
        assert shown.texts("option") == ["Choose an Option...", "Red / M", "Shirt plain"]
        assert [label["for"] for label in shown.all("label")] == ["stockbell-choice-30"]
        (element,) = shown.all("stockbell-notify")
        assert element["variant-field"] == "#stockbell-choice-30"
        assert element["available"] == "false"
        assert "variant-id" not in element
        assert [link["href"] for link in shown.all("a")] == [f"https://alerts.example/n/pk_1/{n}" for n in (31, 33)]
        assert page["tags"] == ["cat_p_30", "cat_p_31", "cat_p_33"]

    def test_a_grouped_product_lists_its_sold_out_parts(self, show: Callable[..., dict[str, Any]]) -> None:
        group = {"id": 40, "type_id": "grouped", "name": "Set", "available": True, "children": [41, 42]}
        parts = [{"id": n, "type_id": "simple", "name": f"Part {n}", "available": n == 41} for n in (41, 42)]
        page = show(group, *parts, look__like_theme="1")
        assert Elements(page["html"]).texts("option")[1:] == ["Part 42"]
        # Add to Cart stays: the other part can be bought.
        assert Elements(page["html"]).all("stockbell-notify")[0]["replaces"] == "[data-stockbell-look]"
        in_stock = show(group, *(part | {"available": True} for part in parts))
        assert in_stock["html"] == ""
        assert in_stock["tags"] == ["cat_p_40", "cat_p_41", "cat_p_42"], "the page must change when a part sells out"

    def test_a_bundle_has_no_button(self, show: Callable[..., dict[str, Any]]) -> None:
        page = show({"id": 50, "type_id": "bundle", "name": "Bundle", "available": False})
        assert page["html"] == ""
        assert page["tags"] == []

    @pytest.mark.parametrize(
        "settings",
        [
            {"general__enabled": "0"},
            {"general__host": ""},
            {"general__host": "http://alerts.example"},
            {"general__host": "https://alerts.example/path"},
            {"general__host": "https://alerts.example; script-src *"},
            {"general__host": 'https://a.example"><script>'},
            {"general__public_key": ""},
            {"general__public_key": "pk/../1"},
        ],
    )
    def test_nothing_is_shown_or_allowed_while_settings_are_not_right(
        self, show: Callable[..., dict[str, Any]], settings: dict[str, str]
    ) -> None:
        page = show(MUG, look__lists="1", **settings)
        assert page["html"] == ""
        assert page["head"].strip() == ""
        assert page["policies"] == ["kept"]
        assert page["list"] == "<i>swatches</i>"

    def test_the_csp_allows_the_merchants_host_for_scripts_and_requests_only(
        self, show: Callable[..., dict[str, Any]]
    ) -> None:
        policies = show(MUG, general__host="https://alerts.example:8443/")["policies"]
        assert policies[1:] == [
            {"id": name, "none": False, "hosts": ["https://alerts.example:8443"]}
            for name in ("script-src", "connect-src")
        ]

    def test_look_settings_reach_the_page(self, show: Callable[..., dict[str, Any]]) -> None:
        page = show(
            MUG,
            look__accent="#0B5D3B",
            look__radius="4",
            look__display="inline",
            look__like_theme="1",
            general__fill_in_email="1",
        )
        assert "<style>stockbell-notify{--stockbell-accent:#0b5d3b;--stockbell-radius:4px;}</style>" in page["head"]
        shown = Elements(page["html"])
        (element,) = shown.all("stockbell-notify")
        assert (element["display"], element["look"], element["replaces"]) == (
            "inline",
            "theme",
            "[data-stockbell-look]",
        )
        assert json.loads(element["data-mage-init"] or "") == {"Stockbell_BackInStock/js/customer": {}}
        (specimen,) = shown.all("button")
        assert specimen["class"] == "action primary tocart"
        assert "hidden" in shown.all("span")[0]

    @pytest.mark.parametrize("accent", ["red;} body{display:none", "#12345", "</style><script>", "url(x)"])
    def test_a_color_that_is_none_is_left_out(self, show: Callable[..., dict[str, Any]], accent: str) -> None:
        assert "style" not in show(MUG, look__accent=accent)["head"]

    def test_lists_have_buttons_for_sold_out_products_without_options_if_wanted(
        self, show: Callable[..., dict[str, Any]]
    ) -> None:
        shirt = {"id": 30, "type_id": "configurable", "name": "Shirt", "available": False}
        assert "stockbell-notify" in show(MUG, look__lists="1")["list"]
        assert show(MUG)["list"] == "<i>swatches</i>"
        assert show(MUG | {"available": True}, look__lists="1")["list"] == "<i>swatches</i>"
        assert show(shirt, look__lists="1")["list"] == "<i>swatches</i>"


@dataclass
class Put:
    """A request that reached the server."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Server:
    """Takes stock as Stockbell does: what its schemas refuse fails the test."""

    url: str = ""
    known: set[str] = field(default_factory=set)
    puts: list[Put] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], float]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    pages: dict[str, tuple[int, str]] = field(default_factory=dict)
    gets: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def take(self, put: Put) -> tuple[int, dict[str, str], dict[str, Any]]:
        self.puts.append(put)
        if self.answers:
            status, headers, delay = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            time.sleep(delay)
            if status != 200:
                return status, headers, {"error": {"code": "refused", "message": "Refused."}}
        if put.headers.get("authorization") != "Bearer sk_secret":
            return 401, {}, {"error": {"code": "unauthorized", "message": "No valid API key."}}
        assert put.headers["content-type"] == "application/json"
        if put.path == "/api/v1/inventory":
            levels = InventorySchema().load(put.body)["levels"]
            assert {key for level in put.body["levels"] for key in level} == {"variant_id", "available", "updated_at"}
            ids = [level.variant_id for level in levels]
            assert len(set(ids)) == len(ids)
            assert all(abs(level.updated_at - datetime.now(UTC)) < timedelta(minutes=2) for level in levels)
            unknown = sorted(set(ids) - self.known)
            return 200, {}, {"changed": len(ids) - len(unknown), "ignored": 0, "unknown": unknown, "notified": 0}
        assert put.path == "/api/v1/catalog/variants"
        variants = CatalogSchema().load(put.body)["variants"]
        assert not any(variant.stock_known for variant in variants)
        self.known |= {variant.variant_id for variant in variants}
        return 200, {}, {"written": len(variants), "stock_changes": 0, "notified": 0}

    def levels(self) -> dict[str, int | None]:
        """What was told last, by variant."""
        puts = [put for put in self.puts if put.path == "/api/v1/inventory"]
        return {level["variant_id"]: level["available"] for put in puts for level in put.body["levels"]}


@pytest.fixture
def server() -> Iterator[Server]:
    taken = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                status, more, body = taken.take(Put(self.path, headers, json.loads(content)))
            except Exception as error:  # noqa: BLE001 - told to the test, which runs in another thread
                taken.complaints.append(repr(error))
                status, more, body = 422, {}, {"error": {"code": "invalid", "message": str(error)}}
            answer = json.dumps(body).encode()
            try:
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                pass  # the module no longer waits

        def do_GET(self) -> None:
            taken.gets.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, text = taken.pages.get(self.path, (404, ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.url = f"http://127.0.0.1:{running.server_address[1]}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield taken
    running.shutdown()
    running.server_close()
    thread.join()
    assert taken.complaints == []


def product(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "sku": f"SKU-{number}", "type_id": "simple", "name": f"Product {number}", **more}


class TestPushing:
    @pytest.fixture
    def push(self, php: Callable[..., Any], server: Server) -> Callable[..., dict[str, Any]]:
        def run(*steps: tuple[str, Any], products: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
            settings = SETTINGS | {"stockbell/general/host": server.url} | more.pop("settings", {})
            world = {"settings": settings, "stores": [STORE], "products": products, "steps": steps}
            world |= {"timeouts": {"pauseMilliseconds": 50, "connectSeconds": 1, "timeoutSeconds": 1}}
            answer: dict[str, Any] = php("push.php", world | more)
            return answer

        return run

    @pytest.mark.parametrize("msi", [True, False])
    def test_levels_say_what_can_be_bought(
        self, push: Callable[..., dict[str, Any]], server: Server, msi: bool
    ) -> None:
        products = [
            product(1, stock={"Qty": 20.0}, available=False),  # another index is late
            product(2, stock={"Qty": 20.9, "MinQty": 5.0}),
            product(3, stock={"Qty": -3.0}, available=False),
            product(4, stock={"Qty": 9.0, "IsInStock": False}, available=False),
            product(5, stock={"ManageStock": False}),
            product(6, stock={"Qty": 0.0, "Backorders": 1}),
            product(7, stock={"Qty": 2.0, "Backorders": 2, "MinQty": -10.0}),
            product(8, stock={"Qty": 5.0}, status=2),
            product(9, stock={"Qty": 5.0}, websites=[2]),
            product(10, type_id="configurable"),
            product(11, type_id="bundle"),
            product(12, stock={"Qty": 1e12}),
        ]
        server.known = {str(n) for n in range(1, 20)}
        answer = push(("push", [*range(1, 14), 1]), products=products, msi=msi)
        expected = {"1": 20, "2": 15, "3": 0, "4": 0, "5": None, "6": None, "7": 12, "8": 0, "9": 0, "12": 2**31 - 1}
        assert server.levels() == expected | {"13": 0}, "13 was deleted"
        assert len(server.puts) == 1
        assert server.puts[0].headers["authorization"] == "Bearer sk_secret"
        (report,) = answer["results"]
        assert (report["sent"], report["changed"], report["owed"], report["problems"]) == (11, 11, [], [])

    @pytest.mark.parametrize("where", ["index", "stock"])
    def test_a_product_that_is_taken_out_of_the_stock_has_none(
        self, push: Callable[..., dict[str, Any]], server: Server, where: str
    ) -> None:
        server.known = {"1"}
        push(("push", [1]), products=[product(1, stock={"Qty": 5.0, "Gone": where})])
        assert server.levels() == {"1": 0}

    def test_reservations_of_orders_cannot_be_bought(self, push: Callable[..., dict[str, Any]], server: Server) -> None:
        server.known = {"1"}
        push(("push", [1]), products=[product(1, stock={"Qty": 5.0, "Reserved": -2.0})])
        assert server.levels() == {"1": 3}

    @pytest.mark.parametrize("service", ["GetStockItemDataInterface", "GetStockItemConfigurationInterface"])
    def test_a_broken_index_is_told_as_nothing_and_not_as_sold_out(
        self, push: Callable[..., dict[str, Any]], server: Server, service: str
    ) -> None:
        products = [product(1, stock={"Qty": 5.0}), product(2, stock={"Qty": 5.0, "Broken": service})]
        answer = push(("consume", {"ids": [1, 2]}), products=products)
        assert server.puts == []
        assert answer["owed"] == [1, 2]
        assert answer["log"][1] == "The index is broken"

    @pytest.mark.parametrize("msi", [True, False])
    def test_what_magento_remembers_is_read_anew_for_each_message(
        self, push: Callable[..., dict[str, Any]], server: Server, msi: bool
    ) -> None:
        server.known = {"1"}
        steps = [("consume", {"ids": [1]}), ("consume", {"ids": [1]})]
        answer = push(*steps, products=[product(1)], msi=msi)
        assert answer["forgotten"] == (["SKU-1", "SKU-1"] if msi else ["everything", "everything"])

    def test_a_call_carries_a_thousand_levels_at_most(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        server.known = {str(n) for n in range(1, 2502)}
        push(("push", list(range(1, 2502))), products=[product(n, stock={"Qty": 1.0}) for n in range(1, 2502)])
        assert [len(put.body["levels"]) for put in server.puts] == [1000, 1000, 501]

    def test_what_stockbell_does_not_know_is_introduced_and_then_has_stock(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        server.known = {"1"}
        shirt = product(30, type_id="configurable", children=[31], attributes={"93": "color"}, name="Shirt")
        shirt |= {"image": "/s/h/shirt.jpg", "category_ids": [4, 5]}
        red = product(31, color="50", texts={"color": "Red"}, price="19.9", visibility=1, stock={"Qty": 3.0})
        hostile = product(32, name="\x00 \x1b", url="https://shop.example/x", price="abc", stock={"Qty": 1.0})
        hostile |= {"category_ids": [6]}
        broken = product(34, name_hex="ff41", url="https://shop.example/y")
        products = [product(1, stock={"Qty": 2.0}), shirt, red, hostile, product(33, websites=[2]), broken]
        answer = push(("push", [1, 31, 32, 33, 34]), products=products)
        assert [put.path for put in server.puts] == [
            "/api/v1/inventory",
            "/api/v1/catalog/variants",
            "/api/v1/inventory",
        ]
        first, second, third = server.puts[1].body["variants"]
        assert first == {
            "variant_id": "31",
            "product_id": "30",
            "product_title": "Shirt",
            "variant_title": "Red",
            "url": "https://shop.example/product-30.html#93=50",
            "image_url": "https://shop.example/media/catalog/product/s/h/shirt.jpg",
            "price": "19.90",
            "currency": "EUR",
            "collections": ["Category 4", "Category 5"],
        }
        assert (second["product_title"], second["price"], second["collections"]) == ("SKU-32", None, ["Category 6"])
        assert third["product_title"] == "?A"
        assert server.levels() == {"1": 2, "31": 3, "32": 1, "33": 0, "34": 0}
        (report,) = answer["results"]
        assert (report["introduced"], report["unknown"], report["changed"]) == (3, ["33"], 4)

    def test_a_shop_with_a_feed_is_told_stock_alone(self, push: Callable[..., dict[str, Any]], server: Server) -> None:
        settings = {"stockbell/push/catalog": "0"}
        answer = push(("push_with_catalog", [1]), products=[product(1, stock={"Qty": 2.0})], settings=settings)
        assert [put.path for put in server.puts] == ["/api/v1/inventory"]
        assert answer["results"][0]["unknown"] == ["1"]

    def test_two_shops_in_stockbell_are_told_and_store_views_of_one_once(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        stores = [STORE, STORE | {"id": 3, "websiteId": 2}, STORE | {"id": 2, "baseCurrencyCode": "USD"}]
        stores.append(STORE | {"id": 4, "isActive": False})
        settings = {"store/3/stockbell/push/api_key": "sk_other", "store/4/stockbell/push/api_key": "sk_off"}
        answer = push(
            ("push", [1]), products=[product(1, stock={"Qty": 2.0}, websites=[1])], stores=stores, settings=settings
        )
        told = [(put.headers["authorization"], put.path.rpartition("/")[2]) for put in server.puts]
        assert told == [
            ("Bearer sk_secret", "inventory"),
            ("Bearer sk_secret", "variants"),
            ("Bearer sk_secret", "inventory"),
            ("Bearer sk_other", "inventory"),
        ]
        assert server.puts[1].body["variants"][0]["currency"] == "EUR", "the first store view speaks for all"
        assert server.puts[3].body["levels"][0]["available"] == 0, "not sold on this website"
        assert "401" in answer["results"][0]["problems"][0]

    def test_who_is_away_for_the_catalog_is_not_asked_about_stock(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        server.answers = [(503, {}, 0)]
        products = [product(n) for n in range(1, 402)]
        answer = push(("push_with_catalog", list(range(1, 402))), products=products)
        assert [put.path for put in server.puts] == ["/api/v1/catalog/variants"] * 3
        assert answer["results"][0]["owed"] == list(range(1, 402))

    def test_a_refused_key_is_tried_once_and_the_products_are_owed(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        settings = {"stockbell/push/api_key": "sk_wrong"}
        answer = push(("consume", {"skus": ["sku-1"]}), products=[product(1)], settings=settings)
        assert len(server.puts) == 1
        assert answer["owed"] == [1]
        assert "HTTP 401 No valid API key." in answer["log"][0]
        assert "sk_wrong" not in json.dumps(answer)

    def test_what_stockbell_calls_wrong_is_not_sent_for_ever(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        server.answers = [(422, {}, 0)]
        answer = push(("consume", {"ids": [1]}), products=[product(1)])
        assert len(server.puts) == 1
        assert answer["owed"] == []
        assert len(answer["log"]) == 1

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_a_passing_fault_is_tried_again(
        self, push: Callable[..., dict[str, Any]], server: Server, status: int
    ) -> None:
        server.known = {"1"}
        server.answers = [(status, {}, 0), (status, {}, 0), (200, {}, 0)]
        answer = push(("consume", {"ids": [1]}), products=[product(1, stock={"Qty": 4.0})])
        assert len(server.puts) == 3
        assert server.levels() == {"1": 4}
        assert answer["owed"] == []

    def test_retry_after_is_obeyed(self, push: Callable[..., dict[str, Any]], server: Server) -> None:
        server.known = {"1"}
        server.answers = [(429, {"Retry-After": "1"}, 0), (200, {}, 0)]
        began = time.monotonic()
        push(("push", [1]), products=[product(1)])
        assert len(server.puts) == 2
        assert time.monotonic() - began >= 1

    def test_a_slow_stockbell_costs_a_bounded_time_and_nothing_is_lost(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        server.answers = [(200, {}, 3)]
        began = time.monotonic()
        answer = push(("consume", {"ids": [1]}), ("consume", {"ids": [2]}), products=[product(1), product(2)])
        # Three attempts of a second for the first message; the second, right after, tries once.
        assert time.monotonic() - began < 8
        assert len(server.puts) == 4
        assert answer["owed"] == [1, 2]

    def test_what_is_owed_is_told_when_stockbell_is_back(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        server.known = {"1", "2"}
        server.answers = [(503, {}, 0), (503, {}, 0), (503, {}, 0), (200, {}, 0)]
        answer = push(
            ("consume", {"ids": [1, 2]}),
            ("cron_owed", None),
            ("consume_published", None),
            products=[product(1, stock={"Qty": 4.0}), product(2)],
        )
        assert server.levels() == {"1": 4, "2": 0}
        assert (answer["owed"], answer["published"]) == ([], [])

    def test_a_server_that_is_not_there_is_no_error_of_the_queue(self, push: Callable[..., dict[str, Any]]) -> None:
        settings = {"stockbell/general/host": "http://127.0.0.1:9"}
        answer = push(("consume", {"ids": [1]}), products=[product(1)], settings=settings)
        assert answer["owed"] == [1]

    def test_a_checkout_writes_into_the_queue_and_asks_nobody(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        answer = push(("order", ["SKU-1", "SKU-2", "SKU-1", "0", ""]), products=[product(1), product(2)])
        assert server.puts == []
        assert answer["published"] == [["stockbell.stock.changed", {"skus": ["SKU-1", "SKU-2", "0"]}]]

    def test_a_broken_queue_breaks_no_checkout(self, push: Callable[..., dict[str, Any]]) -> None:
        answer = push(("order", ["SKU-1"]), products=[product(1)], broken_queue=True)
        assert answer["results"] == [None]
        assert answer["log"] == ["error: Stockbell: a change of stock could not be queued.", "The queue is broken"]

    def test_nothing_is_queued_while_pushing_is_off(self, push: Callable[..., dict[str, Any]]) -> None:
        for settings in ({"stockbell/push/stock": "0"}, {"stockbell/push/api_key": "two\r\nlines"}):
            steps = [("order", ["SKU-1"]), ("cron_everything", None)]
            answer = push(*steps, products=[product(1)], settings=settings)
            assert answer["published"] == []

    def test_the_nightly_job_queues_every_product_that_has_stock(
        self, push: Callable[..., dict[str, Any]], server: Server
    ) -> None:
        products = [product(n, available=n % 2 == 0, stock={"Qty": 1.0}) for n in range(1, 1202)]
        products.append(product(1300, type_id="configurable"))
        queued = push(("cron_everything", None), products=products)["published"]
        assert [len(message["ids"]) for _, message in queued] == [1000, 201]
        assert all(message["catalog"] for _, message in queued)
        push(("cron_everything", None), ("consume_published", None), products=products)
        assert len(server.known) == len(server.levels()) == 1201
        assert max(len(put.body.get("variants", [])) for put in server.puts) == 200


class TestWithStockbell:
    def test_a_shopper_of_a_product_that_only_magento_knew_is_told_when_it_is_back(
        self, php: Callable[..., Any], app: Flask, client: FlaskClient, engine: Engine
    ) -> None:
        shop = make_shop(engine, variants=())
        running = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()

        def push(quantity: float) -> dict[str, Any]:
            world = {
                "settings": SETTINGS
                | {
                    "stockbell/general/host": f"http://127.0.0.1:{running.server_port}",
                    "stockbell/general/public_key": shop.public_key,
                    "stockbell/push/api_key": shop.api_key,
                },
                "stores": [STORE],
                "products": [product(31, name="Blue mug", price="19.9", stock={"Qty": quantity})],
                "steps": [("push", [31, 32])],
            }
            report: dict[str, Any] = php("push.php", world)["results"][0]
            return report

        def available() -> bool:
            answer = client.get(f"/api/v1/storefront/{shop.public_key}/variants/31")
            assert answer.status_code == 200
            return bool(answer.get_json()["available"])

        try:
            first = push(0)
            assert (first["introduced"], first["unknown"], first["problems"]) == (1, ["32"], [])
            assert not available()
            signed_up = client.post(shop.sign_up_path, json={"variant_id": "31", "email": "ada@example.com"})
            assert signed_up.status_code == 202
            assert push(5)["changed"] == 1
            assert available()
            with engine.connect() as database:
                told = database.execute(text("SELECT count(*) FROM message")).scalar_one()
            assert told == 1
        finally:
            running.shutdown()
            thread.join()
            running.server_close()


class TestOperation:
    @pytest.fixture
    def operate(self, php: Callable[..., Any], server: Server) -> Callable[..., dict[str, Any]]:
        def run(**more: Any) -> dict[str, Any]:
            settings = {
                **SETTINGS,
                "stockbell/general/host": server.url,
                "cataloginventory/options/show_out_of_stock": "1",
            }
            world = {
                "settings": settings | more.pop("settings", {}),
                "stores": [STORE | {"baseUrl": "https://shop.example/de/"}],
            }
            in_stock = product(1, available=True, url=f"{server.url}/one.html")
            world["products"] = [in_stock, product(2, available=False, url=f"{server.url}/two.html")]
            answer: dict[str, Any] = php("operate.php", world | more)
            return answer

        return run

    @pytest.fixture
    def pages(self, server: Server) -> dict[str, tuple[int, str]]:
        """What the server says to a healthy shop."""
        script = f'<script src="{server.url}/s/pk_1.js" async></script>'
        server.pages = {
            "/s/pk_1.js": (200, "// the widget"),
            "/two.html": (200, f"<html>{script}<stockbell-notify></stockbell-notify>"),
            "/api/v1/storefront/pk_1/variants/2": (200, '{"available": false}'),
            "/api/v1/settings": (200, "{}"),
        }
        return server.pages

    def test_all_is_well_on_a_healthy_shop(
        self, operate: Callable[..., dict[str, Any]], server: Server, pages: dict[str, tuple[int, str]]
    ) -> None:
        findings = operate()["findings"]
        assert [finding["ok"] for finding in findings] == [True] * 6
        assert "/two.html carries the button" in findings[1]["words"], "a sold-out product is looked at"
        headers = dict(server.gets)
        assert headers["/api/v1/storefront/pk_1/variants/2"]["origin"] == "https://shop.example"
        assert headers["/api/v1/settings"]["authorization"] == "Bearer sk_secret"
        assert "authorization" not in headers["/two.html"]

    @pytest.mark.parametrize(
        ("path", "answer", "words"),
        [
            ("/s/pk_1.js", (404, "{}"), "does not answer as it should: HTTP 404"),
            ("/two.html", (401, ""), "HTTP 401"),
            ("/two.html", (200, "<html>"), "does not carry the element"),
            ("/two.html", (200, "<stockbell-notify>"), "does not carry the script"),
            ("/api/v1/storefront/pk_1/variants/2", (403, "{}"), "add https://shop.example to the shop"),
            ("/api/v1/storefront/pk_1/variants/2", (404, "{}"), "run stockbell:push-stock"),
            ("/api/v1/settings", (401, '{"error": {"message": "No valid API key."}}'), "HTTP 401 No valid API key."),
        ],
    )
    def test_what_does_not_work_is_said(
        self,
        operate: Callable[..., dict[str, Any]],
        pages: dict[str, tuple[int, str]],
        path: str,
        answer: tuple[int, str],
        words: str,
    ) -> None:
        pages[path] = answer
        (wrong,) = [finding for finding in operate()["findings"] if finding["ok"] is False]
        assert words in wrong["words"]

    def test_a_queue_that_stands_still_and_hidden_products_are_said(
        self, operate: Callable[..., dict[str, Any]], pages: dict[str, tuple[int, str]]
    ) -> None:
        settings = {"cataloginventory/options/show_out_of_stock": "0"}
        pages["/one.html"] = pages["/two.html"]
        pages["/api/v1/storefront/pk_1/variants/1"] = (200, "{}")
        findings = operate(late=3, owed=[1, 2], settings=settings)["findings"]
        assert [finding["ok"] for finding in findings] == [True, True, True, None, True, False, False]
        assert findings[5]["words"].startswith("3 messages wait")
        assert findings[6]["words"].startswith("2 products are still to be told")

    def test_a_shop_that_is_not_set_up_is_told_so(self, operate: Callable[..., dict[str, Any]]) -> None:
        findings = operate(settings={"stockbell/general/enabled": "0", "stockbell/push/stock": "0"})["findings"]
        assert [finding["ok"] for finding in findings] == [False, None]

    def test_removal_leaves_no_row(
        self, operate: Callable[..., dict[str, Any]], pages: dict[str, tuple[int, str]]
    ) -> None:
        answer = operate()
        assert answer["removed"] == 4, "a table that is not there is passed over"
        assert answer["deleted"] == {
            "pre_core_config_data": {"path LIKE ?": "stockbell/%"},
            "pre_flag": {"flag_code = ?": "stockbell_owed"},
            "pre_queue_message": {"topic_name = ?": "stockbell.stock.changed"},
            "pre_queue": {"name = ?": "stockbell.stock.changed"},
        }

    def test_fields_take_addresses_and_colors_in_one_form_only(
        self, operate: Callable[..., dict[str, Any]], pages: dict[str, tuple[int, str]]
    ) -> None:
        typed = {
            ("host", " https://Alerts.Example/ "): "https://alerts.example",
            ("host", "https://alerts.example:8443"): "https://alerts.example:8443",
            ("host", "http://localhost:8000"): "http://localhost:8000",
            ("host", ""): "",
            ("host", "alerts.example"): False,
            ("host", "http://alerts.example"): False,
            ("host", "https://alerts.example/path"): False,
            ("host", "https://user@alerts.example"): False,
            ("host", "javascript:alert(1)"): False,
            ("color", "#0B5D3B"): "#0b5d3b",
            ("color", "#fff"): "#fff",
            ("color", ""): "",
            ("color", "green"): False,
            ("color", "#12345"): False,
        }
        assert operate(typed=list(typed))["typed"] == list(typed.values())


# Red and Blue, S and M; red M and everything blue is sold out. Green was never made.
CONFIG = {
    "productId": "30",
    "canDisplayShowOutOfStockStatus": True,
    "attributes": [
        {
            "id": "93",
            "label": "Color",
            "options": [
                {"id": "50", "label": "Red", "products": ["11", "12"]},
                {"id": "51", "label": "Blue", "products": ["13", "14"]},
                {"id": "52", "label": "Green", "products": []},
            ],
        },
        {
            "id": "142",
            "label": "Size",
            "options": [
                {"id": "166", "label": "S", "products": ["11", "13"]},
                {"id": "167", "label": "M", "products": ["12", "14"]},
            ],
        },
    ],
    "index": {
        "11": {"93": "50", "142": "166"},
        "12": {"93": "50", "142": "167"},
        "13": {"93": "51", "142": "166"},
        "14": {"93": "51", "142": "167"},
    },
    "salable": {"93": {"50": ["11"]}, "142": {"166": ["11"]}},
}
ELEMENT = '<stockbell-notify product-id="30" sold-out="12 13 14"></stockbell-notify>'
BODY = """<!doctype html><title>Shirt</title>{element}
<form id="form"><input type="hidden" name="selected_configurable_option" value="">
<div id="swatches"></div>
<div id="selects"><select data-attribute="93"></select><select data-attribute="142"></select></div></form>"""


class Shop:
    """A product page with the module's scripts."""

    def __init__(self, page: Page, element: str = ELEMENT) -> None:
        self.page = page
        page.set_content(BODY.format(element=element))
        page.add_script_tag(content=(STUBS / "magento.js").read_text())
        page.add_script_tag(content=(MODULE / "view/frontend/requirejs-config.js").read_text())
        for path in sorted((MODULE / "view/frontend/web/js").glob("*.js")):
            page.evaluate("(name) => { window.nameOfNext = name }", f"Stockbell_BackInStock/js/{path.stem}")
            page.add_script_tag(content=path.read_text())

    def draw_swatches(self, config: dict[str, Any] | None = None, preselected: dict[str, str] | None = None) -> None:
        self.page.evaluate(
            """(options) => {
              const Renderer = load("Magento_Swatches/js/swatch-renderer");
              window.renderer = new Renderer(options, document.querySelector("#swatches"));
            }""",
            {"jsonConfig": config or CONFIG, "preselected": preselected},
        )

    def draw_selects(self, values: dict[str, str] | None = None, **changes: Any) -> None:
        config = CONFIG | {"attributes": {one["id"]: one for one in CONFIG["attributes"]}} | changes  # type: ignore[attr-defined, index]
        self.page.evaluate(
            """(options) => {
              const Configurable = load("Magento_ConfigurableProduct/js/configurable");
              new Configurable(options, document.querySelector("#form"));
            }""",
            {"spConfig": config, "values": values},
        )

    def click(self, label: str) -> None:
        self.page.locator(".swatch-option", has_text=re.compile(f"^{label}$")).evaluate("(swatch) => swatch.click()")

    def select(self, attribute: str, value: str) -> None:
        self.page.select_option(f"[data-attribute='{attribute}']", value)

    @property
    def told(self) -> tuple[str | None, str | None, str | None]:
        """What the element was told: variant, whether it can be bought, title."""
        return tuple(  # type: ignore[return-value]
            self.page.locator("stockbell-notify").get_attribute(name)
            for name in ("variant-id", "available", "variant-title")
        )

    def classes(self, label: str) -> set[str]:
        swatch = self.page.locator(".swatch-option", has_text=re.compile(f"^{label}$"))
        return set((swatch.get_attribute("class") or "").split())


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
class TestScripts:
    @pytest.fixture
    def page(self, browser: Browser) -> Iterator[Page]:
        context = browser.new_context()
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        context.close()
        assert problems == []

    def test_the_element_follows_swatches(self, page: Page) -> None:
        shop = Shop(page)
        shop.draw_swatches()
        assert shop.told == (None, "true", None)
        shop.click("Red")
        assert shop.told == (None, "true", None), "the choice is not complete"
        shop.click("S")
        assert shop.told == ("11", "true", "Red / S")
        shop.click("M")
        assert shop.told == ("12", "false", "Red / M")
        shop.click("M")
        assert shop.told == (None, "true", None), "taken back"

    def test_sold_out_swatches_can_be_chosen_and_look_sold_out(self, page: Page) -> None:
        shop = Shop(page)
        shop.draw_swatches()
        assert shop.classes("Blue") == {"swatch-option", "stockbell-sold-out"}
        assert shop.classes("M") == {"swatch-option", "stockbell-sold-out"}
        assert shop.classes("Red") == {"swatch-option"}
        assert shop.classes("Green") == {"swatch-option", "disabled"}, "what was never made cannot be chosen"
        shop.click("Blue")
        shop.click("M")
        assert shop.told == ("14", "false", "Blue / M")

    def test_swatches_of_the_pages_address_count(self, page: Page) -> None:
        shop = Shop(page)
        shop.draw_swatches(preselected={"93": "51", "142": "166"})
        assert shop.told == ("13", "false", "Blue / S")

    def test_pages_without_the_element_stay_as_magento_draws_them(self, page: Page) -> None:
        shop = Shop(page, element="")
        shop.draw_swatches()
        assert "disabled" in shop.classes("Blue")
        shop.draw_selects()
        assert page.locator("[data-attribute='93'] option[value='51']").is_disabled()

    def test_without_magentos_word_the_list_of_the_page_counts(self, page: Page) -> None:
        # Before Magento 2.4.4, or where another module writes the options.
        shop = Shop(page)
        config = {
            key: value for key, value in CONFIG.items() if key not in {"salable", "canDisplayShowOutOfStockStatus"}
        }
        shop.draw_swatches(config)
        shop.click("Red")
        shop.click("M")
        assert shop.told == ("12", None, "Red / M")
        assert page.locator("stockbell-notify").get_attribute("sold-out") == "12 13 14"

    def test_swatches_of_another_product_change_nothing(self, page: Page) -> None:
        shop = Shop(page)
        shop.draw_swatches(CONFIG | {"productId": "31"})
        shop.click("Red")
        shop.click("S")
        assert shop.told == (None, None, None)

    def test_swatches_without_data_break_nothing(self, page: Page) -> None:
        page.add_init_script("")
        shop = Shop(page)
        shop.draw_swatches({"productId": "30", "attributes": []})
        assert shop.told == (None, "true", None)

    def test_the_element_follows_drop_downs(self, page: Page) -> None:
        shop = Shop(page)
        shop.draw_selects()
        assert shop.told == (None, "true", None)
        shop.select("93", "50")
        assert shop.told == (None, "true", None), "the choice is not complete"
        shop.select("142", "166")
        assert shop.told == ("11", "true", "Red / S")
        shop.select("142", "167")
        assert shop.told == ("12", "false", "Red / M")
        shop.select("93", "51")
        assert shop.told == (None, "true", None), "another color, no size yet"
        assert page.locator("[name=selected_configurable_option]").input_value() == "12", "Magento's own stays behind"
        shop.select("142", "167")
        assert shop.told == ("14", "false", "Blue / M")
        shop.select("93", "")
        assert shop.told == (None, "true", None)

    def test_sold_out_options_can_be_chosen_and_say_so(self, page: Page) -> None:
        page.evaluate("() => { window.translations = { 'sold out': 'ausverkauft' } }")
        shop = Shop(page)
        page.evaluate("() => { window.translations = { 'sold out': 'ausverkauft' } }")
        shop.draw_selects()
        options = page.locator("[data-attribute='93'] option").all_inner_texts()
        assert options == ["Choose an Option...", "Red +1.00", "Blue +1.00 (ausverkauft)"]
        assert page.locator("[data-attribute='93'] option:disabled").count() == 0

    def test_drop_downs_of_the_pages_address_count(self, page: Page) -> None:
        shop = Shop(page)
        shop.draw_selects({"93": "51", "142": "166"})
        assert shop.told == ("13", "false", "Blue / S")

    def test_the_address_of_a_signed_in_customer_comes_from_private_data(self, page: Page) -> None:
        start = """async (stored) => {
          window.stored = stored;
          window.answer = { email: "ada@example.com" };
          load("Stockbell_BackInStock/js/customer")({}, document.querySelector("stockbell-notify"));
          load("Stockbell_BackInStock/js/customer")({}, document.querySelector("stockbell-notify"));
          await new Promise((done) => setTimeout(done, 20));
          return [loaded, document.querySelector("stockbell-notify").getAttribute("customer-email")];
        }"""
        known = {"customer": {"fullname": "Ada"}, "stockbell": {"email": "eve@example.com", "data_id": 1}}
        for stored, expected in (
            ({}, [0, None]),
            ({"customer": {}}, [0, None]),
            ({"customer": {"fullname": "Ada"}}, [1, "ada@example.com"]),
            (known, [0, "eve@example.com"]),
        ):
            Shop(page)
            assert page.evaluate(start, stored) == expected
        page.evaluate("() => load('Magento_Customer/js/customer-data').get('stockbell')({})")
        assert page.locator("stockbell-notify").get_attribute("customer-email") is None, "signed out"
