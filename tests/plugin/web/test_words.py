import json
import re
from pathlib import Path
from string import Formatter

import pytest

from plugin.mail.compose import available_locales
from plugin.web.words import FOLDER, Words

TEMPLATES = Path(__file__).parents[3] / "plugin" / "templates"


def texts(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return found


def placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


@pytest.mark.parametrize("language", sorted(available_locales()))
def test_every_language_says_the_same_things(language: str) -> None:
    english, other = texts("en"), texts(language)

    assert {name: placeholders(text) for name, text in other.items()} == {
        name: placeholders(text) for name, text in english.items()
    }


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    sources = [path.read_text("utf-8") for path in [*TEMPLATES.rglob("*.html"), *FOLDER.parent.glob("*.py")]]
    used = {
        word for source in sources for word in re.findall(r'"((?:form|confirm|unsubscribe|thanks)_\w+|\w+)"', source)
    }
    put_together = {
        f"confirm_{outcome}{tail}" for outcome in ("waiting", "in_stock", "ended") for tail in ("", "_explain")
    }

    assert set(texts("en")) <= used | put_together
    asked_for = {word for source in sources for word in re.findall(r'say\("(\w+)"[,)]', source)}
    assert asked_for <= set(texts("en"))


def test_unknown_languages_are_said_in_english() -> None:
    assert Words.of("fr", "tlh").language == "en"
    assert Words.of("fr", "de-CH").language == "de"
    assert Words.of("", "").language == "en"
