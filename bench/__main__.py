"""`python -m bench [restock] [subscribe] [feed]`: runs the measurements and prints a table for each."""

import sys

from bench import feed, restock, subscribe

PARTS = {"restock": restock.main, "subscribe": subscribe.main, "feed": feed.main}


def main() -> None:
    """Run the parts that are named, or all."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        sys.exit(f"bench: unknown part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in wanted:
        PARTS[name]()


if __name__ == "__main__":
    main()
