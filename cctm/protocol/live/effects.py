"""What a reader's driver tells it to do: values (SPEC.md §16.5, §16.6)."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from cctm.protocol.live.messages import Why


class Loss(Enum):
    """Why something typed did not run."""

    VIEWER = "viewer"  # this reader may not type
    NOT_YET = "not yet"  # no session yet, or none since one died
    UNHEARD = "unheard"  # the host was not heard for 10 s
    HELD = "held"  # somebody else has the lease
    FULL = "full"  # more than goes through
    REFUSED = "refused"  # the host ended the session: this much did not run
    UNKNOWN = "unknown"  # it went astray, or the host began anew: at most this much did not run


@dataclass(frozen=True, slots=True)
class Send:
    """Send *data* to the host."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Dropped:
    """So many bytes that were typed did not run; tell the user."""

    size: int
    loss: Loss


@dataclass(frozen=True, slots=True)
class Heard:
    """The host answered: `Driver.pulse` is new."""


@dataclass(frozen=True, slots=True)
class Parted:
    """The host says farewell. ENDED is a hint: that a terminal ended, its log says."""

    why: Why


Effect: TypeAlias = Send | Dropped | Heard | Parted
