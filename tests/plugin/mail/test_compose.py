import dataclasses
import re
from datetime import UTC, datetime
from decimal import Decimal
from email.message import EmailMessage
from typing import Any

import pytest

from plugin.domain.outbox import ClaimedMessage
from plugin.domain.rules import RestockSettings
from plugin.domain.shops import Shop
from plugin.mail import links
from plugin.mail.compose import Composer, Item, available_locales, shown_price, supported_locale
from tests.plugin.mail.test_mime import body, parse

SECRET = "s" * 40
HOST = "https://alerts.example"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ITEM = Item(
    product_title="Linen shirt",
    variant_title="Size M",
    url="https://shop.example/p?variant=1&x=2",
    image_url="https://shop.example/p.png",
    price=Decimal("19.90"),
    currency="EUR",
)
SHOP = Shop(
    id=7,
    version="1",
    platform="custom",
    name="Fern",
    domain="https://www.shop.example",
    public_key="pk",
    locale="en",
    currency="",
    rules=RestockSettings(),
    locations=None,
    double_opt_in=True,
    sender_name="",
    sender_email="",
    postal_address="",
    feed="",
    feed_interval_seconds=900,
    feed_max_loss_percent=20,
)
MESSAGE = ClaimedMessage(
    id=11,
    attempt=1,
    kind="restock",
    release_id=3,
    subscription_id=5,
    variant_id="v1",
    email="ann@example.com",
    locale="en",
    link_key=b"k" * 16,
    created_at=NOW,
)


def compose(kind: str = "restock", locale: str = "en", item: Item = ITEM, **of_shop: Any) -> EmailMessage:
    """The mail, as the reader's program sees it."""
    composer, shop = Composer(HOST, SECRET), dataclasses.replace(SHOP, **of_shop)
    prepared = composer.prepare(kind, locale, shop, item, NOW)
    envelope = composer.fill(prepared, shop, dataclasses.replace(MESSAGE, kind=kind))
    assert envelope.recipient == MESSAGE.email
    return parse(envelope.content)


def text_and_html(message: EmailMessage) -> tuple[str, str]:
    return body(message, "plain"), body(message, "html")


def test_an_alert_has_every_header_that_mailbox_providers_ask_for() -> None:
    message = compose()

    token = links.make_token(SECRET, "unsubscribe", 5, b"k" * 16)
    assert message["List-Unsubscribe"] == f"<{HOST}/u/{token}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "<alerts.7.shop.example>"
    assert message["From"] == "Fern <alerts@shop.example>"
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == "Linen shirt \N{EN DASH} Size M is back in stock"
    assert message["Date"].datetime == NOW
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    assert re.fullmatch(r"<11\.[0-9a-f]{16}@alerts.example>", message["Message-ID"])
    for name in set(message.keys()):
        assert len(message.get_all(name, [])) == 1, name


def test_an_alert_names_item_variant_price_and_both_links() -> None:
    text, html = text_and_html(compose(postal_address="Long Lane 1\n12345 Town"))

    token = links.make_token(SECRET, "unsubscribe", 5, b"k" * 16)
    for part in (text, html):
        for words in ("Linen shirt", "Size M", "€19.90", f"{HOST}/u/{token}", "Fern", "Long Lane 1", "12345 Town"):
            assert words in part
    assert "https://shop.example/p?variant=1&x=2" in text
    assert 'href="https://shop.example/p?variant=1&amp;x=2"' in html
    assert 'src="https://shop.example/p.png"' in html
    assert re.search(r"Long Lane 1\s*<br ?/?>\s*12345 Town", html)


def test_message_id_is_the_same_for_every_attempt_and_another_for_every_message() -> None:
    composer = Composer(HOST, SECRET)

    def message_id(**changes: Any) -> str:
        prepared = composer.prepare("restock", "en", SHOP, ITEM, NOW)
        message = dataclasses.replace(MESSAGE, **changes)
        return str(parse(composer.fill(prepared, SHOP, message).content)["Message-ID"])

    assert message_id(attempt=1) == message_id(attempt=2)
    assert message_id(id=12) != message_id(id=11)
    assert Composer(HOST, "x" * 40)._message_id(MESSAGE) not in message_id()


def test_a_confirmation_sells_nothing() -> None:
    message = compose("confirmation", postal_address="Long Lane 1")
    text, html = text_and_html(message)

    token = links.make_token(SECRET, "confirm", 5, b"k" * 16)
    assert "List-Unsubscribe" not in message
    assert "List-Unsubscribe-Post" not in message
    for part in (text, html):
        assert f"{HOST}/c/{token}" in part
        assert "/u/" not in part
        assert "Linen shirt" in part
        assert "19.90" not in part
        assert "Long Lane 1" in part
    assert "https://shop.example/p" not in text + html
    assert "<img" not in html


def test_no_address_is_in_any_link() -> None:
    for kind in ("restock", "confirmation"):
        for part in text_and_html(compose(kind)):
            assert "ann" not in part
            assert "example.com" not in part


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Färn & Söhne", "Färn & Söhne"),
        ('The "Best", Shop; <x@y.example>', 'The "Best", Shop; <x@y.example>'),
        ("赤い靴", "赤い靴"),
        ("a\r\nBcc: eve@example.com", "a Bcc: eve@example.com"),
        ("back\\slash", "back\\slash"),
        ("a, b@c.example", "a, b@c.example"),
    ],
)
def test_the_sender_is_one_address_whatever_the_shop_is_called(name: str, shown: str) -> None:
    message = compose(sender_name=name)

    (address,) = message["From"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "alerts@shop.example")
    assert "Bcc" not in message


