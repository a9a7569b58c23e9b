"""What the daemon says of links (SPEC.md §8), as people and scripts read it; and how one of them is named."""

from collections.abc import Sequence
from typing import Final

from cctm.cli import words
from cctm.cli.errors import UserError
from cctm.protocol.control.replies import LinkRow

HEADS: Final = ("LINK", "ROLE", "EXPIRES", "GUESTS", "STATE")


def cells(row: LinkRow, now_s: float) -> tuple[str, ...]:
    """A line of a table, in the order of HEADS."""
    role, state = words.role(row.role), words.printable(row.state) or "-"
    return words.short_id(row.link), role, expiry(row, now_s), str(row.guests), state


def expiry(row: LinkRow, now_s: float) -> str:
    """When the link expires."""
    if row.expires_us is None:
        return "never"
    left_s = row.expires_us / 1e6 - now_s
    return f"in {words.age(left_s)}" if left_s > 0 else "now"


def as_json(row: LinkRow) -> dict[str, object]:
    """The documented shape of a link in JSON: docs/json.md."""
    return {
        "terminal": row.name,
        "id": row.channel.hex(),
        "link": row.link.hex(),
        "role": words.role(row.role),
        "expires": None if row.expires_us is None else row.expires_us / 1e6,
        "guests": row.guests,
        "url": row.url or None,
        "state": row.state,
    }


def chosen(rows: Sequence[LinkRow], given: str) -> LinkRow:
    """The link that *given* means: all of its text, or the beginning of its id.

    Raises:
        UserError: none, or several.
    """
    found = [row for row in rows if row.url == given or words.is_beginning(given, row.link)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"Several links begin with {given!r}.", "Say more of the id: `cctm shares --json`.")
    shown = "" if "#" in given else f" {given!r}"  # whoever reads along must not get it
    raise UserError(f"There is no such link{shown}.", "See `cctm shares`.")
