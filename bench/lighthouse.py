"""Lighthouse's performance score of a shop's pages without the widget and with it, one after the other.

The pages are a theme's as shops have them: a style sheet, a script that works for a while, pictures; on a phone as
Lighthouse imagines it. Each run starts a browser of its own, twelve seconds long. Needs Chromium and the widget's build
(`make setup`), and installs Lighthouse when first run.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.common import ROOT, table, title
from tests.chromium import FLAGS, find_chromium
from tests.widget.stub import Stub

FOLDER = ROOT / "bench" / "lighthouse"
RUNS = 5
AIM = 1
"""Points of the score that the widget may cost, weighted."""
METRICS = {"TBT": "total-blocking-time", "CLS": "cumulative-layout-shift", "LCP": "largest-contentful-paint"}


def main(words: Sequence[str] = ()) -> None:
    """Measure every page in turn without the widget and with it; print medians."""
    parser = argparse.ArgumentParser(prog="python -m bench lighthouse")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each page without the widget, and with it")
    given = parser.parse_args(words)
    _install()
    title(f"Lighthouse, before and after: median of {given.runs} runs")
    with Stub(ROOT / "widget" / "dist").running() as stub:
        pages = _serve(stub)
        for _ in range(given.runs):
            for page in pages:
                for path, reports in page.reports.items():
                    reports.append(_run(f"{stub.shop}{path}"))
    head = ["page", "score before", "after", "difference"]
    for metric in METRICS:
        head += [f"{metric} before", "after"]
    table(head, [_row(page) for page in pages])
    weighted = sum(page.weight * page.difference for page in pages)
    weights = ", ".join(f"{page.name} {page.weight:.0%}" for page in pages)
    print(f"\nWeighted difference ({weights}): {weighted:+.2f} points; the aim is -{AIM} at the least.")


@dataclass
class _Page:
    """A page of the shop, and what Lighthouse reported of it at each of its two addresses."""

    name: str
    weight: float
    body: str
    reports: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def medians(self, measured: str) -> tuple[float, float]:
        """Without the widget, and with it."""
        before, after = (statistics.median(each[measured] for each in runs) for runs in self.reports.values())
        return before, after

    @property
    def difference(self) -> float:
        before, after = self.medians("score")
        return after - before


# ----- the shop


ELEMENT = """<stockbell-notify product-id="p{0}" product-title="Mug {0}" variant-id="v{0}" available="false">
  <a href="/hosted">Notify me when available</a>
</stockbell-notify>"""

HTML = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="description" content="Mugs">
  <title>Mugs</title>
  <link rel="stylesheet" href="/theme.css">
  <script src="/theme.js" defer></script>
  {script}
</head>
<body>
<header><a href="/">Mugs</a> <nav><a href="/collection">All mugs</a></nav></header>
<main>{body}</main>
<footer><p>Fired in our own kiln.</p></footer>
</body>
</html>
"""

STYLE = """
body { font: 16px/1.5 sans-serif; margin: 0; color: #222; }
main { max-width: 1100px; margin: auto; padding: 16px; }
img { display: block; width: 100%; height: auto; aspect-ratio: 4 / 3; }
.grid { display: grid; grid-template-columns: repeat(2, 1fr); gap: 16px; list-style: none; padding: 0; }
button { min-height: 46px; }
"""

# What themes do while they start: markup from data, measuring, listening.
THEME = """
const list = document.createElement("ul");
const total = { price: 0 };
for (let row = 0; row < 1500; row++) {
  const item = document.createElement("li");
  item.innerHTML = `<b>${row}</b> <span data-price="${row * 3}">${(row * 3).toLocaleString("en")}</span>`;
  list.append(item);
}
list.hidden = true;
document.querySelector("footer").append(list);
for (let round = 0; round < 60; round++) {
  for (const each of list.querySelectorAll("span")) total.price += Number(each.dataset.price) % (round + 1);
}
for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
document.documentElement.dataset.total = String(total.price);
"""


