"""A page of a shop as its server sends it, before any script has run."""

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from urllib.parse import urljoin

from integrations.http import Response
from plugin.snippet_check.address import Address

HTML_TYPES = {"text/html", "application/xhtml+xml"}
INERT = {"template", "noscript", "textarea", "title", "style", "xmp", "iframe", "noembed", "noframes"}
"""What stands inside is no part of the page where scripts run."""
CHARSETS = ("utf-8", "utf8", "utf-16", "us-ascii", "iso-8859", "windows-125", "gb", "big5", "euc-", "shift", "koi8-")
CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
CHARSET_BYTES = 1024
"""How far browsers look for a meta tag that names the charset."""


@dataclass(frozen=True, slots=True)
class Tag:
    """The beginning of an element."""

    name: str
    attributes: Mapping[str, str]

    def get(self, name: str) -> str:
        """The value of an attribute; empty when it is not there."""
        return self.attributes.get(name, "").strip()


@dataclass(slots=True)
class Page:
    """What a page holds that Stockbell is interested in."""

    url: str
    policies: list[str]
    """Of Content-Security-Policy: all of them hold at once."""
    tags: list[Tag] = field(default_factory=list)
    """All scripts, and what looks like Stockbell's."""
    inert: list[Tag] = field(default_factory=list)
    """The same, where it does nothing: in templates and in what is for pages without scripts."""
    comments: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    """What stands inside of scripts."""
    base: str = ""
    size: int = 0
    """How many tags there are."""

    @property
    def address(self) -> Address:
        """Where it came from."""
        found = Address.of(self.url)
        assert found, "only web addresses are fetched"
        return found

    def absolute(self, address: str) -> str:
        """An address of the page, complete; empty for what is none."""
        try:
            return urljoin(self.base or self.url, address)
        except ValueError:
            return ""


def read(response: Response) -> Page:
    """Take in a page, whatever it is made of."""
    # Several headers come joined by commas, as several policies may stand in one.
    policies = [each for each in response.headers.get("content-security-policy", "").split(",") if each.strip()]
    page = Page(response.url, policies)
    # To a browser "<![x" begins a comment, which this parser does not know.
    text = _decoded(response).replace("\0", "\N{REPLACEMENT CHARACTER}").replace("<![", "<!-[")
    _Reader(page).take(text)
    return page


def content_type(headers: Mapping[str, str]) -> Message:
    """The header Content-Type, read."""
    message = Message()
    message["content-type"] = headers.get("content-type", "text/html").replace("\n", " ").replace("\r", " ")
    return message


def _decoded(response: Response) -> str:
    content = response.content
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    announced = CHARSET.search(content[:CHARSET_BYTES])
    charset = content_type(response.headers).get_content_charset() or (announced[1].decode() if announced else "")
    charset = charset if charset.lower().startswith(CHARSETS) else "utf-8"
    try:
        return content.decode(charset, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


class _Reader(HTMLParser):
    """Fills a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._inside: list[str] = []
        self._script: Tag | None = None
        self._in_head = True

    def take(self, text: str) -> None:
        """Read all of it."""
        # Never closed: what is unfinished at the end is no tag to a browser, and would be looked at again and again.
        self.feed(text)
        if self._script:  # a script that does not end does not run
            self._page.inert.append(self._script)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self._page.size += 1
        # The first one of a name counts.
        found = Tag(tag, {name: value or "" for name, value in reversed(attrs)})
        self._in_head = self._in_head and tag != "body"
        if tag == "script":
            self._script = found
        else:
            self._keep(found)
        if tag in INERT:
            self._inside.append(tag)
        elif not self._inside:
            self._note_rules(found)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        # In HTML "/>" ends nothing; in the pictures among it, which have titles and styles too, it does.
        self.handle_starttag(tag, attrs)
        if tag == "script":
            self.set_cdata_mode(tag)
        elif tag in {"title", "style"}:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script:
            self._keep(self._script)
            self._script = None
        elif tag in self._inside:
            del self._inside[len(self._inside) - 1 - self._inside[::-1].index(tag) :]

    def handle_comment(self, data: str) -> None:
        self._page.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self._script and not self._inside:
            self._page.code.append(data)

    def _keep(self, tag: Tag) -> None:
        if _is_interesting(tag):
            (self._page.inert if self._inside else self._page.tags).append(tag)

    def _note_rules(self, tag: Tag) -> None:
        page = self._page
        if tag.name == "base" and tag.get("href") and not page.base:
            page.base = page.absolute(tag.get("href"))
        is_policy = tag.name == "meta" and tag.get("http-equiv").lower() == "content-security-policy"
        if is_policy and self._in_head:
            page.policies.append(tag.get("content"))


def _is_interesting(tag: Tag) -> bool:
    return (
        tag.name == "script"
        or tag.name.startswith("stockbell-")
        or tag.get("id").startswith("stockbell-")
        or "data-stockbell-open" in tag.attributes
    )
