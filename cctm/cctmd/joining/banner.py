"""Banner: what lies over the last row of a terminal that was joined, as long as it is so.

removed ► two histories, no key, an older state ► no connection ► withheld ► lacking ► no screen ► not confirmed live

The first of these that holds is said; nothing, if the screen is what the host shows at this moment.
"""

from dataclasses import dataclass
from typing import Final

from cctm.protocol.live.messages import Why
from cctm.protocol.sync.followed import SENTENCES, Doubt

GRAVE: Final = (Doubt.FORK, Doubt.NO_KEY, Doubt.STALE)
PARTED: Final = {
    Why.REMOVED: "The host has removed you: nothing more comes. Ctrl+B d leaves.",
    Why.UNSHARED: "The host shares this terminal no longer: nothing more comes. Ctrl+B d leaves.",
}
WITHHELD: Final = "The relay withholds what the host has recorded."
UNSHOWN: Final = "Waiting for the host's screen."
UNCONFIRMED: Final = "Not confirmed live: the host does not answer."


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a mirror at a moment. *lack*: why there is no connection; empty if there is one."""

    lack: str
    parted: Why | None
    doubts: frozenset[Doubt]
    is_shown: bool
    withholds: bool
    is_confirmed: bool


def banner(standing: Standing) -> str:
    """What to say; empty: nothing."""
    if standing.parted in PARTED:
        return PARTED[standing.parted]
    for doubt in GRAVE:
        if doubt in standing.doubts:
            return SENTENCES[doubt]
    if standing.lack:
        return standing.lack
    if standing.withholds:
        return WITHHELD
    if Doubt.HOLE in standing.doubts:
        return SENTENCES[Doubt.HOLE]
    if not standing.is_shown:
        return UNSHOWN
    return "" if standing.is_confirmed else UNCONFIRMED
