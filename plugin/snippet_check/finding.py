"""What was found about one part of a page."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the snippet on one page."""

    part: str
    ok: bool | None
    """None: the server cannot tell."""
    finding: str
    remedy: str = ""

    @property
    def state(self) -> str:
        """For people: "ok", "not ok" or "could not tell"."""
        return {True: "ok", False: "not ok", None: "could not tell"}[self.ok]


MOST_NAMED = 5
MOST_CHARS = 120


def short(words: str) -> str:
    """What a page holds, for a sentence: not too long, and nothing that a terminal would obey."""
    shown = words[:MOST_CHARS] + ("…" if len(words) > MOST_CHARS else "")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)


def named(ids: Iterable[str]) -> str:
    """Some ids for a sentence: the first few, and how many more there are."""
    every = [short(each) for each in dict.fromkeys(ids)]
    more = len(every) - MOST_NAMED
    return ", ".join(every[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
