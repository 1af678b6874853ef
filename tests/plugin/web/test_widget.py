import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from plugin import widget_build
from tests.factories import ShopKeys, change, make_shop
from tests.plugin.web.support import rows

LOADER = 'window.loaded = "__STOCKBELL_SETTINGS__";'
VERSION = "0123456789ab"
FORM = f"/widget/{VERSION}/form.js"


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a built widget."""
    folder = tmp_path / "dist"
    (folder / VERSION).mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"version": VERSION, "loader": f"{VERSION}/loader.js"}))
    (folder / VERSION / "loader.js").write_text(LOADER)
    (folder / VERSION / "klaviyo.js").write_text(f"klaviyo; {LOADER}")
    (folder / VERSION / "bigcommerce.js").write_text("bigcommerce;")
    (folder / VERSION / "form.js").write_text("export const form = 'ö';" * 20)
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.setattr(widget_build, "DIST", folder)
    forget()
    yield folder
    forget()


def forget() -> None:
    """What the process remembers of the build."""
    widget_build.manifest.cache_clear()
    widget_build.texts.cache_clear()
    widget_build.built.cache_clear()


def test_the_loader_holds_exactly_the_shops_settings(
    client: FlaskClient, engine: Engine, dist: Path, shop: ShopKeys
) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example", locale="de")
    change(engine, shop, sender_email="private@example.com", feed="https://shop.example/secret-feed")

    response = client.get(f"/s/{shop.public_key}.js")

    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    found = re.fullmatch(r"window\.loaded = (\{.*\});", response.text)
    assert found
    assert json.loads(found[1]) == {"host": "http://127.0.0.1:8000", "key": shop.public_key, "locale": "en"}
    assert client.get(f"/s/{shop.public_key}.json").get_json() == json.loads(found[1])
    assert client.get(f"/s/{shop.public_key}/klaviyo.js").text == f"klaviyo; {response.text}"
    assert client.get(f"/s/{shop.public_key}/bigcommerce.js").text == "bigcommerce;"
    assert client.get("/s/unknown/bigcommerce.js").status_code == 404
    assert other.public_key not in response.text
    assert '"locale":"de"' in client.get(f"/s/{other.public_key}.js").text


def test_the_loader_carries_look_fields_and_words(
    client: FlaskClient, engine: Engine, dist: Path, shop: ShopKeys
) -> None:
    wanted = {
        "widget_accent": "#FFcc00",
        "widget_radius": 0,
        "widget_fields": ["phone", "marketing"],
        "widget_texts": {"de": {"button": "Klingeln"}},
        "widget_events": True,
    }
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    answer = client.patch("/api/v1/settings", json=wanted, headers=headers)
    assert answer.status_code == 200
    assert {name: answer.get_json()[name] for name in wanted} == wanted

    settings = client.get(f"/s/{shop.public_key}.json").get_json()

    assert settings["look"] == (
        "--accent:var(--stockbell-accent,#FFcc00);--on-accent:var(--stockbell-on-accent,#000);"
        "--radius:var(--stockbell-radius,0px)"
    )
    assert settings["fields"] == ["phone", "marketing"]
    assert settings["events"] is True
    assert settings["texts"] == {"de": {"button": "Klingeln"}}


def test_a7_what_a_shopper_loads_stays_within_the_size_budget(client: FlaskClient, engine: Engine) -> None:
    compressed = {"Accept-Encoding": "br"}
    version = widget_build.manifest()["version"]
    sizes = {
        name: len(client.get(f"/widget/{version}/{name}.js", headers=compressed).data)
        for name in ["form", *widget_build.manifest()["locales"]]
    }
    longest = max(size for name, size in sizes.items() if name != "form")

    # A shop's key and settings are part of its loader, and no two compress alike.
    for number in range(8):
        shop = make_shop(engine, domain=f"https://shop{number}.example", locale="de")
        change(engine, shop, widget_accent="#1a4fd6", widget_radius=12)
        response = client.get(f"/s/{shop.public_key}.js", headers=compressed)
        assert response.headers["Content-Encoding"] == "br"
        assert len(response.data) <= 3000
        assert len(response.data) + sizes["form"] + longest <= 8000


@pytest.mark.parametrize(
    ("colour", "text_on_it"),
    [("#000000", "#fff"), ("#ffffff", "#000"), ("#0b5d3b", "#fff"), ("#767676", "#000"), ("#737373", "#fff")],
)
def test_text_on_the_button_is_the_one_that_can_be_read(
    client: FlaskClient, engine: Engine, dist: Path, shop: ShopKeys, colour: str, text_on_it: str
) -> None:
    change(engine, shop, widget_accent=colour)

    look = client.get(f"/s/{shop.public_key}.json").get_json()["look"]
    assert f"--on-accent:var(--stockbell-on-accent,{text_on_it})" in look


@pytest.mark.parametrize(
    ("change_to", "field"),
    [
        ({"widget_accent": "red; }"}, "widget_accent"),
        ({"widget_accent": "#12345g"}, "widget_accent"),
        ({"widget_accent": None}, "widget_accent"),
        ({"widget_radius": 41}, "widget_radius"),
        ({"widget_radius": -1}, "widget_radius"),
        ({"widget_radius": "8"}, "widget_radius"),
        ({"widget_fields": ["fax"]}, "widget_fields.0"),
        ({"widget_fields": "phone"}, "widget_fields"),
        ({"widget_fields": ["phone", "phone"]}, "widget_fields"),
        ({"widget_texts": {"xx": {"button": "x"}}}, "widget_texts"),
        ({"widget_texts": {"de": {"buttn": "x"}}}, "widget_texts"),
        ({"widget_texts": {"deutsch": {"button": "x"}}}, "widget_texts.deutsch.key"),
        ({"widget_texts": {"de": {"button": "a\0b"}}}, "widget_texts.de.value.button.value"),
        ({"widget_texts": {"de": {"button": ""}}}, "widget_texts.de.value.button.value"),
    ],
)
def test_impossible_looks_are_refused(
    client: FlaskClient, engine: Engine, shop: ShopKeys, change_to: dict[str, object], field: str
) -> None:
    before = rows(engine)
    headers = {"Authorization": f"Bearer {shop.api_key}"}

    answer = client.patch("/api/v1/settings", json=change_to, headers=headers)

    assert answer.status_code == 422
    assert field in answer.get_json()["error"]["fields"]
    assert rows(engine) == before


@pytest.mark.parametrize(("accepted", "coding"), [("br, gzip", "br"), ("gzip", "gzip"), ("*", None), ("", None)])
def test_answers_are_as_small_as_the_browser_can_take_them(
    client: FlaskClient, dist: Path, shop: ShopKeys, accepted: str, coding: str | None
) -> None:
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    for path in (FORM, f"/s/{shop.public_key}.js"):
        plain = client.get(path)
        response = client.get(path, headers={"Accept-Encoding": accepted})

        assert response.headers.get("Content-Encoding") == coding
        assert "Accept-Encoding" in response.headers["Vary"]
        assert unpack(response.data) == plain.data


def test_the_loader_may_be_used_by_any_page_and_is_asked_for_again_soon(
    client: FlaskClient, engine: Engine, dist: Path, shop: ShopKeys
) -> None:
    first = client.get(f"/s/{shop.public_key}.js")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    for name in (f"{shop.public_key}.js", f"{shop.public_key}.json", f"{shop.public_key}/klaviyo.js"):
        each = client.get(f"/s/{name}", headers={"Origin": "https://anywhere.example"})
        assert each.headers["Access-Control-Allow-Origin"] == "*"
        assert each.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Set-Cookie" not in each.headers

    again = client.get(f"/s/{shop.public_key}.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "public, max-age=300"

    change(engine, shop, locale="de")
    changed = client.get(f"/s/{shop.public_key}.js", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_the_loader_of_an_unknown_shop_is_not_found(client: FlaskClient, engine: Engine, dist: Path) -> None:
    assert client.get("/s/nobody.js").status_code == 404


def test_a_widget_that_is_not_built_is_said_so(client: FlaskClient, dist: Path, shop: ShopKeys) -> None:
    (dist / "manifest.json").unlink()
    forget()

    response = client.get(f"/s/{shop.public_key}.js")

    assert response.status_code == 503
    assert response.mimetype == "text/javascript"
    assert "make setup" in response.text
    assert "max-age" not in response.headers.get("Cache-Control", "")


def test_the_widgets_files_never_change(client: FlaskClient, dist: Path) -> None:
    response = client.get(FORM)

    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    assert "charset=utf-8" in response.headers["Content-Type"]
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    response.close()


def test_a_loader_of_another_build_gets_the_present_files(client: FlaskClient, dist: Path) -> None:
    other = client.get("/widget/ba9876543210/form.js")

    assert (other.status_code, other.data) == (200, client.get(FORM).data)
    assert other.headers["Cache-Control"] == "public, max-age=300"
    assert client.get("/widget/ba9876543210/nothing.js").status_code == 404
    # Who pins a loader wants its very bytes.
    for name in ("loader.js", "klaviyo.js", "bigcommerce.js"):
        assert client.get(f"/widget/ba9876543210/{name}").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "../secret.js",
        "..%2Fsecret.js",
        "%2e%2e/secret.js",
        "x/../../secret.js",
        "/etc/passwd",
        "//etc/x.js",
        "manifest.json",
        "nothing.js",
        f"{VERSION}/form.js/",
        f"{VERSION}/nothing.js",
        "..\\secret.js",
        ".js",
        "a/b.js",
        "form.js",
    ],
)
def test_nothing_else_is_served(client: FlaskClient, dist: Path, name: str) -> None:
    response = client.get(f"/widget/{name}")

    assert response.status_code in {308, 404}
    assert b"secret" not in response.data.replace(name.encode(), b"")
