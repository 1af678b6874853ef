"""The people who run shops: accounts and sign-in."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, text

from plugin.domain.shops import ShopError

LEAST_PASSWORD_CHARS = 10
_hasher = PasswordHasher()


def add_merchant(database: Connection, *, email: str, password: str, shop_id: int) -> int:
    """Make an account, or give an existing one a new password, and let it into the shop.

    Raises:
        ShopError: the password is too short, or there is no such shop.
    """
    if len(password) < LEAST_PASSWORD_CHARS:
        raise ShopError("password", f"must have at least {LEAST_PASSWORD_CHARS} characters")
    merchant_id = database.execute(
        text(
            "INSERT INTO merchant (email, password_hash) VALUES (:email, :hash)"
            " ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash RETURNING id"
        ),
        {"email": email.strip().lower(), "hash": _hasher.hash(password)},
    ).scalar_one()
    joined = database.execute(
        text(
            "INSERT INTO membership (shop_id, merchant_id) SELECT id, :merchant FROM shop WHERE id = :shop"
            " ON CONFLICT DO NOTHING RETURNING 1"
        ),
        {"merchant": merchant_id, "shop": shop_id},
    ).first()
    if joined is None and not is_member(database, merchant_id, shop_id):
        raise ShopError("shop", f"there is no shop {shop_id}")
    return int(merchant_id)


def sign_in(database: Connection, email: str, password: str) -> int | None:
    """The account's number, or None when address and password do not belong together."""
    row = database.execute(
        text("SELECT id, password_hash FROM merchant WHERE email = :email"), {"email": email.strip().lower()}
    ).first()
    try:
        _hasher.verify(row.password_hash if row else _nobody(), password)
    except (VerificationError, InvalidHashError):
        return None
    return int(row.id) if row else None


@cache
def _nobody() -> str:
    """What an unknown account is checked against, so that it takes as long as a known one."""
    return _hasher.hash("nobody has this password")


def is_member(database: Connection, merchant_id: int, shop_id: int) -> bool:
    """Whether a merchant may see a shop."""
    query = text("SELECT EXISTS (SELECT FROM membership WHERE merchant_id = :merchant AND shop_id = :shop)")
    return bool(database.execute(query, {"merchant": merchant_id, "shop": shop_id}).scalar_one())
