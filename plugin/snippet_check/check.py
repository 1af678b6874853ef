"""Fetches a page of a shop and says what works on it, and what does not and why."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urldefrag, urlsplit

from integrations.errors import IntegrationError
from integrations.http import HTTPClient, Response
from plugin.domain import shops
from plugin.domain.errors import FieldError
from plugin.domain.shops import Shop
from plugin.runtime import Runtime
from plugin.snippet_check import elements, scripts
from plugin.snippet_check.address import Address
from plugin.snippet_check.finding import Finding, short
from plugin.snippet_check.page import HTML_TYPES, Page, content_type, read
from plugin.snippet_check.policy import Policy
from plugin.snippet_check.scripts import Loader, Target

PAGE = "Page"
PAGE_MAX_BYTES = 4 * 1024**2
PAGE_MAX_SECONDS = 10.0
MOST_ADDRESS_CHARS = 2000
SIGN_IN = re.compile(r"/(?:login|log-in|signin|sign-in)(?:[/.]|$)")
IN_BROWSER = "Open it in a browser: does it show the page?"
REMEDIES = {
    "timeout": "Try again in a minute; if it stays so slow, shoppers wait as long.",
    "too_many_redirects": "Give the address at which a browser ends, or mend the redirects.",
    "forbidden_address": "Only a browser can look there.",
    "too_large": "A page so large is not read; only a browser can look.",
    "bad_certificate": "Renew the certificate, with all that belongs to its chain.",
}


def check_page(runtime: Runtime, shop: Shop, page: str, *, max_seconds: float = PAGE_MAX_SECONDS) -> list[Finding]:
    """Look at a page of the shop; the last finding says how to look from inside of it.

    Args:
        runtime: the parts of this process.
        shop: whose page it is.
        page: its address.
        max_seconds: how long the shop's server may take for all of it.

    Raises:
        FieldError: it is not an address of the shop.
    """
    url = _checked(page, shop, allow_loopback=runtime.settings.allow_loopback)
    return [*_findings(runtime, shop, url, max_seconds), _from_inside(url)]


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether all is as it should be, as far as the server can see."""
    return all(each.ok for each in findings[:-1])


def _checked(page: str, shop: Shop, *, allow_loopback: bool) -> str:
    """The address without its fragment.

    Raises:
        FieldError: it is not an address of the shop.
    """
    try:
        url = urldefrag(page.strip()).url
    except ValueError:
        url = ""
    is_address = url.isprintable() and " " not in url and len(url) <= MOST_ADDRESS_CHARS
    if not is_address or not _is_own(url, shop, allow_loopback=allow_loopback):
        raise FieldError("page", f"must be the address of a page of this shop, such as {shop.domain}/products/mug")
    return url


def _is_own(url: str, shop: Shop, *, allow_loopback: bool) -> bool:
    """Whether this is one of the shop's pages."""
    try:
        parts = urlsplit(url)
        origin = shops.normalized_origin(f"{parts.scheme}://{parts.netloc}", allow_loopback=allow_loopback)
    except ValueError:  # a FieldError is one
        return False
    return origin in shop.origins


def _findings(runtime: Runtime, shop: Shop, url: str, max_seconds: float) -> Iterator[Finding]:
    answer = _fetch(runtime.http, url, max_seconds)
    if isinstance(answer, Finding):
        yield answer
        return
    problem = _problem(answer, url, shop, allow_loopback=runtime.settings.allow_loopback)
    page = None if problem else read(answer)
    if page is None or not page.size:
        yield problem or Finding(PAGE, ok=False, finding="The answer is empty, or no page.", remedy=IN_BROWSER)
        return
    moved = "" if page.address == Address.of(url) else f" after a redirect to {short(answer.url)}"
    yield Finding(PAGE, ok=True, finding=f"The page answers{moved}.")
    target = Target(runtime.settings.public_url, shop.public_key)
    every = scripts.loaders(page, target)
    yield from scripts.findings(page, every, target)
    with runtime.engine.connect() as database:
        yield from elements.findings(page, every, shop, database)
    yield _policy(page, every, target)


