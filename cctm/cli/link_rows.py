"""What the daemon says of links (SPEC.md §8), as people and scripts read it; and how one of them is named."""

from collections.abc import Sequence
from typing import Final

from cctm.cli import words
from cctm.cli.client import Client
from cctm.cli.errors import UserError
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import LinkRow

HEADS: Final = ("LINK", "ROLE", "EXPIRES", "GUESTS", "STATE")


def in_force(rows: Sequence[LinkRow]) -> list[LinkRow]:
    """Those that are about a link; the others tell what a relay does not know yet."""
    return [row for row in rows if row.link]


def cells(row: LinkRow, now_s: float) -> tuple[str, ...]:
    """A line of a table, in the order of HEADS."""
    state = words.printable(row.state) or "-"
    if not row.link:
        return "-", "-", "-", "-", state
    role = words.role(row.role)
    return words.short_id(row.link), role, expiry(row, now_s), str(row.guests), state


def expiry(row: LinkRow, now_s: float) -> str:
    """When the link expires."""
    if row.expires_us is None:
        return "never"
    left_s = row.expires_us / 1e6 - now_s
    return f"in {words.time_left(left_s)}" if left_s > 0 else "now"


def as_json(row: LinkRow) -> dict[str, object]:
    """The documented shape of a link in JSON: docs/json.md."""
    return {
        "terminal": row.name,
        "id": row.channel.hex(),
        "link": row.link.hex() or None,
        "role": words.role(row.role) if row.link else None,
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
    found = [row for row in in_force(rows) if row.url == given or words.is_beginning(given, row.link)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"Several links begin with {given!r}.", "Say more of the id: `cctm shares --json`.")
    shown = "" if "#" in given else f" {given!r}"  # whoever reads along must not get it
    raise UserError(f"There is no such link{shown}.", "See `cctm shares`.")


def say_owed(client: Client, target: str) -> str:
    """What the relay of *target* does not know yet, for the end of what is said of a revocation; mostly empty."""
    rows = client.ask(requests.AskShares(target), replies.Shares).rows
    state = next((words.printable(row.state) for row in rows if not row.link), "")
    return (
        f" But {state.rstrip('.')}. Nothing new goes there, and it is told once it is back: see `cctm shares`."
        if state
        else ""
    )
