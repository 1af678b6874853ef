"""What a shopper's browser loads: the widget's files as they are served. Needs the widget's build (`make setup`)."""

import json

from bench.common import ROOT, table, title


def main() -> None:
    """Print the sizes that the build has written down."""
    manifest = json.loads((ROOT / "widget" / "dist" / "manifest.json").read_text("utf-8"))
    files = manifest["files"]
    budget = json.loads((ROOT / "widget" / "size-budget.json").read_text("utf-8"))
    longest = max((f"{locale}.js" for locale in manifest["locales"]), key=lambda name: int(files[name]["brotli"]))
    parts = ["loader.js", "form.js", longest]
    rows = [[name, *(f"{files[name][coding]:,}" for coding in ("raw", "gzip", "brotli"))] for name in parts]
    sums = [sum(files[name][coding] for name in parts) for coding in ("raw", "gzip", "brotli")]
    title("The widget, in bytes")
    table(["", "raw", "gzip", "brotli"], [*rows, ["all of it", *(f"{each:,}" for each in sums)]])
    aims = f"{budget['loader']:,} for the loader, {budget['total']:,} for all of it"
    print(f"\nThe aims, as served with brotli: {aims}.")
