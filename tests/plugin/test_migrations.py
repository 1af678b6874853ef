"""Migrations: from nothing to the newest and back, and the same tables as the models say."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

import plugin.models
from plugin import db


def test_tables_come_and_go(empty: Engine) -> None:
    assert not db.is_up_to_date(empty)
    db.upgrade(empty)
    db.upgrade(empty)
    assert db.is_up_to_date(empty)

    db.downgrade(empty)

    assert inspect(empty).get_table_names() == ["alembic_version"]


def test_migrations_make_the_tables_of_the_models(empty: Engine) -> None:
    db.upgrade(empty)

    assert plugin.models.__all__
    with empty.connect() as connection:
        partitions = set(connection.execute(text("SELECT relname FROM pg_class WHERE relispartition")).scalars())

        def is_no_partition(name: str | None, kind: str, _parents: object) -> bool:
            return kind != "table" or name not in partitions

        context = MigrationContext.configure(connection, opts={"include_name": is_no_partition})
        assert compare_metadata(context, db.metadata) == []


def test_messages_that_were_there_before_partitions_are_kept_both_ways(empty: Engine) -> None:
    db.upgrade(empty, "0004")
    with empty.begin() as connection:
        for query in (
            "INSERT INTO shop (platform, name, domain, public_key, api_key_hash) VALUES ('custom', '', '', 'k', '')",
            """INSERT INTO subscription (shop_id, variant_id, email, email_key, state, joined_at, link_key)
               SELECT 1, 'v', n, n, 'notified', now(), '' FROM generate_series(1, 3) AS n""",
            """INSERT INTO message (shop_id, subscription_id, kind, state, due_at, created_at)
               SELECT 1, id, 'restock', (ARRAY['sent', 'sent', 'pending'])[id], now(), now() FROM subscription""",
            "INSERT INTO delivery_attempt (message_id, number, begun_at) SELECT id, 1, now() FROM message",
        ):
            connection.execute(text(query))

    db.upgrade(empty)

    assert everything(empty) == [(1, "sent", 1), (2, "sent", 1), (3, "pending", 1)]
    with empty.begin() as connection:
        assert connection.execute(text("SELECT shop_id, state, messages FROM message_total")).all() == [(1, "sent", 2)]
        new = connection.execute(
            text(
                "INSERT INTO message (shop_id, subscription_id, kind, step, state, due_at, created_at)"
                " VALUES (1, 1, 'restock', 2, 'sent', now(), now()) RETURNING id"
            )
        ).scalar_one()
        beside = connection.execute(text("SELECT monthly_id('message_id_seq', 3)")).scalar_one()
    assert new > 3
    assert beside > 3  # the number of a message that is written beside an old one is new, too
    with pytest.raises(IntegrityError), empty.begin() as connection:  # unique from before to after
        connection.execute(
            text(
                "INSERT INTO message (shop_id, subscription_id, kind, state, due_at, created_at)"
                " VALUES (1, 2, 'restock', 'pending', now(), now())"
            )
        )

    db.downgrade(empty, "0004")

    assert everything(empty) == [(1, "sent", 1), (2, "sent", 1), (3, "pending", 1), (new, "sent", None)]
    with empty.begin() as connection:
        query = text(
            "INSERT INTO message (shop_id, subscription_id, kind, step, due_at, created_at)"
            " VALUES (1, 1, 'restock', 3, now(), now()) RETURNING id"
        )
        assert connection.execute(query).scalar_one() > new


def everything(engine: Engine) -> list[tuple[int, str, int | None]]:
    with engine.connect() as connection:
        query = text(
            "SELECT id, state, number FROM message LEFT JOIN delivery_attempt ON message_id = id ORDER BY id, number"
        )
        return [tuple(row) for row in connection.execute(query)]  # type: ignore[misc]
