"""What is joined compressed is what was joined, byte for byte, and its check sum is that of the whole."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio.deflated import Deflated

SIZES = [0, 1, 2, 255, 256, 65_535, 65_536, 1_000_003, 2**24 + 1]


@given(st.lists(st.binary(max_size=300), max_size=6), st.binary(max_size=50))
def test_parts_are_the_whole(parts: list[bytes], more: bytes) -> None:
    whole, text = b"".join(parts), Deflated.joined([Deflated.of(part) for part in parts])
    assert (text.size, text.crc, text.plain()) == (len(whole), zlib.crc32(whole), whole)
    assert gzip.decompress(text.gzipped(more)) == whole + more


@pytest.mark.parametrize("size", SIZES)
def test_the_check_sum_of_what_stands_before_so_many_bytes(size: int) -> None:
    first, second = b"sentio_yhat 1.0\n" * 7, bytes(range(251)) * (size // 251) + b"x" * (size % 251)
    joined = Deflated.joined([Deflated.of(first), Deflated.of(second)])
    assert joined.crc == zlib.crc32(first + second)


def test_what_is_joined_can_be_joined_again() -> None:
    one = Deflated.joined([Deflated.of(b"a" * 1000), Deflated.of(b"b")])
    assert gzip.decompress(Deflated.joined([one, one]).gzipped(b"")) == (b"a" * 1000 + b"b") * 2


def test_nothing_is_an_empty_text() -> None:
    assert Deflated.joined([]).plain() == b""
    assert gzip.decompress(Deflated.joined([]).gzipped(b"more")) == b"more"
