"""Canonical MessagePack: one value, one encoding (SPEC.md §1.1).

    nil  c0                          bool  c2 c3
    int  00…7f e0…ff  cc cd ce cf    d0 d1 d2 d3       whichever is shortest
    str  a0…bf  d9 da db             bin   c4 c5 c6
    array  90…9f  dc dd              no maps, floats or extensions

**Invariants**

- What `decode_untrusted` accepts, `encode` turns back into the same bytes: each head is checked to be the
  shortest.
- Nothing is allocated on the word of a length: a length must be covered by bytes that are there, nesting ends
  at MAX_DEPTH, and one value holds at most MAX_ITEMS items (else a megabyte of empty arrays would become 64),
  or as many as its reader says.

`msgpack` encodes. It cannot decode within those bounds (it reserves room for each array that a head
announces, a thousand deep), so the decoder is here; a property test holds it to `msgpack`'s own.

The `expect_…` functions give decoded values their types, for the modules that know what should be where.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgpack  # type: ignore[import-untyped]

from .errors import LocalError, MalformedError

Value: TypeAlias = "bool | int | bytes | str | list[Value] | None"
# What may be encoded: tuples become arrays as well.
Encodable: TypeAlias = "bool | int | bytes | str | Sequence[Encodable] | None"

MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 65_536
U63_MAX: Final = 2**63 - 1


def encode(value: Encodable) -> bytes:
    """The one encoding of *value*.

    Raises:
        LocalError: no such value exists in this format (a number beyond 64 bits, text that is not Unicode).
    """
    try:
        encoded: bytes = msgpack.packb(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalError("value that has no encoding") from error
    return encoded


def decode_untrusted(data: bytes | memoryview, max_bytes: int, max_items: int = MAX_ITEMS) -> Value:
    """The value that *data* is the one encoding of.

    Raises:
        MalformedError: longer than *max_bytes*, with more than *max_items* in all its arrays, or not canonical.
    """
    if len(data) > max_bytes:
        raise MalformedError("size")
    scanner = _Scanner(bytes(data), max_items)
    try:
        value = scanner.value(0)
    except IndexError:
        raise MalformedError("cut short") from None
    if scanner.at != len(scanner.data):
        raise MalformedError("trailing bytes")
    return value


# A head with a length or number of 1, 2, 4 or 8 bytes: (bytes, smallest value that needs so many).
_UINTS: Final = {0xCC: (1, 0x80), 0xCD: (2, 0x100), 0xCE: (4, 0x1_0000), 0xCF: (8, 0x1_0000_0000)}
_INTS: Final = {0xD0: (1, -0x20), 0xD1: (2, -0x80), 0xD2: (4, -0x8000), 0xD3: (8, -0x8000_0000)}
_BINS: Final = {0xC4: (1, 0), 0xC5: (2, 0x100), 0xC6: (4, 0x1_0000)}
_STRS: Final = {0xD9: (1, 0x20), 0xDA: (2, 0x100), 0xDB: (4, 0x1_0000)}
_ARRAYS: Final = {0xDC: (2, 0x10), 0xDD: (4, 0x1_0000)}
_ATOMS: Final = {0xC0: None, 0xC2: False, 0xC3: True}


class _Scanner:
    """A place in bytes that are being decoded. IndexError: they end too early."""

    __slots__ = ("at", "data", "room")

    def __init__(self, data: bytes, max_items: int) -> None:
        self.data = data
        self.at = 0
        self.room = max_items

    def value(self, depth: int) -> Value:
        head = self.data[self.at]
        self.at += 1
        if head < 0x80:
            return head
        if head in _BINS:
            return self._take(self._length(_BINS[head]))
        if 0x90 <= head < 0xA0:
            return self._array(head & 0x0F, depth)
        if 0xA0 <= head < 0xC0:
            return self._text(head & 0x1F)
        if head in _UINTS:
            return self._length(_UINTS[head])
        if head in _STRS:
            return self._text(self._length(_STRS[head]))
        if head in _ARRAYS:
            return self._array(self._length(_ARRAYS[head]), depth)
        if head in _ATOMS:
            return _ATOMS[head]
        if head >= 0xE0:
            return head - 0x100
        if head in _INTS:
            return self._negative(_INTS[head])
        raise MalformedError("map, float or extension")

    def _take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) != size:
            raise IndexError
        self.at += size
        return taken

    def _length(self, head: tuple[int, int]) -> int:
        size, least = head
        number = int.from_bytes(self._take(size), "big")
        if number < least:
            raise MalformedError("not the shortest form")
        return number

    def _negative(self, head: tuple[int, int]) -> int:
        size, bound = head
        number = int.from_bytes(self._take(size), "big", signed=True)
        if number >= bound:
            raise MalformedError("not the shortest form")
        return number

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise MalformedError("text that is not UTF-8") from None

    def _array(self, length: int, depth: int) -> list[Value]:
        self.room -= length
        if self.room < 0:
            raise MalformedError("too many items")
        if depth >= MAX_DEPTH:
            raise MalformedError("nested too deep")
        return [self.value(depth + 1) for _ in range(length)]


def expect_int(value: object, low: int = 0, high: int = U63_MAX) -> int:
    """*value*, if it is a number in low…high (a boolean is none)."""
    if type(value) is not int or not low <= value <= high:
        raise MalformedError("number")
    return value


def expect_bool(value: object) -> bool:
    if type(value) is not bool:
        raise MalformedError("boolean")
    return value


def expect_bytes(value: object, least: int = 0, most: int = U63_MAX) -> bytes:
    """*value*, if it is least…most bytes."""
    if type(value) is not bytes or not least <= len(value) <= most:
        raise MalformedError("bytes")
    return value


def expect_exactly(value: object, size: int) -> bytes:
    """*value*, if it is *size* bytes."""
    if type(value) is not bytes or len(value) != size:
        raise MalformedError("bytes of a fixed size")
    return value


def expect_text(value: object, most: int = U63_MAX) -> str:
    """*value*, if it is text of at most *most* characters."""
    if type(value) is not str or len(value) > most:
        raise MalformedError("text")
    return value


def expect_array(value: object, least: int = 0, most: int = MAX_ITEMS) -> Sequence[object]:
    """*value*, if it is an array (or, before encoding, a tuple) of least…most items."""
    if not isinstance(value, list | tuple) or not least <= len(value) <= most:
        raise MalformedError("array")
    return value


def expect_fields(value: object, count: int) -> Sequence[object]:
    """*value*, if it is an array of exactly *count* items."""
    return expect_array(value, count, count)
