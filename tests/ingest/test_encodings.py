"""Decompression: what was compressed comes back, a bomb does not go off, and damage is said."""

from __future__ import annotations

import gzip
import struct
import zlib

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.sender import JSON, PROTOBUF, Sender
from tests.ingest.test_door import METRICS, SAMPLES

from mainstay.domain.errors import BadInput
from mainstay.ingest.encodings import MOST_WINDOW, ZSTD_MAGIC, decompress
from mainstay.ingest.rejections import TooLarge

MiB = 1 << 20
COMPRESS = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
}


def streamed(data: bytes) -> bytes:
    """zstd without its length, as a sender writes it that does not know it beforehand."""
    compressor = cramjam.zstd.Compressor()
    for at in range(0, len(data), 100_000):
        compressor.compress(data[at : at + 100_000])
    return bytes(compressor.finish())


@pytest.mark.parametrize("encoding", COMPRESS)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    data=st.binary(max_size=300)
    | st.builds(lambda part, times: part * times, st.binary(max_size=5), st.integers(0, 9000))
)
def test_what_was_compressed_comes_back(encoding: str, data: bytes) -> None:
    packed = COMPRESS[encoding](data)
    assert decompress(encoding, packed, MiB) == data
    if len(data) > 1:
        with pytest.raises(TooLarge):
            decompress(encoding, packed, len(data) - 1)
    assert decompress(encoding, packed, max(1, len(data))) == data, "just as much as may be"


@pytest.mark.parametrize("encoding", COMPRESS)
@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=st.data())
def test_damage_is_said_or_harmless(encoding: str, data: st.DataObject) -> None:
    packed = bytearray(COMPRESS[encoding](b"some words, and some words again " * 30))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, 3))
    try:
        found = decompress(encoding, bytes(packed[: len(packed) - cut]), 4096)
    except BadInput:
        return
    assert len(found) <= 4096


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_bomb_does_not_go_off(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(64 * MiB))
    with pytest.raises(TooLarge, match="decompressed body is larger than 1048576"):
        decompress(encoding, bomb, MiB)


def test_a_bomb_of_zstd_that_does_not_say_its_length() -> None:
    bomb = streamed(bytes(32 * MiB))
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge):
        decompress("zstd", bomb, MiB)
    assert decompress("zstd", streamed(b"abc" * 100_000), MiB) == b"abc" * 100_000


def test_zstd_that_wants_more_memory_than_it_needs() -> None:
    head = ZSTD_MAGIC + bytes((0x00, (31 - 10) << 3))  # a window of 2 GiB
    with pytest.raises(BadInput, match=f"at most {MOST_WINDOW}"):
        decompress("zstd", head + b"\x01\x00\x00", MiB)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x28", ZSTD_MAGIC, ZSTD_MAGIC + b"\x20", ZSTD_MAGIC + b"\x20\x05", b"plain text", b"\x28\xb5\x2f\xfc00"],
)
def test_what_is_no_zstd(data: bytes) -> None:
    with pytest.raises(BadInput, match="zstd"):
        decompress("zstd", data, MiB)


def test_lengths_that_lie() -> None:
    """More or less than there is: the length is a hint for room, never believed."""
    plain = b"some words " * 50
    whole = gzip.compress(plain)
    for said in (1, len(plain) + 1, 500_000, 2**32 - 1):
        with pytest.raises(BadInput):
            decompress("gzip", whole[:-4] + struct.pack("<I", said), MiB)
    with pytest.raises(BadInput):
        decompress("gzip", whole[:-8] + bytes(4) + whole[-4:], MiB)
    more = COMPRESS["zstd"](plain)
    assert more[4] >> 5 == 0b011, "two bytes of length, one segment"
    for said in (0, len(plain) - 257, 60_000):
        with pytest.raises(BadInput):
            decompress("zstd", more[:5] + struct.pack("<H", said) + more[7:], MiB)


def test_gzip_in_members_and_with_a_name() -> None:
    named = b"\x1f\x8b\x08\x08" + bytes(6) + b"name\x00" + gzip.compress(b"abc", mtime=0)[10:]
    assert decompress("gzip", named, MiB) == b"abc"
    assert decompress("gzip", gzip.compress(b"abc") + gzip.compress(b"def"), MiB) == b"abcdef"
    assert decompress("gzip", gzip.compress(b"abc") + gzip.compress(b""), MiB) == b"abc"
    assert zlib.decompress(named, 31) == b"abc"


def test_what_is_not_compressed_is_as_it_is() -> None:
    assert decompress("", b"abc", 1) == decompress("identity", b"abc", 1) == b"abc"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_through_the_door(sender: Sender, encoding: str) -> None:
    body = COMPRESS[encoding](METRICS)
    assert sender.post("/v1/metrics", body, PROTOBUF, content_encoding=encoding).status == 200
    assert sender.post("/v1/metrics", COMPRESS[encoding](b"{}"), JSON, content_encoding=encoding).status == 200
    assert sender.kept.records[0].body == METRICS
    answer = sender.post("/v1/metrics", body[:-1], PROTOBUF, content_encoding=encoding)
    assert (answer.status, encoding.encode() in answer.body) == (400, True)
    assert sender.post("/api/v1/write", SAMPLES, PROTOBUF, content_encoding=encoding).status == 415
