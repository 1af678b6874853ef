"""The page of recorded runs."""

import json
import sys
from pathlib import Path

import pytest

from tests.chaos import summary


def run(seed: int, **more: object) -> dict[str, object]:
    return {"plan": 2, "seed": seed, "people": 1000, "faults": ["cut smtp@5"], "mails": 1000, "complaints": [], **more}


def test_a_page_keeps_its_words_and_gets_the_new_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, file = tmp_path / "page.md", tmp_path / "runs.jsonl"
    page.write_text("# Page\n\nWords.\n\n## The last runs\n\nold\n")
    runs = [run(1), run(2), run(4, complaints=["lost"]), run(2, mails=1001)]
    file.write_text("".join(json.dumps(each) + "\n" for each in runs))
    monkeypatch.setattr(sys, "argv", ["summary", str(file), "--page", str(page)])

    summary.main()

    made = page.read_text()
    assert made.startswith("# Page\n\nWords.\n\n## The last runs\n")
    assert "old" not in made
    assert "3 runs: 3 with 1,000 people (seeds 1-2, 4)" in made  # the newer run of a seed counts
    assert "| mails delivered | 3,001 |" in made
    assert "| seeds with a complaint | 1 (4) |" in made
    assert "| cut smtp | 3 |" in made


def test_runs_on_two_machines_are_told_apart() -> None:
    made = summary.section([run(1), run(1, machines=2, told_after_seconds=46.0, faults=["pull the cable@7"])])

    assert "One installation, plan 2: 1 runs" in made
    assert "Two machines, plan 2: 1 runs" in made
    assert "| seconds until everyone was told, median and most | 46.0, 46.0 |" in made
    assert "| pull the cable | 1 |" in made
