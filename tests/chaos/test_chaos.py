"""A few seeds of the fault runner, and that its checker sees what it must see."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cut_off import play_cut_off
from tests.chaos.faults import KINDS, plan
from tests.chaos.installation import template
from tests.chaos.run import play

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """PostgreSQL's data folder with all tables."""
    with template(tmp_path_factory.mktemp("template")) as data:
        yield data


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [4, 20])  # a clock set back, a killed worker; a killed database session
def test_a_restock_under_fire_tells_everyone_once(seed: int, data: Path) -> None:
    result = play(seed, people=600, data=data)

    assert result["complaints"] == []
    assert result["mails"] >= 600


@pytest.mark.timeout(300)
def test_a_machine_that_is_cut_off_in_the_middle_loses_nobody(data: Path) -> None:
    result = play_cut_off(1, people=1500, data=data)

    assert result["complaints"] == []
    assert result["mails"] >= 1500
    assert result["told_after_seconds"] < 90


def test_a_seed_is_the_same_plan_each_time_and_all_faults_occur() -> None:
    plans = [plan(seed, 1000) for seed in range(200)]

    assert plans == [plan(seed, 1000) for seed in range(200)]
    assert {kind for each in plans for kind in [*(fault.kind for fault in each.faults), *each.left_out]} == set(KINDS)
