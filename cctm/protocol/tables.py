"""Tables of messages: a number for each type, a class with its fields, one canonical encoding.

    message  <─►  canonical [type, fields…]

**Invariants**

- A table is the whole of a protocol: a type that is not in it, a wrong number of fields, or a field of another kind
  than its class says is malformed.
- Integers are unsigned and below 2^63. Types are never renumbered.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from .codec import MAX_ITEMS, Value, decode_untrusted, encode
from .errors import LocalError, MalformedError

Message = tuple[object, ...]
Check = Callable[[Value], bool]


def _unsigned(value: Value) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _or_nil(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _is_bytes(value: Value) -> bool:
    return isinstance(value, bytes)


_CHECKS: Final[dict[object, Check]] = {
    int: _unsigned,
    bool: lambda value: isinstance(value, bool),
    bytes: _is_bytes,
    str: lambda value: isinstance(value, str),
    int | None: _or_nil(_unsigned),
    bytes | None: _or_nil(_is_bytes),
    list[bytes]: _list_of(_is_bytes),
    list[list[bytes]]: _list_of(_list_of(_is_bytes)),
    list[Value]: lambda value: isinstance(value, list),
}


class Table:
    """One protocol's messages."""

    def __init__(
        self,
        messages: Mapping[int, type[Message]],
        *,
        max_bytes: int,
        max_items: int = MAX_ITEMS,
        rows: tuple[type[Message], ...] = (),
    ) -> None:
        """
        Args:
            messages: named tuples, by their types.
            max_bytes: of an encoded message.
            rows: named tuples that a message may hold a list of, as its first field.
        """
        self.messages = dict(messages)
        self.types = {message: number for number, message in messages.items()}
        self.max_bytes = max_bytes
        self.max_items = max_items
        self._rows = {list[row]: row for row in rows}  # type: ignore[valid-type]
        checks = dict(_CHECKS)
        shapes: dict[type[Message], tuple[Check, ...]] = {}
        for row in rows:
            # A field of a type that no check is for fails here, at import.
            shapes[row] = tuple(checks[kind] for kind in row.__annotations__.values())
            checks[list[row]] = _list_of(lambda value, shape=shapes[row]: _fits(shape, value))  # type: ignore[valid-type, misc]
        for message in self.types:
            shapes[message] = tuple(checks[kind] for kind in message.__annotations__.values())
        self._shapes = shapes
        self._row_of = {
            message: self._rows[kind]
            for message in self.types
            for kind in list(message.__annotations__.values())[:1]
            if kind in self._rows
        }

    def encode(self, message: Message) -> bytes:
        """The one encoding of *message*.

        Raises:
            LocalError: it would be too long, or its text is not Unicode.
        """
        fields: tuple[Any, ...] = message
        body = encode([self.types[type(message)], *fields])
        if len(body) > self.max_bytes:
            raise LocalError("message above the limit")
        return body

    def decode_untrusted(self, body: bytes | memoryview) -> Message:
        """The message that *body* is the encoding of.

        Raises:
            MalformedError: not a message of the table.
        """
        values = decode_untrusted(body, self.max_bytes, self.max_items)
        if not isinstance(values, list) or not values or type(values[0]) is not int:
            raise MalformedError("message")
        message = self.messages.get(values[0])
        if message is None or not _fits(self._shapes[message], values[1:]):
            raise MalformedError("message")
        fields: list[Any] = values[1:]  # what they are was just checked
        row = self._row_of.get(message)
        if row is not None:
            make_row: Callable[..., Message] = row
            fields[0] = [make_row(*one) for one in fields[0]]
        make: Callable[..., Message] = message
        return make(*fields)


def _fits(shape: tuple[Check, ...], values: Value) -> bool:
    return (
        isinstance(values, list)
        and len(values) == len(shape)
        and all(check(value) for check, value in zip(shape, values, strict=True))
    )
