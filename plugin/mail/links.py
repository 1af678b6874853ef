"""Links in messages: opaque, made for one purpose, without a personal word in them.

A link holds the subscription's number and a message authentication code over purpose, number and the
subscription's own random key. Nothing of it is stored, so reading the database does not let anyone make one.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Literal

Purpose = Literal["confirm", "unsubscribe"]
NUMBER_BYTES = 8
MAC_BYTES = 24
PATHS: dict[Purpose, str] = {"confirm": "c", "unsubscribe": "u"}


def make_token(secret_key: str, purpose: Purpose, subscription_id: int, link_key: bytes) -> str:
    """The token of one subscription for one purpose; URL-safe text of 43 characters."""
    number = subscription_id.to_bytes(NUMBER_BYTES, "big")
    return base64.urlsafe_b64encode(number + _mac(secret_key, purpose, number, link_key)).rstrip(b"=").decode()


def subscription_of(token: str) -> int | None:
    """The number in a token that has yet to be checked with `is_valid`; None when it is no token at all."""
    raw = _decoded(token)
    return None if raw is None else int.from_bytes(raw[:NUMBER_BYTES], "big", signed=False)


def is_valid(token: str, secret_key: str, purpose: Purpose, link_key: bytes) -> bool:
    """Whether the token was made for this purpose and subscription; takes the same time whatever is wrong."""
    raw = _decoded(token)
    if raw is None:
        return False
    number, mac = raw[:NUMBER_BYTES], raw[NUMBER_BYTES:]
    return hmac.compare_digest(mac, _mac(secret_key, purpose, number, link_key))


def _mac(secret_key: str, purpose: str, number: bytes, link_key: bytes) -> bytes:
    content = b"stockbell link\0" + purpose.encode() + b"\0" + number + link_key
    return hmac.digest(secret_key.encode(), content, hashlib.sha256)[:MAC_BYTES]


def _decoded(token: str) -> bytes | None:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # The last character has bits to spare: only the one spelling that `make_token` writes counts.
    spelled = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return raw if spelled == token and len(raw) == NUMBER_BYTES + MAC_BYTES and raw[0] < 0x80 else None
