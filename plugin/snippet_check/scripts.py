"""Which tags of a page bring Stockbell's script, for which shop and from where."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from plugin.snippet_check.address import Address
from plugin.snippet_check.finding import Finding, short
from plugin.snippet_check.page import Page, Tag
from plugin.widget_build import file_of, manifest

PART = "Script"
OWN = re.compile(r"(.*)/s/([A-Za-z0-9_-]{1,64})(?:\.js|/klaviyo\.js)")
PINNED = re.compile(r"(.*)/widget/([0-9a-f]{12}/loader\.js)")
COPY = re.compile(r".*/(?:stockbell|loader)\.js")
"""The loader as a file of the shop's: Shopify's theme app extension has it so."""
BIGCOMMERCE = re.compile(r"(?:(.*)/s/([^/]+)/bigcommerce|.*/stockbell-bigcommerce)\.js")
"""As Stockbell serves it, or as a copy elsewhere."""
JAVASCRIPT = {"", "text/javascript", "application/javascript", "application/x-javascript", "text/ecmascript", "module"}
HASHES = ("sha512", "sha384", "sha256")
"""The strongest first: browsers look at no other once it is there."""


@dataclass(frozen=True, slots=True)
class Target:
    """The shop and the Stockbell that its pages must name."""

    host: str
    """Address of this Stockbell, without a slash at the end."""
    key: str

    @property
    def tag(self) -> str:
        """The script tag for pages."""
        return f'<script src="{self.host}/s/{self.key}.js" async></script>'

    def at(self, path: str) -> Address:
        """An address of this Stockbell."""
        found = Address.of(self.host + path)
        assert found, "the settings hold an address"
        return found

    def is_host(self, address: str) -> bool:
        """Whether an address leads to this Stockbell."""
        return Address.of(address.rstrip("/")) == Address.of(self.host)

    def wrong(self, host: str, key: str) -> str:
        """What is wrong with a host and a key that a page names; empty: nothing."""
        if not self.is_host(host):
            return f"names another Stockbell, {short(host) or 'none'}: write {self.host}"
        if host.endswith("/"):
            return f"names this Stockbell with a slash at the end: write {self.host}"
        return (
            "" if key == self.key else f"is for another shop, {short(key) or 'none'}: the key of this one is {self.key}"
        )


@dataclass(frozen=True, slots=True)
class Loader:
    """A tag that brings Stockbell's script, or should."""

    tag: Tag
    address: Address
    problem: str = ""
    doubt: str = ""
    """Why it may not run."""
    is_copy: bool = False
    by_script: bool = False
    """The tag brings a script that brings Stockbell's."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.problem and not self.by_script


def is_javascript(tag: Tag) -> bool:
    """Whether browsers run a script, by its type."""
    return tag.get("type").lower() in JAVASCRIPT


def loaders(page: Page, target: Target) -> list[Loader]:
    """Every script tag of the page that is about Stockbell."""
    found = (_loader(page, tag, target) for tag in page.tags if tag.name == "script" and tag.get("src"))
    return [each for each in found if each]


def findings(page: Page, every: list[Loader], target: Target) -> Iterator[Finding]:
    """Whether the script is there, once."""
    for each in every:
        if each.problem:
            yield Finding(PART, ok=False, finding=f"A tag {_shown(each)} {each.problem}.", remedy="Mend or remove it.")
    good = [each for each in every if each.good]
    if len(good) > 1 and not all(each.is_copy for each in good):
        where = ", ".join(dict.fromkeys(_shown(each) for each in good))
        yield Finding(
            PART, ok=False, finding=f"The script stands {len(good)} times: {where}.", remedy="Keep one of them."
        )
    elif good and good[0].doubt:
        yield Finding(PART, ok=None, finding=f"The tag {_shown(good[0])} {good[0].doubt}.", remedy=_IN_BROWSER)
    elif good:
        yield Finding(PART, ok=True, finding=f"The tag {_shown(good[0])} is there.")
    elif any(each.by_script and not each.problem for each in every):
        yield _by_script("stockbell-bigcommerce.js, which is there,")
    else:
        yield from _without_a_tag(page, target, explained=bool(every))


def _without_a_tag(page: Page, target: Target, *, explained: bool) -> Iterator[Finding]:
    settings = [(tag, *_wix(tag)) for tag in page.tags if tag.get("id") == "stockbell-settings" or tag.name == _PLUGIN]
    for tag, host, key in settings:
        problem = target.wrong(host, key) if tag.get("data-enabled") in {"", "true"} else "is switched off"
        if problem:
            yield Finding(
                PART, ok=False, finding=f"Wix's {tag.name} {problem}.", remedy="Change Stockbell's settings there."
            )
        else:
            yield _by_script("Stockbell's part of Wix, which is there,")
    if settings or explained:
        return
    if any(target.key in code for code in page.code):
        yield _by_script("A script of the page that names this shop's key")
        return
    remedy = f"Put {target.tag} before </head>; if an app or a tag manager should bring it, look there."
    inert = [tag.get("src") + tag.get("data-key") for tag in page.inert if tag.name == "script"]
    if any(target.key in each for each in [*page.comments, *inert]):
        finding = (
            "The script tag stands where no browser runs it: in a comment, a template or noscript, or without an end."
        )
        yield Finding(PART, ok=False, finding=finding, remedy=remedy)
        return
    yield Finding(PART, ok=False, finding="No script tag of this shop is on the page.", remedy=remedy)


_PLUGIN = "stockbell-notify-plugin"
_IN_BROWSER = "Look in a browser, as told below."


def _by_script(what: str) -> Finding:
    return Finding(PART, ok=None, finding=f"{what} puts the script in, in the browser.", remedy=_IN_BROWSER)


def _wix(tag: Tag) -> tuple[str, str]:
    prefix = "" if tag.name == _PLUGIN else "data-"
    return tag.get(f"{prefix}host").rstrip("/"), tag.get(f"{prefix}public-key")


def _shown(loader: Loader) -> str:
    return f'<script src="{short(loader.tag.get("src"))}">'


def _loader(page: Page, tag: Tag, target: Target) -> Loader | None:
    """The tag, judged; None when it is not about Stockbell."""
    url = page.absolute(tag.get("src"))
    address = Address.of(url)
    if address is None:
        return None
    own, pinned = OWN.fullmatch(address.path), PINNED.fullmatch(address.path)
    is_copy = bool(COPY.fullmatch(address.path) and tag.get("data-key"))
    bigcommerce = BIGCOMMERCE.fullmatch(address.path)
    by_script = bool(bigcommerce)
    if own and (own[2] == target.key or target.is_host(address.place + own[1])):
        problem = target.wrong(address.place + own[1], own[2]) or _changing(tag)
    elif bigcommerce:
        problem = target.wrong(*_bigcommerce(url, address, bigcommerce, tag))
    elif pinned or is_copy:
        problem = target.wrong(tag.get("data-host"), tag.get("data-key")) or _module(tag)
        problem = problem or (_pinned(tag, pinned[2]) if pinned else "")
    else:
        return None
    problem = _insecure(page, address) or problem or _outdated(tag)
    return Loader(tag, address, problem, _doubt(tag), is_copy and not pinned, by_script)


def _bigcommerce(url: str, address: Address, served: re.Match[str], tag: Tag) -> tuple[str, str]:
    """Host and key that BigCommerce's script is told, by attributes or in its address."""
    told = parse_qs(urlsplit(url).query)
    host, key = (tag.get(f"data-{name}") or told.get(name, [""])[0] for name in ("host", "key"))
    return host or address.place + (served[1] or ""), key or served[2] or ""


