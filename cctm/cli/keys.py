"""The prefix key: Ctrl+B, then a letter; twice passes it on to the program.

TYPING ──prefix──► PREFIXED ──d─────► Command DETACH
  ▲                   ├───?─────► Command HELP
  ├◄── prefix itself ─┤ (passed on)
  └◄── anything else ─┘ (passed over, with a bell)
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

PREFIX: Final = 0x02


class Command(Enum):
    """What a key after the prefix asks for."""

    DETACH = "d"
    HELP = "?"
    UNKNOWN = ""


COMMANDS: Final = {ord("d"): Command.DETACH, ord("?"): Command.HELP}
HELP: Final = "Ctrl+B d: detach · Ctrl+B Ctrl+B: send Ctrl+B · Ctrl+B ?: this help"


@dataclass(slots=True)
class PrefixKeys:
    """Tells keys for the program from commands for us, whatever pieces they arrive in."""

    _prefixed: bool = False

    def receive(self, data: bytes) -> list[bytes | Command]:
        """Split *data* into what goes to the program and commands, in order."""
        found: list[bytes | Command] = []
        if not self._prefixed and PREFIX not in data:
            return [data]
        start = 0
        for at, byte in enumerate(data):
            if self._prefixed:
                self._prefixed = False
                start = at + 1
                if byte == PREFIX:
                    found.append(bytes((byte,)))
                else:
                    found.append(COMMANDS.get(byte, Command.UNKNOWN))
            elif byte == PREFIX:
                if at > start:
                    found.append(data[start:at])
                start = at + 1
                self._prefixed = True
        if start < len(data):
            found.append(data[start:])
        return found
