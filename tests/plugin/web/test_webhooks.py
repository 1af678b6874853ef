"""The inbox from outside: what is accepted, what is refused, and that nothing accepted is lost."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, text
from werkzeug.test import TestResponse

from plugin import create_app, db, partitions, queues
from plugin.domain import installations, shops
from plugin.runtime import Runtime, now
from plugin.settings import Settings
from plugin.web import webhooks
from tests.factories import ShopKeys, load, make_shop
from tests.plugin.web.support import assert_error
from tests.processes import free_port, run_stockbell
from tests.webhooks import PATH, headers, inbox_rows, stock_body

BODY = stock_body(5)


def send(client: FlaskClient, runtime: Runtime, shop: ShopKeys, body: bytes = BODY, **how: object) -> TestResponse:
    return client.post(PATH, data=body, headers=headers(runtime, shop, body, **how))  # type: ignore[arg-type]


def jobs(runtime: Runtime) -> list[str]:
    return [job.func_name for job in queues.queue(runtime.redis).jobs]


def test_a_webhook_is_written_down_and_the_bell_is_rung(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    response = send(client, runtime, shop, delivery_id="msg_1")

    assert (response.status_code, response.json) == (202, {"status": "accepted"})
    columns = "shop_id, delivery_id, body, state, headers ? 'webhook-timestamp', headers ? 'webhook-signature'"
    assert inbox_rows(engine, columns) == [(shop.id, "msg_1", BODY, "pending", True, False)]
    assert jobs(runtime) == [queues.HANDLE_WEBHOOKS]


def test_a_repetition_is_accepted_and_does_nothing(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    for seconds_ago in (200, 100, 0):
        assert send(client, runtime, shop, delivery_id="msg_1", seconds_ago=seconds_ago).status_code == 202

    assert len(inbox_rows(engine)) == 1


def test_a_repetition_in_another_month_does_nothing_either(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    partitions.upkeep(engine, now(), runtime.settings.months_kept)
    send(client, runtime, shop, delivery_id="msg_1")
    with engine.begin() as database:
        database.execute(text("UPDATE webhook SET id = id - (1::bigint << 36)"))

    assert send(client, runtime, shop, delivery_id="msg_1").status_code == 202
    assert len(inbox_rows(engine)) == 1


def test_twenty_at_once_with_one_id_are_one(app: Flask, runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    given = headers(runtime, shop, BODY, delivery_id="msg_1")
    answers: list[int] = []

    def post() -> None:
        answers.append(app.test_client().post(PATH, data=BODY, headers=given).status_code)

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [202] * 20
    assert len(inbox_rows(engine)) == 1


def test_two_shops_may_use_the_same_delivery_id(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    for keys in (shop, other, shop):
        assert send(client, runtime, keys, delivery_id="msg_1").status_code == 202

    assert inbox_rows(engine, "shop_id") == [shop.id, other.id]


def test_a_body_that_is_no_json_is_taken_as_it_is(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    body = b"\x00\xff not JSON"

    assert send(client, runtime, shop, body).status_code == 202
    assert inbox_rows(engine, "body") == [body]


def test_who_cannot_sign_is_refused(client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    foreign = shops.webhook_secret(runtime.secret_key, load(engine, other))
    given = headers(runtime, shop, BODY)

    for response, code in (
        (send(client, runtime, shop, secret=foreign), "bad_signature"),
        (send(client, runtime, shop, seconds_ago=301), "too_old"),
        (send(client, runtime, shop, seconds_ago=-302), "too_old"),
        (client.post(PATH, data=BODY[:-1] + b" ", headers=given), "bad_signature"),
        (client.post(PATH, data=BODY, headers={"Stockbell-Shop": shop.public_key}), "bad_signature"),
        (client.post(PATH, data=BODY, headers={**given, "Stockbell-Shop": other.public_key}), "bad_signature"),
    ):
        assert_error(response, 401, code)

    assert inbox_rows(engine) == []


def test_secrets_differ_by_shop_and_installation_and_are_told_by_a_command(
    runtime: Runtime, settings: Settings, engine: Engine, shop: ShopKeys
) -> None:
    first, second = load(engine, shop), load(engine, make_shop(engine, domain="https://other.example"))
    secret = shops.webhook_secret(runtime.secret_key, first)

    made = {secret, shops.webhook_secret(runtime.secret_key, second), shops.webhook_secret("x" * 40, first)}
    assert len(made) == 3
    assert run_stockbell(settings, "shop", "webhook-secret", "--shop", str(shop.id)).stdout == f"{secret}\n"


def test_unknown_shops_and_platforms_are_not_found(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    given = headers(runtime, shop, BODY)

    assert_error(client.post(PATH, data=BODY, headers={**given, "Stockbell-Shop": "x"}), 404, "unknown_shop")
    assert_error(client.post(PATH, data=BODY), 400)
    assert_error(client.post("/webhooks/nowhere", data=BODY, headers=given), 404, "unknown_platform")
    assert_error(client.get(PATH), 405)


def test_a_shop_that_was_uninstalled_is_not_found_though_it_is_remembered(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    given = headers(runtime, shop, BODY)
    client.post(PATH, data=BODY, headers=given)
    with engine.begin() as database:
        installations.remove(database, shop.id, now())

    assert_error(client.post(PATH, data=BODY, headers={**given, "Webhook-Id": "2"}), 401, "bad_signature")
    later = client.post(PATH, data=BODY, headers=given)
    assert_error(later, 404, "unknown_shop")
    assert_error(client.post(PATH, data=BODY, headers=given), 404, "unknown_shop")


def test_one_that_is_too_large_is_refused_whether_it_says_so_or_not(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    body = b" " * (webhooks.MOST_BODY_BYTES + 1)

    assert_error(send(client, runtime, shop, body), 413)
    assert send(client, runtime, shop, body[:-1]).status_code == 202
    assert len(inbox_rows(engine)) == 1


def test_without_redis_it_is_accepted_all_the_same(settings: Settings, engine: Engine, shop: ShopKeys) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    with closing(Runtime(replace(settings, redis_url=away), redis_seconds=0.2)) as runtime:
        client = create_app(runtime=runtime).test_client()
        assert send(client, runtime, shop).status_code == 202

    assert inbox_rows(engine) == ["pending"]


@pytest.fixture
def doomed(database_url: str) -> Iterator[str]:
    """The address of a database that a test may take away."""
    name = "stockbell_doomed"
    admin = create_engine(db.sqlalchemy_url(database_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield (
        db.sqlalchemy_url(database_url)
        .set(drivername="postgresql", database=name)
        .render_as_string(hide_password=False)
    )
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


def test_without_the_database_the_platform_is_to_come_again(
    settings: Settings, doomed: str, engine: Engine, redis_url: str
) -> None:
    with closing(Runtime(replace(settings, database_url=doomed))) as runtime:
        db.upgrade(runtime.engine)
        shop = make_shop(runtime.engine)
        client = create_app(runtime=runtime).test_client()
        first, second = (headers(runtime, shop, BODY, delivery_id=name) for name in ("a", "b"))
        assert client.post(PATH, data=BODY, headers=first).status_code == 202
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as admin:
            admin.execute(text("ALTER DATABASE stockbell_doomed ALLOW_CONNECTIONS false"))
            runtime.engine.dispose()
            query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'stockbell_doomed'"
            admin.execute(text(query))

            response = client.post(PATH, data=BODY, headers=second)
            assert_error(response, 503)
            assert int(response.headers["Retry-After"]) > 0

            admin.execute(text("ALTER DATABASE stockbell_doomed ALLOW_CONNECTIONS true"))
        assert client.post(PATH, data=BODY, headers=second).status_code == 202
        assert len(inbox_rows(runtime.engine)) == 2


def test_a_restart_of_the_database_between_two_webhooks_goes_unnoticed(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    first, second = (headers(runtime, shop, BODY, delivery_id=name) for name in ("a", "b"))
    client.post(PATH, data=BODY, headers=first)
    runtime.engine.dispose()
    engine.dispose()
    with engine.begin() as database:
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
        database.execute(text(f"{query} AND pid <> pg_backend_pid() AND backend_type = 'client backend'"))

    assert client.post(PATH, data=BODY, headers=second).status_code == 202
    assert len(inbox_rows(engine)) == 2
