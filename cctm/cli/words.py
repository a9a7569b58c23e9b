"""Ages, sizes and statuses as people read them."""

import re
import signal

from cctm.protocol.control.replies import Row

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
SHOWN_ID_DIGITS = 8
KEY_DIGITS = 64
LEAST_ID_DIGITS = 4
NOTHING_YET = "Nothing is recorded here yet. Open a terminal with `cctm`."
SEEN = "What they have seen, they have seen."
_PARTED = {1: "removed", 2: "unshared"}
_ROLES = {1: "view", 2: "drive", 3: "owner"}


def age(seconds: float) -> str:
    """How long, in one unit: 12s, 3m, 5h, 2d."""
    for length, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "m")):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def time_left(seconds: float) -> str:
    """How long still, to the minute, in two units at most: 45s, 1h 30m, 6d 23h. Part of a minute counts as one."""
    if seconds < MINUTE_S:
        return age(seconds)
    whole = -int(-seconds // MINUTE_S) * MINUTE_S
    for length, unit, smaller in ((DAY_S, "d", HOUR_S), (HOUR_S, "h", MINUTE_S)):
        if whole >= length:
            rest = whole % length
            return f"{whole // length}{unit}" + (f" {age(rest)}" if rest >= smaller else "")
    return f"{whole // MINUTE_S}m"


def size(count: int) -> str:
    """Bytes in binary units: 812 B, 1.4 KiB, 20 MiB."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 9.95:
            return f"{value:.1f} {unit}"
        if value < 1023.5 or unit == "TiB":
            return f"{value:.0f} {unit}"
    raise AssertionError


def count(number: int, one: str, many: str = "") -> str:
    """So many of what *one* of is called so: 1 entry, 8 entries. *many*: where it is not *one* and an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def ended(how: int, code: int) -> str:
    """How a program ended."""
    if how == 0:
        return f"exit {code}"
    if how == 1:
        try:
            return signal.Signals(code).name
        except ValueError:
            return f"signal {code}"
    return "lost"


def exit_status(how: int, code: int) -> int:
    """The status with which a command that stood for the program exits, as a shell would report it."""
    return code if how == 0 else 128 + code if how == 1 else 1


def short_id(channel: bytes) -> str:
    """The beginning of an id, long enough to mean one terminal in practice."""
    return channel.hex()[:SHOWN_ID_DIGITS]


def is_id(text: str) -> bool:
    """Whether *text* could be an id, or the beginning of one."""
    return re.fullmatch(rf"[0-9a-fA-F]{{{LEAST_ID_DIGITS},{KEY_DIGITS}}}", text) is not None


def is_beginning(text: str, key: bytes) -> bool:
    """Whether *text* means *key* by the beginning of its digits."""
    return is_id(text) and key.hex().startswith(text.lower())


def role(number: int) -> str:
    """What somebody may do. The numbers are those of protocol/access.py, which cannot be had without cryptography."""
    return _ROLES.get(number, f"role {number}")


def state(row: Row) -> str:
    """One word on a terminal in a listing."""
    if row.running and row.parted:
        return parted(row)
    if row.running:
        return "attached" if row.clients else "running"
    return ended(row.how or 0, row.code or 0)


def parted(row: Row) -> str:
    """Why nothing more comes of a terminal that was joined. The numbers are those of protocol/control/values.py."""
    return _PARTED.get(row.parted, "unshared")


def record(row: Row) -> str:
    """A line on what a terminal's record takes."""
    return f"{size(row.stored_bytes):>9}  {short_id(row.channel)}  {printable(row.name)}  {state(row)}"


def printable(text: str) -> str:
    """*text* without anything that could steer the reader's terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
