"""Transactions that run into each other."""

import threading

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from plugin import db
from tests.factories import make_shop


def test_of_two_transactions_that_wait_for_each_other_both_are_done(engine: Engine) -> None:
    make_shop(engine, variants=("a", "b"))
    both_hold_one = threading.Barrier(2)
    one_is_done = threading.Event()
    tries: list[str] = []

    def lock(order: str) -> None:
        def work(database: Connection) -> None:
            first = order not in tries
            tries.append(order)
            if not first:
                one_is_done.wait(10)  # or the two might run into each other once more
            for variant_id in order:
                query = text("UPDATE variant SET url = :url WHERE variant_id = :id")
                database.execute(query, {"url": order, "id": variant_id})
                if first and variant_id == order[0]:
                    both_hold_one.wait(10)

        db.in_transaction(engine, work)
        one_is_done.set()

    threads = [threading.Thread(target=lock, args=(order,)) for order in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(set(tries)) == ["ab", "ba"]
    assert len(tries) == 3
    with engine.connect() as database:
        assert len(set(database.execute(text("SELECT url FROM variant")).scalars())) == 1


def test_another_fault_is_not_tried_again(engine: Engine) -> None:
    tries: list[int] = []

    def work(database: Connection) -> None:
        tries.append(1)
        database.execute(text("SET LOCAL statement_timeout = 5"))
        database.execute(text("SELECT pg_sleep(1)"))

    with pytest.raises(OperationalError):
        db.in_transaction(engine, work)
    assert tries == [1]
