import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from tests.platforms.custom import DemoShop, create_shop_app, serve
from tests.platforms.custom.catalog import UnknownVariantError

SOLD_OUT, AVAILABLE = "710101", "710102"


@pytest.fixture
def shop() -> DemoShop:
    return DemoShop()


@pytest.fixture
def client(shop: DemoShop) -> Iterator[FlaskClient]:
    with create_shop_app("http://127.0.0.1:8000/", "KEY", shop).test_client() as client:
        yield client


def quantities(client: FlaskClient) -> dict[str, int]:
    return {item["id"]: item["inventory_quantity"] for item in client.get("/feed.json").json}


def test_has_a_believable_range(shop: DemoShop) -> None:
    ids = [variant.variant_id for _, variant in shop.variants()]

    assert len(shop.products) == 6
    assert len(set(ids)) == len(ids)
    assert all(2 <= len(product.variants) <= 4 for product in shop.products)
    assert 4 <= sum(shop.quantity(variant_id) == 0 for variant_id in ids) < len(ids) - 4


def test_every_page_has_the_snippet_as_a_shop_would_paste_it(client: FlaskClient, shop: DemoShop) -> None:
    for path in ["/", *(f"/products/{product.handle}" for product in shop.products)]:
        page = client.get(path).text
        assert '<script src="http://127.0.0.1:8000/s/KEY.js" async></script>' in page
        assert ("<stockbell-notify " in page) is (path != "/")


@pytest.mark.parametrize(("variant_id", "available"), [(SOLD_OUT, "false"), (AVAILABLE, "true")])
def test_page_shows_the_variant_of_the_address(variant_id: str, available: str, client: FlaskClient) -> None:
    page = client.get(f"/products/harbour-mug?variant={variant_id}").text

    assert f'<stockbell-notify product-id="7101" variant-id="{variant_id}" available="{available}">' in page
    assert ("disabled" in page) is (available == "false")
    assert re.search(rf'value="{variant_id}"\s+data-quantity="\d+" checked', page)


def test_pictures_are_drawn(client: FlaskClient, shop: DemoShop) -> None:
    for product in shop.products:
        answer = client.get(f"/images/{product.handle}.svg")
        assert answer.mimetype == "image/svg+xml"
        assert ElementTree.fromstring(answer.text).tag.endswith("svg")


@pytest.mark.parametrize("path", ["/products/none", "/images/none.svg", "/none"])
def test_unknown_pages_are_404(path: str, client: FlaskClient) -> None:
    assert client.get(path).status_code == 404


def test_buttons_change_the_stock_and_lead_back(client: FlaskClient) -> None:
    answer = client.post("/restock", data={"variant_id": SOLD_OUT})

    assert (answer.status_code, answer.location) == (303, f"/products/harbour-mug?variant={SOLD_OUT}")
    assert quantities(client)[SOLD_OUT] == 20
    client.post("/buy", data={"variant_id": SOLD_OUT})
    assert quantities(client)[SOLD_OUT] == 19
    client.post("/sell-out", data={"variant_id": SOLD_OUT})
    client.post("/buy", data={"variant_id": SOLD_OUT})
    assert quantities(client)[SOLD_OUT] == 0


def test_scripts_set_the_stock(client: FlaskClient) -> None:
    answer = client.post("/stock", json={"variant_id": SOLD_OUT, "quantity": 5})

    assert (answer.status_code, answer.json) == (200, {"variant_id": SOLD_OUT, "quantity": 5})
    assert quantities(client)[SOLD_OUT] == 5


@pytest.mark.parametrize(
    ("body", "status"),
    [({"variant_id": "none", "quantity": 1}, 404), ({"quantity": 1}, 404), ({"variant_id": SOLD_OUT}, 422),
     ({"variant_id": SOLD_OUT, "quantity": -1}, 422), ({"variant_id": SOLD_OUT, "quantity": "5"}, 422),
     ({"variant_id": SOLD_OUT, "quantity": True}, 422), ([], 422), (None, 422)],
)  # fmt: skip
def test_bad_stock_changes_nothing(body: object, status: int, client: FlaskClient) -> None:
    before = quantities(client)

    answer = client.post("/stock", json=body)

    assert answer.status_code == status
    assert "error" in answer.json
    assert quantities(client) == before


@pytest.mark.parametrize("path", ["/restock", "/buy", "/sell-out"])
def test_unknown_variant_is_404(path: str, client: FlaskClient) -> None:
    assert client.post(path, data={"variant_id": "none"}).status_code == 404


@pytest.mark.parametrize("path", ["/feed.json", "/feed.xml"])
def test_feed_answers_304_until_something_changes(path: str, client: FlaskClient, shop: DemoShop) -> None:
    tag = client.get(path).headers["ETag"]

    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    shop.add(SOLD_OUT, 1)
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_feeds_name_the_same_variants_and_places(client: FlaskClient) -> None:
    items = client.get("/feed.json").json
    tree = ElementTree.fromstring(client.get("/feed.xml").text)
    google = "{http://base.google.com/ns/1.0}"

    assert [item["id"] for item in items] == [element.text for element in tree.iter(f"{google}id")]
    for item in items:
        assert client.get(item["link"].removeprefix("http://localhost")).status_code == 200
        assert client.get(item["image_link"].removeprefix("http://localhost")).status_code == 200


def test_listener_hears_of_every_change() -> None:
    heard: list[tuple[str, int]] = []
    shop = DemoShop(lambda variant_id, quantity: heard.append((variant_id, quantity)))

    shop.add(SOLD_OUT, 20)
    shop.set_quantity(SOLD_OUT, 0)
    with pytest.raises(UnknownVariantError):
        shop.add("none", 1)

    assert heard == [(SOLD_OUT, 20), (SOLD_OUT, 0)]


def test_threads_lose_no_unit(shop: DemoShop) -> None:
    threads = [threading.Thread(target=lambda: [shop.add(SOLD_OUT, 1) for _ in range(200)]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert shop.quantity(SOLD_OUT) == 1000


def test_serves_on_an_origin_of_its_own(shop: DemoShop) -> None:
    shop_app = create_shop_app("http://127.0.0.1:8000", "KEY", shop)
    with serve(shop_app) as origin, urllib.request.urlopen(origin + "/feed.json") as answer:
        items = json.load(answer)

    assert items[0]["link"].startswith(origin + "/products/")
