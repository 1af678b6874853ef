"""What is sealed can be opened with the same key, for the same purpose and shop, and unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.vault import Vault, VaultError

VAULT = Vault("k" * 40)


@given(content=st.binary(max_size=300), purpose=st.text(max_size=20), shop_id=st.integers(1, 2**62))
def test_what_was_sealed_can_be_opened(content: bytes, purpose: str, shop_id: int) -> None:
    sealed = VAULT.seal(content, purpose, shop_id)

    assert Vault("k" * 40).open(sealed, purpose, shop_id) == content
    assert VAULT.seal(content, purpose, shop_id) != sealed


@given(position=st.integers(0, 200), flip=st.integers(1, 255))
def test_what_was_changed_cannot(position: int, flip: int) -> None:
    sealed = bytearray(VAULT.seal(b"a token", "access_token", 1))
    sealed[position % len(sealed)] ^= flip

    with pytest.raises(VaultError):
        VAULT.open(bytes(sealed), "access_token", 1)


@pytest.mark.parametrize(
    ("key", "purpose", "shop_id"),
    [("x" * 40, "access_token", 1), ("k" * 40, "data_request", 1), ("k" * 40, "access_token", 2)],
)
def test_nor_with_another_key_for_something_else_or_another_shop(key: str, purpose: str, shop_id: int) -> None:
    sealed = VAULT.seal(b"a token", "access_token", 1)

    with pytest.raises(VaultError):
        Vault(key).open(sealed, purpose, shop_id)


@pytest.mark.parametrize("broken", [b"", b"\x01", b"\x01" + b"\0" * 12, b"\x02" + b"\0" * 60])
def test_what_was_never_sealed_is_an_error(broken: bytes) -> None:
    with pytest.raises(VaultError):
        VAULT.open(broken, "access_token", 1)
