"""What the daemon says of a terminal's clients (SPEC.md §8), as people and scripts read it."""

from typing import Final, NamedTuple

from cctm.cli import words
from cctm.cli.errors import UserError
from cctm.protocol.control import replies
from cctm.protocol.control.values import Mode, Rights

HEADS: Final = ("CLIENT", "SIZE", "SHOWN", "RIGHTS", "TERM", "BEHIND")

_MODES: Final = {Mode.AUTO: "starting", Mode.RAW: "raw", Mode.PAINTED: "painted"}
_RIGHTS: Final = {Rights.DRIVE: "drive", Rights.VIEW: "view"}


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
    behind = words.size(row.behind_bytes) if row.behind_bytes else "-"
    size = f"{row.cols}x{row.rows}"
    term = words.printable(row.term) or "-"
    return str(row.number), size, _MODES[row.mode], _RIGHTS[row.rights], term, behind


def as_json(row: ClientRow) -> dict[str, object]:
    """The documented shape of a client in JSON: docs/json.md."""
    return {
        "client": row.number,
        "cols": row.cols,
        "rows": row.rows,
        "mode": _MODES[row.mode],
        "rights": _RIGHTS[row.rights],
        "term": row.term,
        "behind": row.behind_bytes,
    }
