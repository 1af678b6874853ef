import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin.web.limits import ADDRESS_LIMIT
from tests.factories import ShopKeys, change, make_shop, messages, set_stock, states
from tests.plugin.web.support import only_subscription, rows, visible_text


def test_hosted_form_signs_up_without_javascript(client: FlaskClient, engine: Engine) -> None:
    shop = make_shop(engine, double_opt_in=True)
    page = client.get(f"/n/{shop.public_key}/v1")
    assert page.status_code == 200
    assert '<html lang="en" dir="ltr">' in page.text
    assert "<script" not in page.text
    assert '<label for="email">' in page.text

    response = client.post(
        f"/n/{shop.public_key}/v1",
        data={"email": "ann@example.com", "website": ""},
        headers={"Accept-Language": "de-AT,en;q=0.5"},
    )

    assert response.status_code == 200
    assert "dann stehen Sie auf der Liste" in response.text
    assert "ann@example.com" in response.text
    row = only_subscription(engine, shop)
    assert (row["state"], row["locale"]) == ("unconfirmed", "de-AT")
    assert len(messages(engine, shop)) == 1


def test_hosted_form_asks_for_what_the_shop_wants_to_know(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    assert "phone" not in client.get(f"/n/{shop.public_key}/v1").text
    change(engine, shop, widget_fields=["phone", "quantity", "marketing"])
    page = client.get(f"/n/{shop.public_key}/v1").text
    assert 'name="marketing_consent">' in page  # unticked

    typed = {"email": "ann@example.com", "phone": "020 7946 0000", "quantity": "3", "marketing_consent": "on"}
    for wrong, field in [
        ({}, "phone"),
        ({"phone": "", "quantity": "0"}, "quantity"),
        ({"quantity": "a few"}, "quantity"),
    ]:
        refused = client.post(f"/n/{shop.public_key}/v1", data={**typed, **wrong})
        assert refused.status_code == 422
        assert f'aria-describedby="{field}-error"' in refused.text
        assert 'value="ann@example.com"' in refused.text
        assert 'name="marketing_consent" checked>' in refused.text
    assert states(engine, shop) == {}
    client.post(f"/n/{shop.public_key}/v1", data={**typed, "phone": "+44 20 (7946) 0000"})

    row = only_subscription(engine, shop)
    assert (row["phone"], row["quantity"], row["marketing_consent"]) == ("+442079460000", 3, True)


def test_hosted_form_speaks_the_visitors_language(client: FlaskClient, shop: ShopKeys) -> None:
    page = client.get(f"/n/{shop.public_key}/v1", headers={"Accept-Language": "he-IL,en;q=0.5"}).text

    assert '<html lang="he" dir="rtl">' in page


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

    assert "Good news" in page


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


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("email", "", "Bitte geben Sie Ihre E-Mail-Adresse ein"),
        ("email", "ann@", "Bitte prüfen Sie die Adresse"),
        ("phone", "12", "Bitte geben Sie die Telefonnummer mit Landesvorwahl an"),
        ("quantity", "0", "eine ganze Zahl von 1 bis 9999"),
        ("quantity", "ein paar", "eine ganze Zahl von 1 bis 9999"),
    ],
)
def test_hosted_form_names_each_fault_in_the_visitors_language(
    client: FlaskClient, engine: Engine, shop: ShopKeys, field: str, typed: str, words: str
) -> None:
    change(engine, shop, widget_fields=["phone", "quantity"])
    data = {"email": "ann@example.com", field: typed}

    refused = client.post(f"/n/{shop.public_key}/v1", data=data, headers={"Accept-Language": "de"})

    assert refused.status_code == 422
    found = re.search(rf'<p class="error" id="{field}-error">([^<]*)</p>', refused.text)
    assert found
    assert words in found[1]


@pytest.mark.parametrize(
    ("header", "locale", "language", "direction"),
    [
        ("de-AT,en;q=0.5", "en", "de", "ltr"),
        ("tlh", "de", "de", "ltr"),
        ("", "ar", "ar", "rtl"),
        ("no", "en", "nb", "ltr"),
        ("nn-NO", "en", "nb", "ltr"),
        ("tlh", "eo", "en", "ltr"),
    ],
)
def test_hosted_form_speaks_the_visitors_language_else_the_shops(
    client: FlaskClient, engine: Engine, shop: ShopKeys, header: str, locale: str, language: str, direction: str
) -> None:
    change(engine, shop, locale=locale)

    page = client.get(f"/n/{shop.public_key}/v1", headers={"Accept-Language": header}).text

    assert f'<html lang="{language}" dir="{direction}">' in page


def test_hosted_form_has_the_shops_own_words(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, widget_texts={"en": {"title": "Ring the bell"}, "de": {"title": "Klingeln"}})

    assert "<h1>Ring the bell</h1>" in client.get(f"/n/{shop.public_key}/v1").text


def test_hosted_form_judges_stock_by_the_variants_own_rules(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    set_stock(engine, shop, 2)
    path = "/api/v1/settings/overrides/variant/v1"
    assert client.put(path, json={"minimum_inventory": 5}, headers=shop.authorization).status_code == 200

    assert "Good news" not in client.get(f"/n/{shop.public_key}/v1").text


def test_hosted_form_takes_only_what_it_asks_for(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    typed = {"email": "ann@example.com", "phone": "nonsense", "quantity": "-7", "marketing_consent": "on"}

    assert client.post(f"/n/{shop.public_key}/v1", data=typed).status_code == 200

    row = only_subscription(engine, shop)
    assert (row["phone"], row["quantity"], row["marketing_consent"]) == (None, None, False)


def test_hosted_form_asks_for_patience_in_the_visitors_language(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    path, typed, headers = f"/n/{shop.public_key}/v1", {"email": "ann@example.com"}, {"Accept-Language": "de"}
    for _ in range(ADDRESS_LIMIT):
        assert client.post(path, data=typed, headers=headers).status_code == 200

    refused = client.post(path, data=typed, headers=headers)

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) in range(1, 61)
    assert re.search(r"Zu viele Versuche\. .* in (1 Minute|\d+ Sekunden?) ", visible_text(refused.text))
    assert 'value="ann@example.com"' in refused.text


def test_hosted_form_has_the_shops_look(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, widget_accent="#ffcc00", widget_radius=20)
    found = re.search(r'<link rel="stylesheet" href="(/s/[^"]+)">', client.get(f"/n/{shop.public_key}/v1").text)
    assert found

    sheet = client.get(found[1])

    assert sheet.mimetype == "text/css"
    assert "--accent: #ffcc00; --on-accent: #000; --radius: 20px;" in sheet.text
    assert client.get("/s/unknown.css").status_code == 404
