"""`python -m tests.chaos.summary FILE [--page docs/chaos.md]`: recorded runs as the last section of the page."""

import argparse
import json
import os
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HEADING = "## The last runs"

Results = Sequence[dict[str, Any]]


def section(results: Results) -> str:
    """What the runs came to, as Markdown."""
    last = {(result.get("machines", 1), result["seed"], result["people"]): result for result in results}
    one = [result for (machines, _, _), result in sorted(last.items()) if machines == 1]
    two = [result for (machines, _, _), result in sorted(last.items()) if machines > 1]
    parts = [HEADING, f"{os.cpu_count()} cores."]
    if one:
        parts += [_words("One installation", one), _table(_figures(one)), _table(_faults(one), ("fault", "times"))]
    if two:
        parts += [
            _words("Two machines", two),
            _table([*_figures(two), *_told(two)]),
            _table(_faults(two), ("fault", "times")),
        ]
    parts.append("Not played: a machine that loses its power.")
    return "\n\n".join(parts) + "\n"


def _words(name: str, results: Results) -> str:
    plans = " and ".join(sorted({str(result.get("plan", 1)) for result in results}))
    people = Counter(result["people"] for result in results)
    sizes = ", ".join(
        f"{count} with {number:,} people (seeds {_ranges(r['seed'] for r in results if r['people'] == number)})"
        for number, count in sorted(people.items())
    )
    return f"{name}, plan {plans}: {len(results)} runs: {sizes}."


def _figures(results: Results) -> list[tuple[str, object]]:
    def total(name: str, among: Results = results) -> str:
        return f"{sum(result.get(name, 0) for result in among):,}"

    knowing = [result for result in results if result.get("knows_ids")]
    ignorant = [result for result in results if not result.get("knows_ids")]
    failed = sorted(result["seed"] for result in results if result["complaints"])
    return [
        ("seeds with a complaint", f"{len(failed)}" + (f" ({', '.join(map(str, failed))})" if failed else "")),
        ("mails delivered", total("mails")),
        ("people who signed up meanwhile", total("sign_ups")),
        (
            f"same message twice, at a server that ignores Message-IDs ({len(ignorant)} runs)",
            total("doubles", ignorant),
        ),
        ("of so many that might have been", total("doubles_allowed", ignorant)),
        (f"the same at one that knows them ({len(knowing)} runs)", total("doubles", knowing)),
        ("dropped there as known", total("repeats_dropped", knowing)),
        ("listed as uncertain", total("uncertain")),
        ("refused for now, and sent later", total("refused_for_now")),
        ("seconds a seed, median", round(statistics.median(result.get("seconds", 0) for result in results))),
    ]


def _told(results: Results) -> list[tuple[str, object]]:
    seconds = [result["told_after_seconds"] for result in results if "told_after_seconds" in result]
    return [("seconds until everyone was told, median and most", f"{statistics.median(seconds)}, {max(seconds)}")]


def _faults(results: Results) -> list[tuple[str, object]]:
    counts = Counter(fault.partition("@")[0] for result in results for fault in result["faults"])
    return sorted(counts.items())


def _table(rows: Iterable[tuple[str, object]], heads: tuple[str, str] = ("", "")) -> str:
    return "\n".join(
        [f"| {heads[0]} | {heads[1]} |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
    )


def _ranges(numbers: Iterable[int]) -> str:
    """1, 2, 3, 5 -> "1-3, 5"."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def main() -> None:
    """Print the section, or put it into a page in place of the last one."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos.summary")
    options.add_argument("file", type=Path, help="what `python -m tests.chaos --out` has written")
    options.add_argument("--page", type=Path, help="the page whose last section is replaced")
    given = options.parse_args()
    made = section([json.loads(line) for line in given.file.read_text(encoding="utf-8").splitlines()])
    if given.page:
        kept = given.page.read_text(encoding="utf-8").partition(HEADING)[0]
        given.page.write_text(kept + made, encoding="utf-8")
    else:
        print(made, end="")  # noqa: T201


if __name__ == "__main__":
    main()
