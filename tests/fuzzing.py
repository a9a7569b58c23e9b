"""The engine of fuzzing: what a target is, how inputs are made, how one target is run.

An input is one of: random bytes; a valid input cut short; a valid input with bytes changed, doubled or taken
out; a valid input taken apart as MessagePack, changed as a tree and put together again, so that it gets past
the codec.

Inputs depend on the seed alone: a failure is repeated by its seed.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack


@dataclass(frozen=True)
class Target:
    """One decoder.

    Attributes:
        valid: inputs that it accepts.
        allowed: the only errors that may escape.
        again: for a decoder of canonical bytes: makes from its result what was decoded.
    """

    name: str
    decode: Callable[[bytes], Any]
    valid: Sequence[bytes]
    allowed: tuple[type[Exception], ...]
    again: Callable[[Any], bytes] | None = None


@dataclass(frozen=True)
class Finding:
    """An input for which a target broke its word."""

    target: str
    data: bytes
    what: str


@dataclass(frozen=True)
class Run:
    inputs: int
    accepted: int
    seconds: float
    findings: tuple[Finding, ...]


ATOMS = (
    *(
        None,
        True,
        False,
        0,
        1,
        2,
        3,
        4,
        5,
        11,
        15,
        16,
        -1,
        255,
        65_535,
        65_536,
        2**31,
        2**63 - 1,
        2**63,
        -(2**63),
    ),
    *(b"", b"x", bytes(16), bytes(32), bytes(64), bytes(24), "", "x", "é" * 64, "-x", "\x1b[m", "a" * 65),
    *([], [None], [[]], [0, 0], [bytes(32), 0, bytes(32)], {}, 1.5),
)
BYTES = (
    0x00,
    0x01,
    0x20,
    0x7F,
    0x80,
    0x90,
    0x9F,
    0xA1,
    0xC0,
    0xC1,
    0xC4,
    0xC6,
    0xCC,
    0xCF,
    0xD0,
    0xDC,
    0xDD,
    0xFF,
)


def inputs(target: Target, rng: random.Random, count: int) -> Iterator[bytes]:
    """*count* inputs for *target*; the valid ones first."""
    trees = [tree for tree in map(_tree, target.valid) if type(tree) is list]
    yield from target.valid[:count]
    for _ in range(count - len(target.valid)):
        choice = rng.random()
        if choice < 0.1:
            yield rng.randbytes(rng.randrange(100))
        elif choice < 0.2:
            valid = rng.choice(target.valid)
            yield valid[: rng.randrange(len(valid))]
        elif choice < 0.6 or not trees:
            yield _change_bytes(rng.choice(target.valid), rng)
        else:
            yield msgpack.packb(_change_tree(rng.choice(trees), rng))


def _tree(data: bytes) -> Any:
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException):
        return None


def _change_bytes(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(changed)) if changed else 0
        match rng.randrange(5):
            case 0 if changed:
                changed[at] ^= 1 << rng.randrange(8)
            case 1 if changed:
                changed[at] = rng.choice(BYTES)
            case 2:
                del changed[at : at + rng.randrange(1, 9)]
            case 3:
                changed[at:at] = changed[at : at + rng.randrange(1, 9)]
            case _:
                changed[at:at] = rng.randbytes(rng.randrange(1, 5))
    return bytes(changed)


def _change_tree(tree: list[Any], rng: random.Random) -> list[Any]:
    """A copy of *tree* with one place changed; the walk down is as likely to stop as to go on."""
    if not tree:
        return [rng.choice(ATOMS)]
    changed = list(tree)
    at = rng.randrange(len(changed))
    item = changed[at]
    if type(item) is list and rng.random() < 0.8:
        changed[at] = _change_tree(item, rng)
        return changed
    match rng.randrange(6):
        case 0:
            del changed[at]
        case 1:
            changed.insert(at, item)
        case 2 if type(item) is bytes and item:
            changed[at] = _change_bytes(item, rng)
        case 3 if type(item) is int:
            changed[at] = min(max(0, item + rng.choice((-1, 1))), 2**64 - 1)
        case _:
            changed[at] = rng.choice(ATOMS)
    return changed


def run(target: Target, seed: str, count: int) -> Run:
    """Throw *count* inputs at *target*; stop at the first finding."""
    rng = random.Random(f"{seed} {target.name}")
    started = time.perf_counter()
    accepted = made = 0
    for data in inputs(target, rng, count):
        made += 1
        try:
            value = target.decode(data)
        except target.allowed:
            continue
        except Exception as error:  # noqa: BLE001 - whatever else escapes is the finding
            return Run(made, accepted, 0, (Finding(target.name, data, repr(error)),))
        accepted += 1
        if target.again is not None and target.again(value) != data:
            return Run(made, accepted, 0, (Finding(target.name, data, "not the one encoding"),))
    return Run(made, accepted, time.perf_counter() - started, ())