def _insecure(page: Page, address: Address) -> str:
    is_insecure = page.url.startswith("https:") and address.scheme == "http"
    return "is loaded by http, which browsers refuse on a page that came by https: write https" if is_insecure else ""


def _changing(tag: Tag) -> str:
    words = (
        "has an integrity, but its file changes with the shop's settings: leave it out, or pin the loader of a build"
    )
    return words if tag.get("integrity") else ""


def _module(tag: Tag) -> str:
    words = 'cannot read its own attributes as a module: leave out type="module"'
    return words if tag.get("type").lower() == "module" else ""


def _outdated(tag: Tag) -> str:
    return "is only for browsers without modules: leave out nomodule" if "nomodule" in tag.attributes else ""


def _doubt(tag: Tag) -> str:
    kind = tag.get("type").lower()
    return (
        ""
        if is_javascript(tag)
        else f'waits, by type="{short(kind)}", for a script such as a consent banner to start it'
    )


def _pinned(tag: Tag, name: str) -> str:
    """What is wrong with a pinned loader, by its build and integrity."""
    hashes = [each.partition("?")[0].partition("-") for each in tag.get("integrity").split()]
    strongest = next((name for name in HASHES if any(each[0] == name for each in hashes)), "")
    if strongest and "crossorigin" not in tag.attributes:
        return 'has an integrity, but not crossorigin="anonymous", without which browsers cannot look at it'
    try:
        present, file = manifest(), file_of(name)
    except FileNotFoundError:  # the widget is not built, which `stockbell doctor` tells
        return ""
    hash_ = present["files"]["loader.js"]["integrity"]
    newest = f'the present build is /widget/{present["loader"]} with integrity="{hash_}"'
    if not file.is_file():
        return f"names a build that is no longer here: {newest}"
    if not strongest:
        return ""
    true = base64.b64encode(hashlib.new(strongest, file.read_bytes()).digest()).decode()
    return "" if (strongest, "-", true) in hashes else f"has an integrity that is not that of its file: {newest}"