def _serve(stub: Stub) -> list[_Page]:
    """Let the shop have its pages, each without the widget and with it."""
    pages = [
        _Page("home", 0.17, f"{_picture(0)}<h1>Mugs</h1>{_grid(range(1, 9), sold_out=1)}"),
        _Page("product", 0.40, f"{_picture(0)}<h1>Mug 0</h1>{_form(0, sold_out=True)}{'<p>Blue.</p>' * 40}"),
        _Page("collection", 0.43, f"<h1>All mugs</h1>{_grid(range(1, 49), sold_out=24)}"),
    ]
    rules = "".join(
        f".theme-{number} > .part {{ margin: {number % 9}px; color: #2{number % 10}2; }}\n" for number in range(1500)
    )
    stub.pages["/theme.css"] = ({"Content-Type": "text/css"}, STYLE + rules)
    unused = "".join(
        f"function part{number}(value) {{ return value * {number} + 'part {number}'; }}\n" for number in range(2000)
    )
    stub.pages["/theme.js"] = ({"Content-Type": "text/javascript"}, THEME + unused)
    for number in range(49):
        stub.pages[f"/picture/{number}.svg"] = ({"Content-Type": "image/svg+xml"}, _svg(number))
    # As snippets/html/stockbell.html has it.
    style = re.search(
        "<style>.*</style>", (ROOT / "snippets" / "html" / "stockbell.html").read_text("utf-8"), re.DOTALL
    )
    assert style
    tag = f'<script src="{stub.script}" async></script>{style[0]}'
    for page in pages:
        for path, script, element in ((f"/{page.name}", "", ""), (f"/{page.name}/with-widget", tag, ELEMENT)):
            body = page.body
            for number in range(49):
                body = body.replace(f"<!--sold out {number}-->", element.format(number))
            stub.pages[path] = ({}, HTML.format(script=script, body=body))
            page.reports[path] = []
    return pages


def _grid(numbers: range, sold_out: int) -> str:
    cards = [
        f"<li>{_picture(number)}<h2>Mug {number}</h2>{_form(number, sold_out=number <= sold_out)}</li>"
        for number in numbers
    ]
    return f'<ul class="grid">{"".join(cards)}</ul>'


def _form(number: int, *, sold_out: bool) -> str:
    place = f"<!--sold out {number}-->" if sold_out else ""
    add = "disabled>Sold out" if sold_out else ">Add to cart"
    return f'<form><input type="hidden" name="id" value="v{number}"><button {add}</button>{place}</form>'


def _picture(number: int) -> str:
    loading = ' loading="lazy"' if number > 4 else ""
    return f'<img src="/picture/{number}.svg" alt="Mug {number}" width="400" height="300"{loading}>'


def _svg(number: int) -> str:
    """Some 40 kB, as a photograph on a phone has."""
    places = [((spot * 37 + number) % 400, spot * 53 % 300, spot % 17, spot * 997 % 4096) for spot in range(800)]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="{r}" fill="#{color:03x}"/>' for x, y, r, color in places)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300" viewBox="0 0 400 300">{dots}</svg>'


# ----- Lighthouse


def _install() -> None:
    """Install Lighthouse as the lock file has it, unless it is there."""
    if not (FOLDER / "node_modules" / "lighthouse").is_dir():
        cache = {"npm_config_cache": str(ROOT / ".cache" / "npm")}
        command = [str(ROOT / ".ci" / "with-node"), "npm", "ci", "--loglevel=error"]
        subprocess.run(command, cwd=FOLDER, env=os.environ | cache, check=True)


def _run(address: str) -> dict[str, float]:
    """One run: the score from 0 to 100, and the metrics, times in milliseconds."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("bench: no Chromium: run `apt install chromium`, or set STOCKBELL_CHROMIUM to its path")
    with tempfile.TemporaryDirectory(prefix="stockbell-lighthouse-") as folder:
        report = Path(folder) / "report.json"
        command = [
            str(ROOT / ".ci" / "with-node"),
            "node",
            "node_modules/lighthouse/cli/index.js",
            address,
            "--quiet",
            "--no-enable-error-reporting",
            "--only-categories=performance",
            "--output=json",
            f"--output-path={report}",
            f"--chrome-flags={' '.join(['--headless=new', *FLAGS])}",
        ]
        subprocess.run(command, cwd=FOLDER, env=os.environ | {"CHROME_PATH": chromium}, check=True)
        told = json.loads(report.read_text("utf-8"))
    if "runtimeError" in told:
        raise RuntimeError(told["runtimeError"]["message"])
    audits = told["audits"]
    measured = {name: float(audits[audit]["numericValue"]) for name, audit in METRICS.items()}
    return {"score": 100 * told["categories"]["performance"]["score"], **measured}


# ----- what is printed


def _row(page: _Page) -> list[str]:
    before, after = page.medians("score")
    row = [page.name, f"{before:.0f}", f"{after:.0f}", f"{page.difference:+.0f}"]
    for metric in METRICS:
        unit = "{:.3f}" if metric == "CLS" else "{:,.0f} ms"
        row += [unit.format(value) for value in page.medians(metric)]
    return row
