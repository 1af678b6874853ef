"""The functions without a page are tested where they run: in Node."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_widgets_own_tests_pass(dist: Path) -> None:
    """Needs what the build needs, so it is there when the build is."""
    command = [ROOT / ".ci" / "with-node", "npm", "--prefix", "widget", "test", "--silent"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout
