"""The words that control messages use: small enumerations, sent as integers (SPEC.md §8)."""

from enum import IntEnum
from typing import Final

# How the state of a shared terminal's relay begins. Other states say what is wrong, and so does what follows the last.
CONNECTED: Final = "connected"
CONNECTING: Final = "connecting"
RECONNECTING: Final = "reconnecting: "


class Reason(IntEnum):
    """Why a request was refused: what a script may want to tell apart."""

    FAILED = 0
    NO_SUCH_TERMINAL = 1
    NAME_TAKEN = 2
    BAD_NAME = 3
    NOT_RUNNING = 4
    STILL_RUNNING = 5
    CANNOT_START = 6
    NO_ROOM = 7
    NOT_YET = 8
    VERSION = 9
    NOBODY_WAITS = 10
    AMBIGUOUS = 11


class Mode(IntEnum):
    """How a client is served: the program's own bytes, or repainted from the folded screen."""

    AUTO = 0
    RAW = 1
    PAINTED = 2


class Rights(IntEnum):
    """What a client asks to do in a session."""

    DRIVE = 0
    VIEW = 1


class Others(IntEnum):
    """What attaching does to the clients that are there."""

    KEEP = 0
    DETACH = 1


class Scope(IntEnum):
    """How far stop and restart go."""

    DAEMON = 0
    ALL = 1


class Parted(IntEnum):
    """Why nothing more comes of a terminal that was joined, as far as was heard."""

    NOT = 0
    REMOVED = 1
    UNSHARED = 2


class Severity(IntEnum):
    """How a notice is shown."""

    INFO = 0
    WARNING = 1


class FloorAction(IntEnum):
    """What a driver does about the lease on the keyboard."""

    REQUEST = 0
    GRANT = 1
    RELEASE = 2
