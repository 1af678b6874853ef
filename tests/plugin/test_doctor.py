"""`stockbell doctor` finds what is there and what is away, and says what to do."""

from dataclasses import replace

from sqlalchemy import Engine, text

from plugin.doctor import Check, checks
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.factories import ShopKeys, join, set_stock
from tests.processes import run_stockbell, stockbell, wait_for


def found(settings: Settings) -> dict[str, Check]:
    return {check.part: check for check in checks(settings)}


def test_what_is_away_is_bad_with_a_remedy_and_hides_nothing_else(runtime: Runtime, settings: Settings) -> None:
    away = replace(settings, redis_url="redis://127.0.0.1:1/0", smtp_url="smtp://127.0.0.1:1")

    looked = found(away)

    assert {part for part, check in looked.items() if not check.good} >= {
        "Redis",
        "Mail server",
        "Scheduler",
    }
    assert all(check.remedy for check in looked.values() if not check.good)
    assert looked["PostgreSQL"].good
    assert looked["Tables"].good


def test_workers_are_told_apart_by_what_they_do(runtime: Runtime, settings: Settings) -> None:
    with stockbell(settings, "worker", "--catalogs"):
        wait_for(lambda: found(settings)["Catalogs"].good, "a worker for catalogs is found")
        assert not found(settings)["Workers"].good


def test_who_has_an_app_at_a_platform_needs_a_worker_for_platforms(runtime: Runtime, settings: Settings) -> None:
    assert "Platforms" not in found(settings)
    registered = replace(settings, shopify_client_id="client", shopify_client_secret="secret")

    assert not found(registered)["Platforms"].good
    assert "worker --platforms" in found(registered)["Platforms"].remedy
    with stockbell(settings, "worker", "--platforms"):
        wait_for(lambda: found(registered)["Platforms"].good, "a worker for platforms is found")


def test_undeliverable_messages_are_named(runtime: Runtime, settings: Settings, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        database.execute(text("UPDATE message SET state = 'dead'"))

    check = found(settings)["Messages"]
    assert (check.good, "1 undeliverable" in check.finding) == (False, True)


def test_the_command_ends_with_1_when_something_is_bad(settings: Settings) -> None:
    done = run_stockbell(settings, "doctor")

    assert done.returncode == 1
    assert "Scheduler" in done.stdout
    assert "stockbell scheduler" in done.stdout
