"""Segment files and their names, for `tests.fuzz`: whatever they hold, no byte is passed over."""

import tempfile
from functools import cache
from typing import Any

from cctm.archive.segment import MAGIC, Record, SegmentName, frame, scan
from cctm.protocol.entry import decode_record_untrusted, encode_record
from cctm.protocol.errors import MalformedError
from tests.fuzzing import Target
from tests.samples import drawn

MALFORMED = (MalformedError,)


@cache
def _file() -> Any:
    return tempfile.TemporaryFile()


def _scan(data: bytes) -> None:
    """Scan a segment of *data*, hold it to its word that no byte is passed over, and decode the records."""
    file = _file()
    file.seek(0)
    file.truncate()
    file.write(data)
    file.flush()
    position = len(MAGIC) if data.startswith(MAGIC) else 0
    malformed = None
    for item in scan(file.fileno()):
        assert item.start == position < item.end, item
        position = item.end
        if isinstance(item, Record):
            try:
                sealed = decode_record_untrusted(item.payload)
            except MalformedError as error:
                malformed = error
            else:
                assert encode_record(sealed) == item.payload
    assert position == len(data)
    if malformed is not None:
        raise malformed


def _name(data: bytes) -> SegmentName:
    name = SegmentName.parse(data.decode("utf-8", "replace"))
    if name is None:
        raise MalformedError("name")
    return name


def targets() -> list[Target]:
    from tests.fuzz_protocol import CHAIN

    payloads = [encode_record(sealed) for sealed in CHAIN]
    whole = MAGIC + b"".join(frame(payload) + payload for payload in payloads)
    names = [str(SegmentName(generation, drawn("log"), 1)) for generation in (1, 10**9)]
    return [
        Target("segment, every byte", _scan, [whole, whole[:-1], whole + bytes(9), MAGIC], MALFORMED),
        Target(
            "segment name",
            _name,
            [name.encode() for name in names],
            MALFORMED,
            lambda name: str(name).encode(),
        ),
    ]
