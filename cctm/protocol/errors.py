"""What can go wrong, and whose fault it is.

    CctmError
    ├── LocalError           we used the protocol wrongly: a bug on this side
    └── RemoteError          the other side (a peer, or a file) broke the protocol
        ├── MalformedError   bytes that no honest encoder makes
        ├── OpenError        something sealed does not open
        └── ChainError       an entry does not continue its log

Every function whose name ends in `_untrusted` takes bytes from anywhere and raises MalformedError at most,
and the other two where its docstring says so. An error carries data and never a byte of what was sealed.
"""

from enum import Enum


class CctmError(Exception):
    """The root of everything that this project raises on purpose."""


class LocalError(CctmError):
    """This side broke the protocol; *what* says how."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class RemoteError(CctmError):
    """The other side broke the protocol. Drop the link, or name the file."""


class MalformedError(RemoteError):
    """Bytes that no honest encoder makes; *what* names the rule they break."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class OpenError(RemoteError):
    """Something sealed does not open: wrong key, wrong place or changed bytes. Which, is not said."""


class Flaw(Enum):
    """Why an entry does not continue its log (SPEC.md §5.3)."""

    SEQ = "seq"  # not the next number
    PREV = "prev"  # names another predecessor than the entry before it
    KIND = "kind"  # a kind that may not stand here
    KEY = "key"  # an open entry that names an epoch, or another that names none
    OPEN_BODY = "open body"  # the clear text of open does not parse
    WRITER = "writer"  # the log id does not commit to the writer that open names
    SIGNATURE = "signature"  # neither its own signature nor a later one covers it


class ChainError(RemoteError):
    """The entry at *seq* does not continue its log."""

    def __init__(self, seq: int, flaw: Flaw) -> None:
        super().__init__(seq, flaw)
        self.seq = seq
        self.flaw = flaw
