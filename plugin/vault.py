"""Keeps secrets and personal data in the database so that the database alone does not tell them.

AES-256-GCM with a key that is made from the installation's secret key. What is sealed for one purpose and one shop can
be opened for no other.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"\x01"
NONCE_BYTES = 12


class VaultError(Exception):
    """It was sealed with another secret key, for something else, or was changed."""


class Vault:
    """Seals and opens."""

    def __init__(self, secret_key: str) -> None:
        """Make the key.

        Args:
            secret_key: the installation's, at least 32 characters.
        """
        derive = HKDF(SHA256(), length=32, salt=None, info=b"stockbell vault")
        self._cipher = AESGCM(derive.derive(secret_key.encode()))

    def seal(self, content: bytes, purpose: str, shop_id: int) -> bytes:
        """Encrypt for one purpose and one shop; different each time."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, content, _bound_to(purpose, shop_id))

    def open(self, sealed: bytes, purpose: str, shop_id: int) -> bytes:
        """What was sealed.

        Raises:
            VaultError: it cannot be opened with this key, for this purpose, or for this shop.
        """
        body = sealed.removeprefix(VERSION)
        try:
            return self._cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], _bound_to(purpose, shop_id))
        except (InvalidTag, ValueError) as error:
            raise VaultError("STOCKBELL_SECRET_KEY is not the one with which this was kept.") from error


def _bound_to(purpose: str, shop_id: int) -> bytes:
    return f"{purpose} {shop_id}".encode()
