import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin.web import widget
from tests.factories import ShopKeys, change, make_shop, messages, set_stock, states
from tests.plugin.web.support import only_subscription, rows, visible_text

LOADER = 'window.loaded = "__STOCKBELL_CONFIG__";'


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a built widget."""
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"loader": "loader.js", "form": "form-abc.js"}')
    (folder / "loader.js").write_text(LOADER)
    (folder / "form-abc.js").write_text("export const form = 'ö';")
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.setattr(widget, "DIST", folder)
    widget._built.cache_clear()
    yield folder
    widget._built.cache_clear()


def test_the_loader_holds_exactly_the_shops_configuration(
    client: FlaskClient, engine: Engine, dist: Path, shop: ShopKeys
) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example", locale="de")
    change(engine, shop, sender_email="private@example.com", feed="https://shop.example/secret-feed")

    response = client.get(f"/s/{shop.public_key}.js")

    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    found = re.fullmatch(r"window\.loaded = (\{.*\});", response.text)
    assert found
    host = "http://127.0.0.1:8000"
    assert json.loads(found[1]) == {
        "api": f"{host}/api/v1/storefront/{shop.public_key}",
        "form": f"{host}/widget/form-abc.js",
        "hosted": f"{host}/n/{shop.public_key}/",
        "locale": "en",
        "look": {},
        "marketing": False,
        "texts": {},
    }
    assert other.public_key not in response.text
    assert '"locale": "de"' in client.get(f"/s/{other.public_key}.js").text


def test_the_loader_may_be_used_by_any_page_and_is_asked_for_again_soon(
    client: FlaskClient, engine: Engine, dist: Path, shop: ShopKeys
) -> None:
    first = client.get(f"/s/{shop.public_key}.js")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Set-Cookie" not in first.headers

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
    widget._built.cache_clear()

    response = client.get(f"/s/{shop.public_key}.js")

    assert response.status_code == 503
    assert response.mimetype == "text/javascript"
    assert "make setup" in response.text
    assert "max-age" not in response.headers.get("Cache-Control", "")


def test_the_widgets_files_never_change(client: FlaskClient, dist: Path) -> None:
    response = client.get("/widget/form-abc.js")

    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    assert "charset=utf-8" in response.headers["Content-Type"]
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    response.close()


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
        "form-abc.js/",
        "..\\secret.js",
        ".js",
        "a/b.js",
    ],
)
def test_nothing_else_is_served(client: FlaskClient, dist: Path, name: str) -> None:
    response = client.get(f"/widget/{name}")

    assert response.status_code in {308, 404}
    assert b"secret" not in response.data.replace(name.encode(), b"")


def test_hosted_form_signs_up_without_javascript(client: FlaskClient, engine: Engine) -> None:
    shop = make_shop(engine, double_opt_in=True)
    page = client.get(f"/n/{shop.public_key}/v1")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert '<label for="email">' in page.text

    response = client.post(
        f"/n/{shop.public_key}/v1",
        data={"email": "ann@example.com", "website": ""},
        headers={"Accept-Language": "de-AT,en;q=0.5"},
    )

    assert response.status_code == 200
    assert "Ein Klick dort bestätigt" in response.text
    row = only_subscription(engine, shop)
    assert (row["state"], row["locale"]) == ("unconfirmed", "de-AT")
    assert len(messages(engine, shop)) == 1


@pytest.mark.parametrize("email", ["", "nonsense", "a@b\0.com", '"><script>alert(1)</script>'])
def test_scenario_06_hosted_form_keeps_what_was_typed_and_names_the_fault(
    client: FlaskClient, engine: Engine, shop: ShopKeys, email: str
) -> None:
    before = rows(engine)

    response = client.post(f"/n/{shop.public_key}/v1", data={"email": email})

    assert response.status_code == 422
    assert 'aria-invalid="true" aria-describedby="email-error"' in response.text
    assert "<script" not in response.text
    assert rows(engine) == before


def test_hosted_form_lets_robots_believe(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    before = rows(engine)
    data = {"email": "bot@example.com", "website": "x"}

    robot = client.post(f"/n/{shop.public_key}/v1", data=data)

    assert rows(engine) == before
    human = client.post(f"/n/{shop.public_key}/v1", data={**data, "website": ""})
    assert (robot.status_code, robot.text) == (human.status_code, human.text)


def test_scenario_09_hosted_form_says_when_the_item_is_available(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    set_stock(engine, shop, 2)

    page = visible_text(client.get(f"/n/{shop.public_key}/v1").text)

    assert "It is available right now" in page
    assert "Go to the item" in page


def test_scenario_07_hosted_form_of_an_unknown_variant_is_not_found(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    other = make_shop(engine, domain="https://other.example", variants=["only-there"])
    before = rows(engine)

    for path in (f"/n/{shop.public_key}/only-there", f"/n/{shop.public_key}/zz", "/n/nobody/v1"):
        assert client.get(path).status_code == 404
        assert client.post(path, data={"email": "ann@example.com"}).status_code == 404
    assert rows(engine) == before
    assert client.get(f"/n/{other.public_key}/only-there").status_code == 200


def test_a_strange_language_header_is_no_obstacle(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    for number, language in enumerate(["*", "x" * 200, "de;q=x", "\xff", "", "de-" + "a" * 60]):
        response = client.post(
            f"/n/{shop.public_key}/v1",
            data={"email": f"p{number}@example.com"},
            headers={"Accept-Language": language},
        )
        assert response.status_code == 200
    assert len(states(engine, shop)) == 6


def test_hosted_form_shows_an_item_without_picture_and_options(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE variant SET image_url = '', variant_title = '', url = ''"))

    assert "<img" not in client.get(f"/n/{shop.public_key}/v1").text
