"""Signatures of webhooks by the Standard Webhooks specification (https://www.standardwebhooks.com), version 1."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from integrations.errors import SignatureError

TOLERANCE_SECONDS = 300
SECRET_PREFIX = "whsec_"  # noqa: S105 (a prefix, and no secret)
MOST_ID_CHARS = 255


def verify(headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: float) -> str:
    """Check a webhook's signature and age; returns its id, which is the same for each repetition.

    Args:
        headers: names in lower case.
        body: the raw bytes.
        secrets: those that count at present, each `whsec_` and base64; several while one is replaced.
        now: the moment, in seconds since 1970.

    Raises:
        SignatureError: a header is missing or malformed, the time is too far from now, or no signature is right.
    """
    delivery_id, sent_at, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not 1 <= len(delivery_id) <= MOST_ID_CHARS or not given:
        raise SignatureError("The headers webhook-id, webhook-timestamp and webhook-signature are needed.")
    if not sent_at.isascii() or not sent_at.isdigit() or len(sent_at) > 12:
        raise SignatureError("The header webhook-timestamp must be a whole number of seconds since 1970.")
    if abs(now - int(sent_at)) > TOLERANCE_SECONDS:
        raise SignatureError("The header webhook-timestamp is more than 5 minutes away from now.", reason="too_old")
    right = [sign(secret, delivery_id, sent_at, body).encode() for secret in secrets]
    # Each is compared, in a time that does not tell how much of it is right.
    matches = [hmac.compare_digest(one.encode(), other) for one in given.split(" ") for other in right]
    if not any(matches):
        raise SignatureError("The webhook's signature is not right.")
    return delivery_id


def sign(secret: str, delivery_id: str, sent_at: str, body: bytes) -> str:
    """The signature `v1,...` of a webhook.

    Raises:
        SignatureError: the secret is not `whsec_` and base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureError("The webhook secret of this shop cannot be used.") from error
    content = f"{delivery_id}.{sent_at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
