"""The words of the pages that shoppers see, in their language."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from plugin.mail.compose import supported_locale

FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Words:
    """Says each thing in one language."""

    language: str

    @classmethod
    def of(cls, *wanted: str) -> Self:
        """In the first of the wanted languages that there is, else in English."""
        return cls(supported_locale(*wanted))

    def __call__(self, name: str, **values: str) -> str:
        """The text of that name, with values put in."""
        return _texts(self.language)[name].format(**values)


@cache
def _texts(language: str) -> Mapping[str, str]:
    texts: Mapping[str, str] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return texts
