"""`python -m bench [PART ...]`: runs the measurements that are named, or all, and prints a table for each.

Lighthouse takes its minutes and is installed first, so it runs only when it is named. A part alone takes options:
`python -m bench growth --people 10000000`.
"""

import sys

from bench import fairness, feed, growth, intake, lighthouse, restock, shopify, subscribe, widget

PARTS = {
    "restock": restock.main,
    "subscribe": subscribe.main,
    "feed": feed.main,
    "shopify": shopify.main,
    "fairness": fairness.main,
    "intake": intake.main,
    "widget": widget.main,
}
PARTS_WITH_OPTIONS = {"growth": growth.main, "lighthouse": lighthouse.main}
ONLY_WHEN_NAMED = {"lighthouse"}


def main() -> None:
    """Run the parts that are named, or all."""
    parts = {**PARTS, **PARTS_WITH_OPTIONS}
    if len(sys.argv) > 1 and sys.argv[1] in PARTS_WITH_OPTIONS:
        PARTS_WITH_OPTIONS[sys.argv[1]](sys.argv[2:])
        return
    wanted = sys.argv[1:] or [name for name in parts if name not in ONLY_WHEN_NAMED]
    unknown = set(wanted) - set(parts)
    if unknown:
        sys.exit(f"bench: unknown part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    for name in wanted:
        parts[name]()


if __name__ == "__main__":
    main()
