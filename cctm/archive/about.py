"""What a person knows a terminal by (SPEC.md §6.8).

    about = canonical [name, argv, cwd, created_us, state, ended_us or nil, how or nil, code, output bytes]

Invariants: it is stored only under the device's key; the segments say the same, so that it can be had again.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cctm.protocol.codec import (
    decode_untrusted,
    encode,
    expect_array,
    expect_bytes,
    expect_fields,
    expect_int,
    expect_text,
)
from cctm.protocol.events import How

_ABOUT_LIMIT_BYTES: Final = 1 << 20


class State(IntEnum):
    """What became of a terminal's program, as far as this device knows."""

    RUNNING = 0
    ENDED = 1


@dataclass(frozen=True, slots=True)
class About:
    """What a person knows a terminal by. Sealed in the catalogue."""

    name: str
    argv: tuple[bytes, ...]
    cwd: bytes
    created_us: int
    state: State = State.RUNNING
    ended_us: int | None = None
    how: How | None = None
    code: int = 0
    output_bytes: int = 0


def encode_about(about: About) -> bytes:
    return encode(
        (
            about.name,
            about.argv,
            about.cwd,
            about.created_us,
            int(about.state),
            about.ended_us,
            None if about.how is None else int(about.how),
            about.code,
            about.output_bytes,
        )
    )


def decode_about_untrusted(data: bytes) -> About:
    """
    Raises:
        MalformedError: `encode_about` does not make *data*.
    """
    fields = expect_fields(decode_untrusted(data, _ABOUT_LIMIT_BYTES), 9)
    name, argv, cwd, created_us, state, ended_us, how, code, output_bytes = fields
    return About(
        expect_text(name),
        tuple(expect_bytes(argument) for argument in expect_array(argv)),
        expect_bytes(cwd),
        expect_int(created_us),
        State(expect_int(state, State.RUNNING, State.ENDED)),
        None if ended_us is None else expect_int(ended_us),
        None if how is None else How(expect_int(how, How.EXITED, How.LOST)),
        expect_int(code),
        expect_int(output_bytes),
    )
