"""What a person means by TERMINAL (SPEC.md §9.2). The daemon and those who read without it go by the same rules.

    a running terminal of that name ─► an ended one, of several the newest ─► the only id that begins so

Pure: whoever asks says which terminals there are.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cctm.protocol.keys import ChannelId

MIN_ID_DIGITS: Final = 4
_SHOWN: Final = 8  # candidates in a sentence


class Named(NamedTuple):
    """A terminal, as far as it matters to whoever looks for it."""

    channel: ChannelId
    name: str
    created_us: int
    is_running: bool


class TargetError(LookupError):
    """*target* does not mean one terminal: `what` happened, and what to do about it."""

    def __init__(self, target: str, what: str, advice: str) -> None:
        super().__init__(target)
        self.target = target
        self.what = what
        self.advice = advice


class NoSuchTerminalError(TargetError):
    """No terminal is called *target*, and no id begins with it."""

    def __init__(self, target: str) -> None:
        super().__init__(target, f"There is no terminal {target!r}.", "See `cctm ls -a` for their names.")


class AmbiguousTerminalError(TargetError):
    """The ids of all *candidates* begin with *target*."""

    def __init__(self, target: str, candidates: Sequence[Named]) -> None:
        self.candidates = tuple(candidates)
        ids = [one.channel.hex() for one in self.candidates]
        digits = next(
            n for n in range(len(target), len(ids[0]) + 1) if len({id_[:n] for id_ in ids}) == len(ids)
        )
        shown = [f"{one.channel.hex()[:digits]} ({one.name})" for one in self.candidates[:_SHOWN]]
        more = len(self.candidates) - len(shown)
        listed = ", ".join([*shown, *([f"{more} more"] if more else [])])
        what = f"{len(self.candidates)} terminals have ids that begin with {target!r}: {listed}."
        super().__init__(target, what, "Say more of the id.")


def find(target: str, terminals: Iterable[Named]) -> ChannelId:
    """The one of *terminals* that *target* means.

    Raises:
        NoSuchTerminalError, AmbiguousTerminalError
    """
    by_id = target.lower() if len(target) >= MIN_ID_DIGITS else None
    named: list[Named] = []
    matching: list[Named] = []
    for one in terminals:
        if one.name == target:
            named.append(one)
        if by_id is not None and one.channel.hex().startswith(by_id):
            matching.append(one)
    if named:
        return max(named, key=lambda one: (one.is_running, one.created_us)).channel
    if len(matching) > 1:
        raise AmbiguousTerminalError(target, matching)
    if not matching:
        raise NoSuchTerminalError(target)
    return matching[0].channel
