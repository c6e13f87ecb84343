"""Text that is kept compressed, and whose parts are put together without being unpacked.

Deflate blocks that end at a byte stand one behind another as they are (RFC 1951, section 3.2.3). The check sum of the
whole follows from those of the parts: of a text and ``n`` bytes behind it, it is the first one's times x^8n, modulo the
polynomial of RFC 1952, section 8, plus the second one's.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

_GZIP_HEAD = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255])
"""Deflate, no name, no time, the fastest, no matter which system (RFC 1952, section 2.3)."""
_LEVEL = 1
_POLYNOMIAL, _BITS = 0xEDB88320, 32
"""The coefficient of x^0 is the highest bit."""


@dataclass(frozen=True, slots=True)
class Deflated:
    """A text of ``size`` bytes as deflate blocks, none of them the last; ``crc`` is its check sum."""

    packed: bytes
    size: int
    crc: int

    @classmethod
    def of(cls, text: bytes) -> Deflated:
        blocks = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = blocks.compress(text) + blocks.flush(zlib.Z_FULL_FLUSH)
        return cls(packed, len(text), zlib.crc32(text))

    @classmethod
    def joined(cls, parts: Sequence[Deflated]) -> Deflated:
        """``parts`` one after another."""
        size = crc = 0
        for part in parts:
            size, crc = size + part.size, _behind(crc, part.size) ^ part.crc
        return cls(b"".join([part.packed for part in parts]), size, crc)

    def plain(self) -> bytes:
        """The text."""
        return zlib.decompress(self.packed + b"\x03\x00", -zlib.MAX_WBITS, self.size)

    def gzipped(self, more: bytes) -> bytes:
        """The text and ``more`` behind it, as a gzip file of one member: no browser reads a second one."""
        last = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        size = (self.size + len(more)) % 2**32
        tail = struct.pack("<II", zlib.crc32(more, self.crc), size)
        return b"".join([_GZIP_HEAD, self.packed, last.compress(more), last.flush(), tail])


def _behind(crc: int, size: int) -> int:
    """What the check sum ``crc`` of a text adds to that of the same with ``size`` bytes behind it."""
    power = 0
    while size:
        if size & 1:
            a, b, c, d = _tables(power)
            crc = a[crc & 255] ^ b[crc >> 8 & 255] ^ c[crc >> 16 & 255] ^ d[crc >> 24]
        size >>= 1
        power += 1
    return crc


@cache
def _tables(power: int) -> list[array[int]]:
    """By each byte of a check sum, lowest first: what it becomes times x^(8 · 2^power)."""
    images = _images(power)
    # Not lists: all of these are a megabyte of integers.
    return [array("L", (_applied(images[8 * byte : 8 * byte + 8], value) for value in range(256))) for byte in range(4)]


@cache
def _images(power: int) -> list[int]:
    """What each bit of a check sum, lowest first, becomes times x^(8 · 2^power)."""
    if power:
        half = _images(power - 1)
        return [_applied(half, image) for image in half]
    images = [1 << bit for bit in range(_BITS)]
    for _ in range(8):
        images = [image >> 1 ^ (_POLYNOMIAL if image & 1 else 0) for image in images]
    return images


def _applied(images: Sequence[int], bits: int) -> int:
    result = 0
    for bit, image in enumerate(images):
        if bits >> bit & 1:
            result ^= image
    return result
