"""Composes messages: the shop's look and the product's facts once, then each person's links."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from babel.numbers import UnknownCurrencyError, format_currency
from liquid import BoundTemplate, Environment
from mjml import mjml2html

from integrations.channels.base import Envelope
from plugin.domain.outbox import ClaimedMessage
from plugin.domain.shops import Shop
from plugin.mail.links import PATHS, Purpose, make_token
from plugin.mail.mime import PreparedMail, blank, encoded_words, mailbox

FOLDER = Path(__file__).parent
FALLBACK_LOCALE = "en"
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Item:
    """The variant that a message is about, as it is at this moment."""

    product_title: str
    variant_title: str
    url: str
    image_url: str
    price: Decimal | None
    currency: str


class Composer:
    """Makes mails for one installation (its address and its key)."""

    def __init__(self, public_url: str, secret_key: str) -> None:
        """Keep what links are made from."""
        self._public_url = public_url
        self._secret_key = secret_key
        # Not the sender's domain, which the shop may change between two attempts of one message.
        self._host = urlsplit(public_url).hostname or "localhost"

    def prepare(self, kind: str, locale: str, shop: Shop, item: Item, now: Any) -> PreparedMail:
        """Everything of a mail that is the same for all who get it.

        Args:
            kind: "restock", "reminder" (a later message of the same flow) or "confirmation".
            locale: the reader's language; unknown ones fall back to the shop's, then to English.
            shop: the sender.
            item: what it is about.
            now: aware datetime for the Date header.
        """
        language = supported_locale(locale, shop.locale)
        texts = _texts(language)[kind]
        if kind == "reminder":  # the same mail in other words
            texts, kind = {**_texts(language)["restock"], **texts}, "restock"
        name, address = shop.mail_from
        values = _values(kind, language, shop, item)
        words = {key: _plain().from_string(text).render(**values) for key, text in texts.items()}
        values = {**values, "words": words, "shop_name": name, "language": language}
        domain = address.rpartition("@")[2]
        headers = {
            "From": mailbox(_one_line(name), address),
            "Subject": encoded_words(_one_line(words["subject"]), before=len("Subject: ")),
            "Date": format_datetime(now),
            "List-Id": f"<alerts.{shop.id}.{domain}>",
        }
        personal = [
            ("To", f"<{blank('recipient')}>"),
            ("Message-ID", f"<{blank('message_id')}@{self._host}>"),
        ]
        if kind == "restock":
            personal += [("List-Unsubscribe", f"<{blank('link')}>")]
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        text, html = _template(kind, "txt"), _template(kind, "mjml")
        return PreparedMail(
            headers=headers, personal_headers=personal, text=text.render(**values), html=html.render(**values)
        )

    def fill(self, prepared: PreparedMail, shop: Shop, message: ClaimedMessage) -> Envelope:
        """The mail for one person."""
        purpose: Purpose = "unsubscribe" if message.kind == "restock" else "confirm"
        token = make_token(self._secret_key, purpose, message.subscription_id, message.link_key)
        content = prepared.fill(
            {
                "recipient": message.email,
                "message_id": self._message_id(message),
                "link": f"{self._public_url}/{PATHS[purpose]}/{token}",
            }
        )
        return Envelope(shop.mail_from[1], message.email, content)

    def _message_id(self, message: ClaimedMessage) -> str:
        """The same for every attempt, and not to be guessed."""
        mark = hmac.digest(self._secret_key.encode(), b"message\0%d" % message.id, hashlib.sha256)[:8]
        return f"{message.id}.{mark.hex()}"


def supported_locale(*wanted: str) -> str:
    """The first of the wanted languages that messages are written in, else English."""
    for tag in wanted:
        language = tag.replace("_", "-").partition("-")[0].lower()
        if language in available_locales():
            return language
    return FALLBACK_LOCALE


@cache
def available_locales() -> frozenset[str]:
    """Languages that messages are written in."""
    return frozenset(path.stem for path in (FOLDER / "texts").glob("*.json"))


def shown_price(item: Item, shop: Shop, language: str) -> str:
    """The price as people of that language write it; empty when unknown."""
    currency = item.currency or shop.currency
    if item.price is None or not currency:
        return "" if item.price is None else f"{item.price:f}"
    try:
        return format_currency(item.price, currency, locale=Locale.parse(language))
    except (UnknownCurrencyError, UnknownLocaleError):
        return f"{item.price:f} {currency}"


def _values(kind: str, language: str, shop: Shop, item: Item) -> dict[str, Any]:
    title, variant = _one_line(item.product_title), _one_line(item.variant_title)
    return {
        "shop": {"name": _one_line(shop.name), "address": _printable(shop.postal_address).strip()},
        "product": {
            "title": title,
            "variant": variant,
            "full_title": f"{title} \N{EN DASH} {variant}" if variant else title,
            "price": shown_price(item, shop, language),
            "url": _printable(item.url),
            "image": _printable(item.image_url),
        },
        "link": blank("link"),
        "kind": kind,
    }


@cache
def _texts(language: str) -> Mapping[str, Mapping[str, str]]:
    texts: Mapping[str, Mapping[str, str]] = json.loads((FOLDER / "texts" / f"{language}.json").read_text("utf-8"))
    return texts


@cache
def _plain() -> Environment:
    return Environment()


@cache
def _template(kind: str, form: str) -> BoundTemplate:
    source = _source(f"{kind}.{form}")
    if form == "mjml":
        return Environment(autoescape=True).from_string(mjml2html(source, include_loader=_source))
    return _plain().from_string(source)


def _source(path: str) -> str:
    return (FOLDER / "templates" / path).read_text("utf-8")


def _one_line(value: str) -> str:
    return " ".join(_printable(value).split())


def _printable(value: str) -> str:
    """Without what no mail may hold; the marks of blanks are among it."""
    return UNPRINTABLE.sub(" ", value)
