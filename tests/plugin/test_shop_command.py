"""`stockbell shop`: shops are made, and move."""

import json

from sqlalchemy import Engine

from plugin.settings import Settings
from tests.factories import ShopKeys, load
from tests.processes import run_stockbell


def test_a_shop_has_every_address_that_it_was_made_with(settings: Settings, engine: Engine) -> None:
    made = run_stockbell(
        settings,
        "shop",
        "create",
        "--name",
        "Fern",
        "--domain",
        "https://fern.example",
        "--domain",
        "https://fern.shop/",
    )

    assert made.returncode == 0, made.stderr
    keys = json.loads(made.stdout)
    shop = load(engine, ShopKeys(int(keys["shop_id"]), keys["public_key"], keys["api_key"]))
    assert (shop.domain, shop.other_domains) == ("https://fern.example", ("https://fern.shop",))


def test_a_shop_moves(settings: Settings, engine: Engine, shop: ShopKeys) -> None:
    number = str(shop.id)
    refused = run_stockbell(
        settings, "shop", "domains", "--shop", number, "--domain", "https://a.example", "--domain", "b"
    )
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (1, "", 1), refused.stderr
    assert "other_domains: each must look like https://shop.example" in refused.stderr
    assert load(engine, shop).domain == "https://shop.example"

    moved = run_stockbell(settings, "shop", "domains", "--shop", number, "--domain", "https://a.example")
    assert (moved.returncode, moved.stdout) == (0, "https://a.example\n"), moved.stderr
    assert load(engine, shop).domain == "https://a.example"


def test_a_shop_is_removed_only_when_one_means_it(settings: Settings, engine: Engine, shop: ShopKeys) -> None:
    number = str(shop.id)
    asked = run_stockbell(settings, "shop", "remove", "--shop", number)
    assert asked.returncode == 1
    assert load(engine, shop).name

    removed = run_stockbell(settings, "shop", "remove", "--shop", number, "--yes")
    assert (removed.returncode, removed.stdout) == (0, "Fern is removed.\n"), removed.stderr
    again = run_stockbell(settings, "shop", "remove", "--shop", number, "--yes")
    assert again.returncode == 1
    assert f"there is no shop {number}" in again.stderr


def test_a_shop_of_a_platform_that_installs_the_app_is_not_made_by_hand(settings: Settings) -> None:
    done = run_stockbell(
        settings, "shop", "create", "--platform", "shopify", "--name", "Fern", "--domain", "https://fern.example"
    )

    assert done.returncode == 1
    assert done.stderr.startswith("stockbell: platform: shopify: its shops come in when they install the app")
