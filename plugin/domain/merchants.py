"""The people who run shops: accounts and sign-in."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, text

from plugin.domain.errors import FieldError

LEAST_PASSWORD_CHARS = 10
_hasher = PasswordHasher()


def add_merchant(database: Connection, *, email: str, password: str, shop_id: int, new_password: bool = False) -> bool:
    """Let someone into a shop; returns whether the account is new or got this password.

    An account may be in several shops and has one password, which is kept unless `new_password` says otherwise.

    Raises:
        FieldError: the password is too short, or there is no such shop.
    """
    if len(password) < LEAST_PASSWORD_CHARS:
        raise FieldError("password", f"must have at least {LEAST_PASSWORD_CHARS} characters")
    values = {"email": email.strip().lower(), "hash": _hasher.hash(password), "new": new_password}
    taken = database.execute(
        text(
            "INSERT INTO merchant (email, password_hash) VALUES (:email, :hash)"
            " ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash WHERE :new RETURNING id"
        ),
        values,
    ).first()
    joined = database.execute(
        text(
            "INSERT INTO membership (shop_id, merchant_id) SELECT shop.id, merchant.id FROM shop, merchant"
            " WHERE shop.id = :shop AND email = :email ON CONFLICT (shop_id, merchant_id)"
            " DO UPDATE SET shop_id = excluded.shop_id RETURNING 1"
        ),
        {"email": values["email"], "shop": shop_id},
    ).first()
    if joined is None:
        raise FieldError("shop", f"there is no shop {shop_id}")
    return taken is not None


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


def email_of(database: Connection, merchant_id: int) -> str:
    """The address of an account."""
    query = text("SELECT email FROM merchant WHERE id = :id")
    return str(database.execute(query, {"id": merchant_id}).scalar_one())
