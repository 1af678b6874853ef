"""`python -m tests.chaos [--seeds 1-200] [--people 10000] [--out FILE]`: play seeds, one JSON line for each."""

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.chaos.run import PEOPLE, play


def main() -> int:
    """Play the seeds; the exit status tells whether all were well."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos")
    options.add_argument("--seeds", default="1-20", help="one seed, or first-last (default: 1-20)")
    options.add_argument("--people", type=int, default=PEOPLE, help=f"how many wait in line (default: {PEOPLE})")
    options.add_argument("--out", type=Path, help="a file that the results are added to, a line each")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that an installation is taken down, too
    first, _, last = given.seeds.partition("-")
    failed = []
    for seed in range(int(first), int(last or first) + 1):
        result = play(seed, given.people)
        line = json.dumps(result)
        print(line, flush=True)  # noqa: T201
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        if result["complaints"]:
            failed.append(seed)
            print(f"seed {seed} failed; again: python -m tests.chaos --seeds {seed} --people {given.people}")  # noqa: T201
    print(f"{len(failed)} of {int(last or first) - int(first) + 1} seeds failed" + (f": {failed}" if failed else ""))  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
