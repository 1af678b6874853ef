"""Columns that several tables share."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Text, text

# How far a row is filled: room on the page lets PostgreSQL update rows in place without touching the indices.
FILLFACTOR = {"fillfactor": "80"}


def identity() -> Column[int]:
    """The table's own number, given by the database."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def monthly_id(sequence: str) -> Column[int]:
    """The number of a row in a table that is partitioned by month: the month in the upper bits, then a sequence.

    So numbers grow with time, and one alone tells the partition.
    """
    default = text(f"monthly_id('{sequence}')")
    return Column("id", BigInteger, server_default=default, primary_key=True, autoincrement=False)


def shop_id(*, primary_key: bool = False) -> Column[int]:
    """The shop that the row belongs to; every row has one."""
    shop = ForeignKey("shop.id", ondelete="CASCADE")
    return Column("shop_id", BigInteger, shop, primary_key=primary_key, nullable=False)


def unchecked_shop_id(*, primary_key: bool = False) -> Column[int]:
    """The same in tables whose rows come in great numbers.

    Checking each for its shop would lock the shop's row every time, and cost more than writing the row. They are
    written only by code that has just read the shop, and are erased with it by hand.
    """
    return Column("shop_id", BigInteger, primary_key=primary_key, autoincrement=False, nullable=False)


def moment(name: str, *, nullable: bool = True, default_now: bool = False) -> Column[Any]:
    """A point in time (UTC)."""
    default = text("now()") if default_now else None
    return Column(name, DateTime(timezone=True), nullable=nullable and not default_now, server_default=default)


def words(name: str, *, nullable: bool = False, default: str | None = None, primary_key: bool = False) -> Column[str]:
    """Text; an absent one is empty unless `nullable`."""
    server_default = None if default is None else text(f"'{default}'")
    return Column(name, Text, nullable=nullable, server_default=server_default, primary_key=primary_key)
