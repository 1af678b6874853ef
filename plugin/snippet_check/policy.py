"""What a page's Content-Security-Policy lets through (Content Security Policy Level 3, sections 6.1 and 6.7)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plugin.snippet_check.address import USUAL_PORTS, Address
from plugin.snippet_check.page import Tag

HOST_SOURCE = re.compile(r"(?:([a-z][a-z0-9+.-]*)://)?([^/:]+|\[[^\]]*\])(?::(\d+|\*))?(/.*)?", re.IGNORECASE)
SCRIPT = ("script-src-elem", "script-src", "default-src")
CONNECT = ("connect-src", "default-src")
Directives = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of a page."""

    directives: Directives
    page: Address

    @classmethod
    def of(cls, text: str, page: Address) -> "Policy":
        """Read a policy; the first directive of a name counts."""
        directives: dict[str, Sequence[str]] = {}
        for part in text.split(";"):
            name, *sources = part.split() or [""]
            directives.setdefault(name.lower(), sources)
        return cls(directives, page)

    def runs(self, tag: Tag | None, script: Address) -> bool:
        """Whether a script may run that a tag of the page names; without a tag: that a trusted script puts in."""
        sources = self._sources(SCRIPT)
        if sources is None or (tag and (_has_nonce(sources, tag) or _has_hashes(sources, tag))):
            return True
        if "'strict-dynamic'" in _lower(sources):
            return tag is None
        return self._lists(sources, script)

    def imports(self, tag: Tag | None, script: Address) -> bool:
        """Whether the script of that tag may load another one."""
        sources = self._sources(SCRIPT)
        # What it loads has the nonce of its tag, but not its hash.
        if sources is None or "'strict-dynamic'" in _lower(sources) or (tag and _has_nonce(sources, tag)):
            return True
        return self._lists(sources, script)

    def connects(self, target: Address) -> bool:
        """Whether the page's scripts may send requests there."""
        sources = self._sources(CONNECT)
        return sources is None or self._lists(sources, target)

    @property
    def needs_nonce(self) -> bool:
        """Whether addresses do not count for scripts, as `strict-dynamic` has it."""
        return "'strict-dynamic'" in _lower(self._sources(SCRIPT) or ())

    def _sources(self, names: Iterable[str]) -> Sequence[str] | None:
        return next((self.directives[name] for name in names if name in self.directives), None)

    def _lists(self, sources: Iterable[str], target: Address) -> bool:
        return any(self._matches(source, target) for source in sources)

    def _matches(self, source: str, target: Address) -> bool:
        if source == "*":
            return True
        if source.lower() == "'self'":
            return target.origin == self.page.origin or _is_safer(self.page, target)
        if re.fullmatch(r"https?:", source, re.IGNORECASE):
            return target.scheme in {source[:-1].lower(), "https"}
        found = None if source.startswith("'") else HOST_SOURCE.fullmatch(source)
        if not found:
            return False
        scheme, host, port, path = found.groups()
        wanted = (scheme or self.page.scheme).lower()
        return (
            wanted in {"http", "https", "ws", "wss"}
            and target.scheme in {wanted, "https"}
            and _host_matches(host.lower(), target.host)
            and _port_matches(port, target)
            and _path_matches(path or "", target.path)
        )


def _is_safer(page: Address, target: Address) -> bool:
    """The same host, by https where the page came by http, both on the usual ports."""
    return (page.host, target.scheme) == (target.host, "https") and all(
        each.port == USUAL_PORTS[each.scheme] for each in (page, target)
    )


def _host_matches(pattern: str, host: str) -> bool:
    pattern = pattern.strip("[]")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else pattern in {"*", host}


def _port_matches(port: str | None, target: Address) -> bool:
    usual = target.port == USUAL_PORTS[target.scheme]
    if port is None:
        return usual
    return port == "*" or int(port) == target.port or (port == "80" and target.scheme == "https" and usual)


def _path_matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern) if pattern.endswith("/") or not pattern else path == pattern


def _has_nonce(sources: Sequence[str], tag: Tag) -> bool:
    nonce = tag.get("nonce")
    return bool(nonce) and f"'nonce-{nonce}'" in sources


def _has_hashes(sources: Sequence[str], tag: Tag) -> bool:
    """Whether every hash of the tag's integrity is in the list."""
    hashes = tag.get("integrity").split()
    return bool(hashes) and all(f"'{each.partition('?')[0]}'" in sources for each in hashes)


def _lower(sources: Iterable[str]) -> set[str]:
    return {source.lower() for source in sources}
