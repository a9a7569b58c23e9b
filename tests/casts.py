"""Recordings to fold: asciicasts in tests/data, of all versions, as sizes and bytes.

`Cast.events` are bytes that were printed and (cols, rows) where the size changed; times and all else are left out.
"""

import json
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"


class Cast(NamedTuple):
    name: str
    size: tuple[int, int]
    events: list[bytes | tuple[int, int]]


def read(path: Path) -> Cast:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = json.loads(lines[0])
    if header["version"] == 1:
        rows = [[0, "o", text] for _, text in json.loads(path.read_text(encoding="utf-8"))["stdout"]]
    else:
        rows = [json.loads(line) for line in lines[1:] if line.strip() and not line.startswith("#")]
    term = header.get("term")
    size = (term["cols"], term["rows"]) if term else (header["width"], header["height"])
    events: list[bytes | tuple[int, int]] = []
    for _, kind, data in rows:
        if kind == "o":
            events.append(data.encode())
        elif kind == "r":
            cols, _, high = data.partition("x")
            events.append((int(cols), int(high)))
    return Cast(path.stem, size, events)


SMALL = [read(path) for path in sorted((DATA / "casts").glob("*.cast"))]
PROGRAMS = [read(path) for path in sorted((DATA / "programs").glob("*.cast"))]
ALL = SMALL + PROGRAMS
