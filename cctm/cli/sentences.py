"""What a record holds, and what is wrong with it, as people read it. `--json` has all of it."""

import os
import shlex
from collections.abc import Sequence
from typing import Final, assert_never

from cctm.archive.finding import Finding
from cctm.cli import words
from cctm.protocol import events
from cctm.protocol.events import Event

SHOWN_DATA_CHARS: Final = 40
SHOWN_COMMAND_CHARS: Final = 200
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e", "\\": "\\\\", '"': '\\"'}


def event(happened: Event) -> str:
    """What *happened*, but its kind and time."""
    match happened:
        case events.Opened():
            size = f"{happened.cols}x{happened.rows}"
            where = happened.cwd.decode("utf-8", "replace")
            return f"{happened.name}: {command(happened.argv)}  (in {where}, {size})"
        case events.Output(offset=offset, data=data):
            return f"at byte {offset}, {words.count(len(data), 'byte')}: {quoted(data)}"
        case events.Input(who=who, length=length, data=data):
            return f"{words.count(length, 'byte')}{_by(who)}{'' if data is None else f': {quoted(data)}'}"
        case events.Resized(cols=cols, rows=rows, by=by):
            return f"{cols}x{rows}{_by(by)}"
        case events.Marked(label=text) | events.Renamed(name=text):
            return text
        case events.Control(holder=who):
            return f"held{_by(who)}" if who else "held by nobody"
        case events.Joined(who=who, label=label):
            return f"{label}{_by(who)}"
        case events.Left(who=who):
            return _by(who).strip()
        case events.Document(update=update):
            return words.count(len(update), "byte")
        case events.Keyframe():
            return f"{happened.name}: at byte {happened.offset}, {happened.cols}x{happened.rows}"
        case events.Gap(offset=offset, length=length):
            lost = "an unknown number of bytes" if length is None else words.count(length, "byte")
            return f"at byte {offset}: {lost} of output lost"
        case events.Closed(how=how, code=code):
            return words.ended(how, code)
        case events.Paused() | events.Resumed():
            return ""
        case _:
            assert_never(happened)


def _by(who: bytes) -> str:
    """The host's own user, who is meant where nobody is named, goes without saying."""
    return f" by {who.hex()[: words.SHOWN_ID_DIGITS]}" if who else ""


def command(argv: Sequence[bytes]) -> str:
    """The command line as a shell would read it, or its beginning."""
    line = shlex.join(part.decode("utf-8", "replace") for part in argv)
    return line if len(line) <= SHOWN_COMMAND_CHARS else line[: SHOWN_COMMAND_CHARS - 1] + "…"


def quoted(data: bytes) -> str:
    """*data*, or its beginning, in quotation marks and with escapes for what would not show."""
    enough = data[: 4 * SHOWN_DATA_CHARS]  # no character has more than 4 bytes
    text = enough.decode("utf-8", "surrogateescape")
    more = "…" if len(text) > SHOWN_DATA_CHARS else ""
    return '"' + "".join(map(_escaped, text[:SHOWN_DATA_CHARS])) + f'"{more}'


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if "\udc80" <= letter <= "\udcff":  # a byte that is no text
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def flaw(finding: Finding, archive: str) -> tuple[str, str]:
    """What is wrong, and below it where: paths are long."""
    detail = f" ({finding.detail})" if finding.detail else ""
    what = f"{finding.fault.value}{detail}"
    if finding.spot is None:
        path, byte, log = finding.file, "", ""
    else:
        path, byte = finding.spot.file, f"byte {finding.spot.start} of "
        log = f" of log {finding.spot.ref.log.hex()[: words.SHOWN_ID_DIGITS]}"
    entry = f"entry {finding.seq}{log}: " if finding.seq is not None else ""
    return f"{entry}{what}", f"{byte}{os.path.join(archive, path)}"
