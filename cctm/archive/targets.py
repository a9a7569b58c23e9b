"""What a person means by TERMINAL (SPEC.md §9.2). The daemon and those who read without it go by the same rules.

    a running terminal of that name ─► an ended one, of several the newest ─► the only id that begins so

Where a mistake cannot be taken back, several ended ones of a name are several (`find_only`).

Pure: whoever asks says which terminals there are.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cctm.protocol.keys import ChannelId

MIN_ID_DIGITS: Final = 4
SHOWN_ID_DIGITS: Final = 8  # as in a listing, unless more are needed to tell candidates apart
_SHOWN: Final = 8  # candidates in a sentence
_HEX: Final = frozenset("0123456789abcdefABCDEF")


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

    def __init__(self, target: str, names: Iterable[str] = ()) -> None:
        similar = difflib.get_close_matches(target, names, n=1)
        if similar:
            advice = f"Did you mean {similar[0]!r}?"
        elif target and len(target) < MIN_ID_DIGITS and _HEX.issuperset(target):
            advice = f"If it begins an id, say {MIN_ID_DIGITS} digits of it or more: see `cctm ls -a`."
        else:
            advice = "See `cctm ls -a` for names and ids."
        super().__init__(target, f"There is no terminal {target!r}.", advice)


class AmbiguousTerminalError(TargetError):
    """*target* may mean any of *candidates*."""

    def __init__(self, target: str, candidates: Sequence[Named], what: str, advice: str) -> None:
        super().__init__(target, what, advice)
        self.candidates = tuple(candidates)


def find(target: str, terminals: Iterable[Named]) -> ChannelId:
    """The one of *terminals* that *target* means.

    Raises:
        NoSuchTerminalError, AmbiguousTerminalError
    """
    known = list(terminals)
    named = _called(target, known)
    if named:
        return max(named, key=lambda one: (one.is_running, one.created_us)).channel
    return _by_id(target, known)


def find_only(target: str, terminals: Iterable[Named]) -> ChannelId:
    """The one of *terminals* that *target* can mean: of several ended ones of that name, none.

    Raises:
        NoSuchTerminalError, AmbiguousTerminalError
    """
    known = list(terminals)
    named = _called(target, known)
    if len(named) > 1 and not any(one.is_running for one in named):
        newest_first = sorted(named, key=lambda one: one.created_us, reverse=True)
        ids = ", ".join(_some(_ids(newest_first, SHOWN_ID_DIGITS)))
        what = f"{len(named)} terminals that ended are called {target!r}: {ids} (the newest first)."
        raise AmbiguousTerminalError(target, newest_first, what, "Say the id of the one that you mean.")
    return find(target, known)


def _called(name: str, terminals: Iterable[Named]) -> list[Named]:
    return [one for one in terminals if one.name == name]


def _by_id(target: str, terminals: Sequence[Named]) -> ChannelId:
    digits = target.lower()
    is_long_enough = len(digits) >= MIN_ID_DIGITS
    matching = [one for one in terminals if is_long_enough and one.channel.hex().startswith(digits)]
    if not matching:
        raise NoSuchTerminalError(target, {one.name for one in terminals})
    if len(matching) > 1:
        ids = _ids(matching, max(len(digits), SHOWN_ID_DIGITS))
        listed = ", ".join(_some([f"{id_} ({one.name})" for id_, one in zip(ids, matching, strict=True)]))
        what = f"{len(matching)} terminals have ids that begin with {target!r}: {listed}."
        raise AmbiguousTerminalError(target, matching, what, "Say more of the id.")
    return matching[0].channel


def _ids(terminals: Sequence[Named], least: int) -> list[str]:
    """The beginnings of their ids, of equal length, at least *least*, that tell them apart."""
    ids = [one.channel.hex() for one in terminals]
    digits = next(n for n in range(least, len(ids[0]) + 1) if len({id_[:n] for id_ in ids}) == len(ids))
    return [id_[:digits] for id_ in ids]


def _some(words: list[str]) -> list[str]:
    """As many of *words* as a sentence can hold."""
    more = len(words) - _SHOWN
    return [*words[:_SHOWN], f"{more} more"] if more > 0 else words
