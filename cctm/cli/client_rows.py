"""What the daemon says of a terminal's clients (SPEC.md §8), as people and scripts read it."""

from typing import Final, NamedTuple

from cctm.cli import words
from cctm.cli.errors import UserError
from cctm.protocol.control import replies
from cctm.protocol.control.values import Mode, Rights

HEADS: Final = ("CLIENT", "SIZE", "SHOWN", "RIGHTS", "TERM", "BEHIND")


class ClientRow(NamedTuple):
    """One client."""

    number: int
    cols: int
    rows: int
    mode: Mode
    rights: Rights
    term: str
    behind_bytes: int


def client_rows(reply: replies.Clients) -> list[ClientRow]:
    """
    Raises:
        UserError: the daemon is another version.
    """
    found = []
    for row in reply.rows:
        match row:
            case [
                int(number),
                int(cols),
                int(rows),
                int(mode),
                int(rights),
                str(term),
                int(behind),
                *_,
            ] if mode in set(Mode) and rights in set(Rights):
                found.append(ClientRow(number, cols, rows, Mode(mode), Rights(rights), term, behind))
            case _:
                raise UserError(
                    "The daemon's list of clients is of another version.", "Call `cctm daemon restart`."
                )
    return found


def cells(row: ClientRow) -> tuple[str, ...]:
    """A line of a table, in the order of HEADS."""
    shown = "raw" if row.mode is Mode.RAW else "painted"
    rights = "view" if row.rights is Rights.VIEW else "drive"
    behind = words.size(row.behind_bytes) if row.behind_bytes else "-"
    return str(row.number), f"{row.cols}x{row.rows}", shown, rights, words.printable(row.term) or "-", behind
