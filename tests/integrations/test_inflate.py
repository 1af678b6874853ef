import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import PayloadError
from integrations.inflate import decode, inflate

LIMIT = 10_000_000


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50))
def test_reads_members_however_they_are_cut(members: list[bytes], size: int) -> None:
    packed = b"".join(map(gzip.compress, members))
    blocks = [packed[at : at + size] for at in range(0, len(packed), size)]

    assert b"".join(inflate(blocks, LIMIT)) == b"".join(members)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_cut_off_data_never_passes_for_whole(content: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(content)
    cut = packed[: data.draw(st.integers(1, len(packed) - 1))]

    with pytest.raises(PayloadError) as caught:
        list(inflate([cut], LIMIT))

    assert caught.value.reason == "cut_off"


def test_damaged_data_is_refused() -> None:
    packed = bytearray(gzip.compress(b"hello" * 100))
    packed[-6] ^= 0xFF  # the checksum

    with pytest.raises(PayloadError) as caught:
        list(inflate([bytes(packed)], LIMIT))

    assert caught.value.reason == "bad_gzip"


def test_bomb_stays_small() -> None:
    bomb = gzip.compress(b"\0" * 100_000_000, 1)
    tracemalloc.start()

    with pytest.raises(PayloadError) as caught:
        sum(map(len, inflate([bomb], 50_000_000)))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reason == "too_large"
    assert peak < 5_000_000


def test_plain_data_passes_through() -> None:
    assert list(decode([b"a", b"b"], "identity", LIMIT)) == [b"a", b"b"]


def test_unknown_encoding_is_refused() -> None:
    with pytest.raises(PayloadError):
        decode([b""], "br", LIMIT)
