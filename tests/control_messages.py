"""Messages of the control protocol to try things on: one of each, and what hypothesis draws of them."""

from typing import Any

from hypothesis import strategies as st

from cctm.protocol.codec import Value
from cctm.protocol.control.frames import MESSAGES
from cctm.protocol.control.replies import LinkRow, PersonRow, Row
from strategies import short_bytes, texts, u63, values

ROW = Row(bytes(32), "work", "make -j8", False, 1, 2, 0, 3, 80, 24, 1, 4096, "disk full", None)
PERSON = PersonRow(b"\1" * 32, "ana", 2, b"\2" * 32, 5, None, 24_000)
LINK = LinkRow(bytes(32), "work", b"\2" * 32, 1, None, 3, "https://relay.example/t/x#y", "connected")
ROWS = {Row: ROW, PersonRow: PERSON, LinkRow: LINK}

# By field type: a value that fits, and values of every kind and range that do not.
GOOD: dict[Any, Any] = {
    int: 7,
    bool: True,
    bytes: b"\0bytes\xff",
    str: "täxt",
    int | None: None,
    bytes | None: b"some",
    list[bytes]: [b"", b"b"],
    list[list[bytes]]: [[b"A", b"1"], []],
    list[Value]: [[1, None, b"x"], "y"],
    **{list[kind]: [row, row] for kind, row in ROWS.items()},
}
NUMBERS = [-1, 2**63]
BAD: dict[Any, list[Any]] = {
    int: [*NUMBERS, None, True, b"", "", []],
    bool: [0, 1, None, b"", "", []],
    bytes: [0, False, None, "text", []],
    str: [0, False, None, b"bytes", []],
    int | None: [*NUMBERS, False, b"", "", []],
    bytes | None: [0, False, "text", []],
    **{
        list[kind]: [0, False, None, b"bytes", "text", [[]], [None], [list(row)[:-1]], [[*row, 0]]]
        for kind, row in ROWS.items()
    },
    list[bytes]: [0, False, None, b"bytes", "text", ["text"], [b"", 0], [[b""]], [None]],
    list[list[bytes]]: [0, False, None, b"bytes", "text", [b""], [["text"]], [[b""], [0]], [[[]]]],
    list[Value]: [0, False, None, b"bytes", "text"],
}

DRAWN: dict[Any, st.SearchStrategy[Any]] = {
    int: u63,
    bool: st.booleans(),
    bytes: short_bytes,
    str: texts,
    int | None: st.none() | u63,
    bytes | None: st.none() | short_bytes,
    list[bytes]: st.lists(short_bytes, max_size=4),
    list[list[bytes]]: st.lists(st.lists(short_bytes, max_size=3), max_size=3),
    list[Value]: st.lists(values, max_size=3),
}
for row in ROWS:
    drawn = st.builds(row, *(DRAWN[kind] for kind in row.__annotations__.values()))
    DRAWN[list[row]] = st.lists(drawn, max_size=3)


def sample(message: type) -> Any:
    """A *message* whose fields are all of use."""
    return message(*(GOOD[kind] for kind in message.__annotations__.values()))


SAMPLES = [sample(message) for message in MESSAGES.values()]

messages = st.one_of(
    *(
        st.builds(message, *(DRAWN[kind] for kind in message.__annotations__.values()))
        for message in MESSAGES.values()
    )
)
