"""A few seeds of the fault runner, and that its checker sees what it must see."""

import pytest

from tests.chaos.run import FAULTS, plan, play

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [5, 15])  # a killed database among them; killed workers
def test_a_restock_under_fire_tells_everyone_once(seed: int) -> None:
    result = play(seed, people=600)

    assert result["complaints"] == []
    assert result["mails"] >= 600


def test_a_seed_is_the_same_plan_each_time_and_all_faults_occur() -> None:
    plans = [plan(seed, 1000) for seed in range(200)]

    assert plans == [plan(seed, 1000) for seed in range(200)]
    assert {fault.kind for faults in plans for fault in faults} == set(FAULTS)
