import base64

from hypothesis import given
from hypothesis import strategies as st

from plugin.mail import links
from plugin.mail.links import Purpose

SECRET = "s" * 40
numbers = st.integers(0, 2**63 - 1)
keys = st.binary(min_size=16, max_size=16)
purposes = st.sampled_from(["confirm", "unsubscribe"])


@given(numbers, keys, purposes)
def test_a_token_leads_back_to_its_subscription(number: int, key: bytes, purpose: Purpose) -> None:
    token = links.make_token(SECRET, purpose, number, key)

    assert len(token) == 43
    assert token.replace("-", "").replace("_", "").isalnum()
    assert links.subscription_of(token) == number
    assert links.is_valid(token, SECRET, purpose, key)


@given(numbers, keys, purposes)
def test_a_token_is_good_for_its_purpose_secret_and_key_alone(number: int, key: bytes, purpose: Purpose) -> None:
    token = links.make_token(SECRET, purpose, number, key)
    other: Purpose = "confirm" if purpose == "unsubscribe" else "unsubscribe"

    assert not links.is_valid(token, SECRET, other, key)
    assert not links.is_valid(token, SECRET + "x", purpose, key)
    assert not links.is_valid(token, SECRET, purpose, bytes([key[0] ^ 1]) + key[1:])
    assert not links.is_valid(token, SECRET, purpose, key + b"\0")


@given(numbers, keys, st.integers(0, 42), st.characters(codec="utf-8"))
def test_any_changed_character_is_refused(number: int, key: bytes, place: int, character: str) -> None:
    token = links.make_token(SECRET, "confirm", number, key)
    changed = token[:place] + character + token[place + 1 :]

    assert changed == token or not links.is_valid(changed, SECRET, "confirm", key)


@given(numbers, keys, st.integers(0, 31), st.integers(1, 255))
def test_any_changed_byte_is_refused(number: int, key: bytes, place: int, flip: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(links.make_token(SECRET, "confirm", number, key) + "="))
    raw[place] ^= flip
    changed = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()

    assert not links.is_valid(changed, SECRET, "confirm", key)


def test_only_one_spelling_of_a_token_counts() -> None:
    token = links.make_token(SECRET, "confirm", 7, b"k" * 16)
    twins = [token[:-1] + character for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]

    assert [
        twin
        for twin in [*twins, token + "=", token + "\n", " " + token]
        if links.is_valid(twin, SECRET, "confirm", b"k" * 16)
    ] == [token]


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert links.subscription_of(text) is None or len(text) == 43
    assert not links.is_valid(text, SECRET, "confirm", b"k" * 16)
