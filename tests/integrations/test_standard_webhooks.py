"""The specification's own example, and everything that must not pass."""

import base64

import pytest

from integrations.errors import SignatureError
from integrations.standard_webhooks import sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SENT_AT = 1614265330
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(SENT_AT),
    "webhook-signature": SIGNATURE,
}
OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes length").decode()


def check(body: bytes = BODY, *secrets: str, at: float = SENT_AT, **changes: str | None) -> str:
    headers = {**HEADERS, **{f"webhook-{name}": value for name, value in changes.items()}}
    given = {name: value for name, value in headers.items() if value is not None}
    return verify(given, body, secrets or [SECRET], at)


def test_the_example_of_the_specification_passes() -> None:
    assert sign(SECRET, HEADERS["webhook-id"], str(SENT_AT), BODY) == SIGNATURE
    assert check() == HEADERS["webhook-id"]


def test_one_of_several_signatures_is_enough() -> None:
    assert check(signature=f"v1,AAAA v1a,{SIGNATURE[3:]} {SIGNATURE}")


def test_one_of_several_secrets_is_enough_while_one_is_replaced() -> None:
    assert check(BODY, OTHER, SECRET)
    assert check(BODY, SECRET, OTHER)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_five_minutes_either_way_are_borne(seconds: int) -> None:
    assert check(at=SENT_AT + seconds)


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_an_older_or_later_one_is_refused(seconds: int) -> None:
    with pytest.raises(SignatureError) as caught:
        check(at=SENT_AT + seconds)
    assert caught.value.reason == "too_old"


@pytest.mark.parametrize("place", range(len(BODY)))
def test_one_byte_changed_anywhere_is_refused(place: int) -> None:
    with pytest.raises(SignatureError):
        check(BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :])


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "msg_p5jXN8AQM9LWM0D4loKWxJel"},
        {"id": None},
        {"id": ""},
        {"id": "x" * 256},
        {"timestamp": str(SENT_AT + 1)},
        {"timestamp": None},
        {"timestamp": ""},
        {"timestamp": f"{SENT_AT}.0"},
        {"timestamp": f" {SENT_AT}"},
        {"timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"timestamp": "9" * 5000},
        {"signature": None},
        {"signature": ""},
        {"signature": SIGNATURE[3:]},
        {"signature": f"v2,{SIGNATURE[3:]}"},
        {"signature": SIGNATURE[:-2]},
        {"signature": f"{SIGNATURE},"},
        {"signature": "v1,é"},
    ],
)
def test_a_header_that_is_not_the_right_one_is_refused(changes: dict[str, str | None]) -> None:
    with pytest.raises(SignatureError):
        check(**changes)


def test_another_secret_or_none_is_refused() -> None:
    with pytest.raises(SignatureError):
        check(BODY, OTHER)
    with pytest.raises(SignatureError):
        verify(HEADERS, BODY, [], SENT_AT)
    with pytest.raises(SignatureError):
        check(BODY, "whsec_not base64!")
