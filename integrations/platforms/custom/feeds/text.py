"""Feed values as clean text: ids, titles and addresses that a database, a page and a mail can hold."""

import re

ID_MAX_CHARS = 255
TITLE_MAX_CHARS = 500
URL_MAX_CHARS = 2048

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
# "4.71234E+13": what a spreadsheet makes of a long number; the digits are lost and many ids become one.
_NO_HOST = "/?#@:\\"  # The empty text is in it too.
_ROUNDED_ID = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]+")


class NumberText(str):
    """A JSON number with a fraction or an exponent, kept as it was written."""

    __slots__ = ()


def clean_text(value: object, max_chars: int = TITLE_MAX_CHARS) -> str:
    """Text on one line without control characters, cut to size; empty for what is not text or a number."""
    if type(value) is not str:
        value = plain(value)
    text = value.strip()
    if not text.isprintable():
        text = " ".join(_CONTROL.sub(" ", text).split())
    return text[:max_chars].rstrip() if len(text) > max_chars else text


def clean_id(value: object) -> str:
    """An id as the shop writes it, 1 to 255 characters; empty when it cannot be one.

    Whole JSON numbers are taken digit by digit, whatever their size; other numbers are not ids.
    """
    if type(value) is not str:
        value = str(value) if type(value) is int else ""
    text = value.strip()
    if len(text) > ID_MAX_CHARS or not (text.isprintable() or not _CONTROL.search(text)):
        return ""
    return "" if "E+" in text and _ROUNDED_ID.fullmatch(text) else text


def clean_url(value: object) -> str:
    """An http or https address of at most 2048 characters; empty when it is none."""
    if type(value) is not str:
        return ""
    if (
        value.startswith("https://")
        and value.isprintable()
        and " " not in value
        and len(value) <= URL_MAX_CHARS
        and value[8:9] not in _NO_HOST
    ):
        return value  # Nearly all of them; what follows is for the others.
    return _mended_url(value.strip())


def _mended_url(url: str) -> str:
    if " " in url:
        url = url.replace(" ", "%20")
    scheme, _, rest = url.partition("://")
    if scheme not in {"https", "http"}:
        if scheme.lower() not in {"https", "http"}:
            return ""
        url = f"{scheme.lower()}://{rest}"
    if len(url) > URL_MAX_CHARS or rest[:1] in _NO_HOST:
        return ""
    return url if url.isprintable() or not _CONTROL.search(url) else ""


def plain(value: object) -> str:
    """A JSON value as the text that a table would have held: numbers as written, anything else empty."""
    if isinstance(value, bool):
        return ""
    return str(value) if isinstance(value, (str, int)) else ""
