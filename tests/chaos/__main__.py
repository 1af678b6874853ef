"""`python -m tests.chaos [--seeds 1-200] [--people 10000] [--parallel 3] [--out FILE]`: a JSON line for each seed."""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from plugin.embedded.process import that_dies_with_its_parent
from tests.chaos.cut_off import play_cut_off
from tests.chaos.installation import template
from tests.chaos.run import PEOPLE, play


def main() -> int:
    """Play the seeds; the exit status tells whether all were well."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos")
    options.add_argument("--seeds", default="1-20", help="one seed, or first-last (default: 1-20)")
    options.add_argument("--people", type=int, default=PEOPLE, help=f"how many wait in line (default: {PEOPLE})")
    options.add_argument("--parallel", type=int, default=1, help="how many seeds at a time (default: 1)")
    options.add_argument("--machines", action="store_true", help="two machines, of which one is cut off")
    options.add_argument("--out", type=Path, help="a file that the results are added to, a line each")
    options.add_argument("--data", type=Path, help="a data folder of PostgreSQL with all tables, to start from")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that an installation is taken down, too
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    failed = []
    for result in _results(seeds, given):
        line = json.dumps(result)
        print(line, flush=True)  # noqa: T201
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        if result["complaints"]:
            failed.append(seed := result["seed"])
            again = f"python -m tests.chaos --seeds {seed} --people {given.people}{' --machines' * given.machines}"
            print(f"seed {seed} failed; again: {again}", file=sys.stderr, flush=True)  # noqa: T201
    if len(seeds) > 1:
        summary = f"{len(failed)} of {len(seeds)} seeds failed" + (f": {failed}" if failed else "")
        print(summary, file=sys.stderr)  # noqa: T201
    return bool(failed)


def _results(seeds: range, given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if len(seeds) == 1:
        yield (play_cut_off if given.machines else play)(seeds[0], given.people, given.data)
        return
    with tempfile.TemporaryDirectory(prefix="stockbell-chaos-") as folder, template(Path(folder)) as data:
        Path(folder).chmod(0o711)

        children: set[subprocess.Popen[str]] = set()
        threads = ThreadPoolExecutor(given.parallel)
        try:
            for done in as_completed([threads.submit(_played_apart, seed, given, data, children) for seed in seeds]):
                yield done.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for child in list(children):
                child.terminate()
            threads.shutdown()


def _played_apart(
    seed: int, given: argparse.Namespace, data: Path, children: set[subprocess.Popen[str]]
) -> dict[str, Any]:
    """Play a seed in a process of its own."""
    command = [sys.executable, "-m", "tests.chaos", "--seeds", seed, "--people", given.people, "--data", data]
    command += ["--machines"] if given.machines else []
    with subprocess.Popen(
        that_dies_with_its_parent([str(word) for word in command], signal.SIGTERM),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        children.add(child)
        told, errors = child.communicate()
        children.discard(child)
    try:
        result: dict[str, Any] = json.loads(told)
    except json.JSONDecodeError:
        said = errors.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
        result = {"seed": seed, "people": given.people, "faults": [], "complaints": [f"not played: {said[0]}"]}
    return result


if __name__ == "__main__":
    sys.exit(main())
