"""What a shopper's browser loads: the widget's files as they are served. Needs the widget's build (`make setup`)."""

import json

from bench.common import ROOT, table, title


def main() -> None:
    """Print the sizes that the build has written down."""
    manifest = json.loads((ROOT / "widget" / "dist" / "manifest.json").read_text("utf-8"))
    files = manifest["files"]
    budget = json.loads((ROOT / "widget" / "size-budget.json").read_text("utf-8"))
    longest = max((f"{locale}.js" for locale in manifest["locales"]), key=lambda name: int(files[name]["brotli"]))
    codings = ("raw", "gzip", "brotli")
    parts = {
        "loader.js, with a shop's settings": manifest["served"],
        "form.js": files["form.js"],
        longest: files[longest],
    }
    rows = [[name, *(f"{sizes[coding]:,}" for coding in codings)] for name, sizes in parts.items()]
    sums = [sum(sizes[coding] for sizes in parts.values()) for coding in codings]
    title("The widget, in bytes")
    table(["", *codings], [*rows, ["all of it", *(f"{each:,}" for each in sums)]])
    aims = f"{budget['loader']:,} for the loader, {budget['total']:,} for all of it"
    print(f"\nThe aims, as served with brotli: {aims}.")
