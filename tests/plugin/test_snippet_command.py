"""`stockbell snippet check` looks at a page of a shop; how it ends says whether all is well."""

import json

from sqlalchemy import Engine

from plugin.settings import Settings
from tests.factories import ShopKeys, make_shop
from tests.processes import run_stockbell
from tests.site import Site

BUTTON = '<stockbell-notify variant-id="v1" available="false"></stockbell-notify>'


def test_a_page_that_works_is_well(settings: Settings, engine: Engine, site: Site) -> None:
    shop = make_shop(engine, domain=site.origin)
    page = page_of(site, shop, BUTTON)

    done = run_stockbell(settings, "snippet", "check", "--shop", str(shop.id), "--page", page)

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[:5] for line in lines] == ["ok   "] * 5 + ["?    ", "     "]
    assert f"{page}#stockbell-check" in lines[-1]


def test_what_does_not_work_is_told_with_a_remedy_and_ends_with_1(
    settings: Settings, engine: Engine, site: Site
) -> None:
    shop = make_shop(engine, domain=site.origin)
    page = page_of(site, shop, '<stockbell-notify variant-id="z\x1b[2Jz"></stockbell-notify>')

    done = run_stockbell(settings, "snippet", "check", "--shop", str(shop.id), "--page", page)
    as_json = run_stockbell(settings, "snippet", "check", "--shop", str(shop.id), "--page", page, "--json")

    assert done.returncode == as_json.returncode == 1
    assert "BAD  Variants: Stockbell does not know z\N{REPLACEMENT CHARACTER}[2Jz." in done.stdout
    told = json.loads(as_json.stdout)
    assert (told["page"], told["well"]) == (page, False)
    assert [each["part"] for each in told["findings"] if each["ok"] is False] == ["Variants"]
    assert told["findings"][-1]["ok"] is None
    assert all(each["remedy"] for each in told["findings"] if not each["ok"])


def test_what_cannot_be_told_ends_with_3(settings: Settings, engine: Engine, site: Site) -> None:
    shop = make_shop(engine, domain=site.origin)
    page = page_of(site, shop, '<script src="/theme.js"></script>')

    done = run_stockbell(settings, "snippet", "check", "--shop", str(shop.id), "--page", page)

    assert done.returncode == 3
    assert "?    Buttons: " in done.stdout
    assert "BAD" not in done.stdout


def test_a_wrong_shop_or_address_is_one_line(settings: Settings, engine: Engine, shop: ShopKeys) -> None:
    for number, page, words in (
        (shop.id, "https://elsewhere.example/", "page: must be the address of a page of this shop"),
        (shop.id + 1, "https://shop.example/", "shop: there is no shop"),
    ):
        done = run_stockbell(settings, "snippet", "check", "--shop", str(number), "--page", page)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
        assert words in done.stderr


def page_of(site: Site, shop: ShopKeys, body: str) -> str:
    """Put a page with the shop's script on the site; returns its address."""
    page = f'<!doctype html><script src="http://127.0.0.1:8000/s/{shop.public_key}.js" async></script>{body}'
    return site.answer("/products/mug", body=page.encode(), Content_Type="text/html")