def _fetch(http: HTTPClient, url: str, max_seconds: float) -> Response | Finding:
    headers = {"Accept": "text/html,application/xhtml+xml"}
    try:
        return http.request(
            "GET", url, headers=headers, max_bytes=PAGE_MAX_BYTES, max_seconds=max_seconds, raise_for_status=False
        )
    except IntegrationError as error:
        ok = None if error.reason in {"too_large", "bad_encoding", "forbidden_address"} else False
        return Finding(PAGE, ok=ok, finding=str(error), remedy=REMEDIES.get(error.reason, IN_BROWSER))


def _problem(answer: Response, url: str, shop: Shop, *, allow_loopback: bool) -> Finding | None:
    """Why this is not the page that shoppers see."""
    before, after = urlsplit(url), urlsplit(answer.url)
    kind = content_type(answer.headers).get_content_type()
    if after.path != before.path and after.path.endswith("/password"):
        words, remedy = "The shop shows its password page instead", "Take the password off, or look in a browser."
    elif after.path != before.path and SIGN_IN.search(after.path):
        words, remedy = "The shop asks for a sign-in first", "Give a page that everybody may see, or look in a browser."
    elif not _is_own(answer.url, shop, allow_loopback=allow_loopback):
        words = f"The address leads to {after.netloc}, which is not this shop's"
        remedy = f"Give an address at {shop.domain} that stays there."
    elif answer.status == 401:
        words, remedy = "The shop asks for a password", "Take the password off, or look in a browser."
    elif answer.status in {403, 429, 503}:
        words = f"The shop does not let Stockbell see the page (status {answer.status})"
        return Finding(
            PAGE, ok=None, finding=f"{words}.", remedy="Let the user agent Stockbell in, or look in a browser."
        )
    elif not 200 <= answer.status < 300:
        words, remedy = f"The shop answers with status {answer.status}", IN_BROWSER
    elif kind not in HTML_TYPES:
        words, remedy = f"The answer is {short(kind)}, not a page", "Give the address of a product page."
    else:
        return None
    return Finding(PAGE, ok=False, finding=f"{words}.", remedy=remedy)


def _policy(page: Page, every: list[Loader], target: Target) -> Finding:
    """What the Content-Security-Policy keeps out."""
    policies = [Policy.of(text, page.address) for text in page.policies]
    loader = next((each for each in every if not each.problem), None)
    tag = loader.tag if loader and not loader.by_script else None
    own = loader.address if loader and not loader.by_script else target.at(f"/s/{target.key}.js")
    form, api = target.at("/widget/VERSION/form.js"), target.at(f"/api/v1/storefront/{target.key}/subscriptions")
    shut: dict[str, set[str]] = {}
    for each in policies:
        asked = [("script-src", own, each.runs(tag, own)), ("script-src", form, each.imports(tag, form))]
        if loader and loader.by_script:
            asked.append(("script-src", loader.address, each.runs(loader.tag, loader.address)))
        for name, address, is_open in [*asked, ("connect-src", api, each.connects(api))]:
            if not is_open:
                shut.setdefault(name, set()).add(address.place)
    if not shut:
        no_policy = "There is no Content-Security-Policy that could keep Stockbell out."
        finding = "The Content-Security-Policy lets Stockbell in." if policies else no_policy
        return Finding("Policy", ok=True, finding=finding)
    remedies = [f"Add {' and '.join(sorted(places))} to {name}." for name, places in shut.items()]
    if "script-src" in shut and any(each.needs_nonce for each in policies):
        remedies[0] = "Give the script tag the page's nonce: addresses do not count beside 'strict-dynamic'."
    finding = f"The Content-Security-Policy keeps Stockbell out of {' and '.join(shut)}."
    return Finding("Policy", ok=False, finding=finding, remedy=" ".join(remedies))


def _from_inside(url: str) -> Finding:
    finding = "What scripts do on the page cannot be seen from here."
    remedy = f"Open {url}#stockbell-check in a browser: a panel tells what works there."
    return Finding("In a browser", ok=None, finding=finding, remedy=remedy)
