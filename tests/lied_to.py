"""Two daemons and a relay between them that lies: what a test sees of them, and asks for."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cctm.protocol.live.envelope import Kind, decode_live_untrusted
from cctm.protocol.sync import messages as m
from cctm.protocol.tables import Message
from lying_relay import LyingRelay, Passage
from machine import Machine
from outer import Outer
from relay_process import RelayProcess
from two_machines import link_of

GUEST_NOTICED = b"the relay lies, or fails"
WORDS = (f"word{number:04d}" for number in itertools.count(1))


@dataclass
class World:
    liar: LyingRelay
    relay: RelayProcess
    host: Machine
    guest: Machine
    url: str
    place: Path

    @property
    def channel(self) -> bytes:
        return link_of(self.url).channel

    def guest_noticed(self) -> int:
        """How often the guest's daemon wrote that the relay lies."""
        return (self.guest.home / "state" / "daemon.log").read_bytes().count(GUEST_NOTICED)

    def readers(self, passage: Passage) -> bool:
        return passage.channel == self.channel and not passage.is_host

    def hosts(self, passage: Passage) -> bool:
        return passage.channel == self.channel and passage.is_host


@dataclass
class Once:
    """A lie that is told once: *change* is asked of each message until it says something else than it."""

    change: Callable[[Passage, Message], Iterable[Message] | None]
    told: bool = False

    def __call__(self, passage: Passage, message: Message) -> Iterable[Message]:
        if self.told:
            return [message]
        said = self.change(passage, message)
        if said is None:
            return [message]
        self.told = True
        return said


@dataclass
class Attached:
    """Both in front of the terminal."""

    world: World
    here: Outer
    there: Outer
    printed: list[str] = field(default_factory=list)

    def print(self) -> str:
        """The host types a word, which the program prints once more."""
        word = next(WORDS)
        self.printed.append(word)
        self.here.enter(word)
        self.here.until(word)
        return word

    def until_typed(self) -> None:
        """What the guest types arrives; before it is known again as itself, it is told that it does not."""
        words: list[str] = []

        def arrives(rows: list[str]) -> bool:
            words.append(next(WORDS))
            self.there.enter(words[-1])
            return any(word in row for row in rows for word in words)

        self.here.until_rows(arrives, "what the guest types is shown")

    def until_level(self) -> None:
        """Both show what was printed last."""
        word = self.print()
        self.there.until(word)
        self.there.until_rows(lambda rows: rows == self.here.lines(), "both show the same")


def records_to(reader: Callable[[Passage], bool]) -> Callable[[Passage, Message], m.Entries | None]:
    """Whether a message brings records to somebody whom *reader* means."""

    def found(passage: Passage, message: Message) -> m.Entries | None:
        is_it = isinstance(message, m.Entries) and message.records and reader(passage)
        return message if is_it and isinstance(message, m.Entries) else None

    return found


def kind_of(message: Message) -> Kind | None:
    return decode_live_untrusted(message.data).kind if isinstance(message, m.Live | m.LiveFrom) else None


def typed_to_host(world: World, passage: Passage, message: Message) -> bool:
    return world.readers(passage) and isinstance(message, m.Live) and kind_of(message) is Kind.WORD
