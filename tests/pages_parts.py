"""What pages show in tests, and a reader of what they draw."""

from cctm.cli.client_rows import ClientRow
from cctm.protocol.access import Role
from cctm.protocol.control.replies import LinkRow, PersonRow, Presence, Row
from cctm.protocol.control.values import Mode, Rights
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of

NASTY = "a\x1b]0;owned\x07\x9b?1000h\r\n\u202eb"
NOW_US = 10_000_000_000


def terminal(number, name, command="bash", clients=0):
    return Row(bytes([number]) * 32, name, command, True, NOW_US, None, None, None, 80, 24, clients, 0, "", 1)


TERMINALS = [
    terminal(1, "0"),
    terminal(2, "build", "make -j8", 2),
    terminal(3, "编译", "vim"),
    terminal(4, "7", "htop"),
]
CLIENTS = [
    ClientRow(0, 80, 24, Mode.RAW, Rights.DRIVE, "xterm", 0),
    ClientRow(1, 100, 30, Mode.PAINTED, Rights.VIEW, NASTY, 5000),
]


ANA, BO = b"\xa0" * 32, b"\xb0" * 32
HOST = PersonRow(b"", "me", Role.OWNER, b"", NOW_US - 60_000_000, 0, None)
GUESTS = [
    PersonRow(ANA, "ana", Role.DRIVER, b"\1" * 32, NOW_US - 5_000_000, 1_000, 24_300),
    PersonRow(BO, "薄", Role.VIEWER, b"\2" * 32, NOW_US - 7_200_000_000, None, None),
]
SHARED = Presence([HOST, *GUESTS], b"", None)
ONE_AT_A_TIME = SHARED._replace(holder=b"")
ALONE = Presence([], b"", None)
NASTY_PEOPLE = Presence([GUESTS[0]._replace(label=NASTY)] * 20, b"", b"")
URL = "https://relay.example/t/" + "c" * 43 + "#" + "s" * 50
LINKS = [
    LinkRow(bytes(32), "work", b"\1" * 32, Role.DRIVER, None, 2, URL, "connected"),
    LinkRow(bytes(32), "work", b"\2" * 32, Role.VIEWER, NOW_US + 7_300_000_000, 0, "other", NASTY),
]


class List:
    """Lines for a record page, in blocks of which the last comes first."""

    def __init__(self, *blocks):
        self.blocks = blocks

    def lines(self, block):
        return tuple(self.blocks[block]) if 0 <= block < len(self.blocks) else None

    def oldest(self):
        return len(self.blocks) - 1

    def part(self, block):
        return 1 - (block + 1) / len(self.blocks)


def numbered(count, size=10):
    """The lines 0 … count-1 in blocks of *size*."""
    lines = [f"line {number}" for number in range(count)]
    return List(*([*reversed([lines[at : at + size] for at in range(0, count, size)])] or [[]]))


def shown(page, cols=60, rows=12):
    """The rows that a window shows."""
    fold = Fold(cols, rows)
    fold.feed(page.draw(cols, rows))
    return [text_of(row).rstrip() for row in fold.picture().lines]


def window(page, rows=12):
    """The lines of a record that a window shows."""
    return [line for line in shown(page, rows=rows)[:-1] if line]


def press(page, *keys):
    """What the page comes to; its work is done."""
    for key in keys:
        effect = page.take(key)
        if effect is not None:
            return effect
        while page.is_busy:
            page.work()
    return None
