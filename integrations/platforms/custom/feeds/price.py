"""Prices as feeds write them."""

import re

_PRICE = re.compile(r"(?:([A-Za-z]{3})\s*)?[$€£]?\s*([0-9][0-9.,' ]{0,20}?)\s*[$€£]?(?:\s*([A-Za-z]{3}))?")
_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?")
_GROUPED_BY_COMMA = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+")
_CURRENCY = re.compile(r"[A-Za-z]{3}")


def parse_price(text: str) -> tuple[str, str] | None:
    """Amount in major units and currency code: "19.99 USD" is ("19.99", "USD"); None when it is no price.

    The currency is empty when the text has none. The last comma or point is the decimal mark, except a lone
    comma with three digits after it, which groups thousands.
    """
    match = _PRICE.fullmatch(text.strip())
    if not match:
        return None
    amount = _decimal_point(match[2].replace(" ", "").replace("'", ""))
    return (amount, (match[1] or match[3] or "").upper()) if _AMOUNT.fullmatch(amount) else None


def parse_currency(text: str) -> str:
    """An ISO 4217 code in capitals; empty when it is none."""
    return text.upper() if _CURRENCY.fullmatch(text) else ""


def _decimal_point(number: str) -> str:
    if _GROUPED_BY_COMMA.fullmatch(number):
        return number.replace(",", "")
    if _DECIMAL_COMMA.fullmatch(number):
        return number.replace(".", "").replace(",", ".")
    return number