@pytest.mark.parametrize(
    "title",
    [
        'Say "hi" <b>',
        "Größe 42",
        "赤い靴 " * 30,
        "a\r\nBcc: eve@example.com",
        "{{ link }}",
        "{% raw %}",
        "=?utf-8?q?x?=",
    ],
)
def test_the_subject_holds_any_title(title: str) -> None:
    message = compose(item=dataclasses.replace(ITEM, product_title=title, variant_title=""))

    assert message["Subject"] == f"{' '.join(title.split())} is back in stock"
    assert "Bcc" not in message


def test_own_sender_address_is_used() -> None:
    message = compose(sender_email="hello@news.shop.example", sender_name="News")

    assert message["From"] == "News <hello@news.shop.example>"
    assert message["List-Id"] == "<alerts.7.news.shop.example>"
    assert message["Message-ID"].endswith("@alerts.example>")  # whatever the sender is


def test_what_the_catalog_says_is_escaped_in_html_and_plain_in_text() -> None:
    item = dataclasses.replace(
        ITEM,
        product_title='<script>alert(1)</script> & "co"',
        variant_title="<img src=x>",
        url='https://shop.example/?a="><script>',
        image_url='https://shop.example/" onerror="x',
    )
    text, html = text_and_html(compose(item=item, name="<b>Fern</b>", postal_address="<i>Lane</i>"))

    assert "<script>" not in html
    assert "<img src=x>" not in html
    assert 'onerror="x' not in html
    assert "<b>Fern" not in html
    assert "<i>Lane" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in html
    assert '<script>alert(1)</script> & "co"' in text


@pytest.mark.parametrize("title", ["\x02link\x03", "\x02nothing\x03", "a\x00b", "a\x07b", "\ud800"])
def test_control_characters_of_a_catalog_do_no_harm(title: str) -> None:
    for part in text_and_html(compose("confirmation", item=dataclasses.replace(ITEM, product_title=title))):
        assert part.count("/c/") == 1
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", part)


def test_liquid_in_a_title_is_only_text() -> None:
    for part in text_and_html(compose(item=dataclasses.replace(ITEM, product_title="{{ shop.name }}{% if %}"))):
        assert "{{ shop.name }}{% if %}" in part


def test_an_item_without_variant_picture_and_price_is_whole() -> None:
    text, html = text_and_html(
        compose(item=dataclasses.replace(ITEM, variant_title="", image_url="", price=None, currency=""))
    )

    assert "<img" not in html
    assert "None" not in text + html
    assert "\n\n\n" not in text
    assert "Linen shirt\n\n" in text


def test_a_german_reader_gets_a_german_mail() -> None:
    message = compose(locale="de-AT")
    text, html = text_and_html(message)

    assert message["Subject"] == "Linen shirt \N{EN DASH} Size M ist wieder da"
    assert "Jetzt kaufen" in text
    assert "19,90\N{NO-BREAK SPACE}€" in text
    assert re.search(r'<html[^>]* lang="de"', html)
    assert "Bitte bestätige" in body(compose("confirmation", "de"), "plain")


@pytest.mark.parametrize(
    ("wanted", "language"),
    [(("de",), "de"), (("de_AT",), "de"), (("DE-at",), "de"), (("fr", "de"), "de"), (("", ""), "en"), (("fr",), "en")],
)
def test_language_is_the_readers_else_the_shops_else_english(wanted: tuple[str, ...], language: str) -> None:
    assert supported_locale(*wanted) == language
    assert available_locales() == {"de", "en"}


@pytest.mark.parametrize(
    ("price", "currency", "of_shop", "language", "shown"),
    [
        ("19.90", "EUR", "", "en", "€19.90"),
        ("1234.5", "USD", "", "en", "$1,234.50"),
        ("1234.5", "EUR", "", "de", "1.234,50\N{NO-BREAK SPACE}€"),
        ("500", "JPY", "", "en", "¥500"),
        ("5", "", "GBP", "en", "£5.00"),
        ("5.50", "", "", "en", "5.50"),
        ("0", "EUR", "", "en", "€0.00"),
        (None, "EUR", "", "en", ""),
    ],
)
def test_prices_are_written_as_the_reader_writes_them(
    price: str | None, currency: str, of_shop: str, language: str, shown: str
) -> None:
    item = dataclasses.replace(ITEM, price=price and Decimal(price), currency=currency)

    assert shown_price(item, dataclasses.replace(SHOP, currency=of_shop), language) == shown


@pytest.mark.parametrize("kind", ["restock", "confirmation"])
def test_html_can_be_read_without_pictures_and_by_a_screen_reader(kind: str) -> None:
    html = body(compose(kind), "html")

    assert re.search(r'<html[^>]* lang="en"', html)
    assert "<title>" in html
    for picture in re.findall(r"<img[^>]*>", html):
        assert re.search(r'alt="[^"]+"', picture)
    assert not re.search(r"<script|javascript:|<form|<link", html)
    assert len(html) < 90_000  # longer ones are cut by Gmail
    for table in re.findall(r"<table[^>]*>", html):
        assert 'role="presentation"' in table or 'role="none"' in table
