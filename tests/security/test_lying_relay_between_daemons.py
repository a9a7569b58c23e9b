"""A relay that lies between two real daemons: the rows of SPEC.md §16.10.

Whatever it did: once it is honest, both sides show the same again, what both have stored is sound, and nothing has been
shown or typed that was not printed or typed. What must be noticed, the journal of whoever noticed it names.
"""

import dataclasses
import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cctm.protocol.entry import decode_record_untrusted, encode_record
from cctm.protocol.ids import WriterId
from cctm.protocol.live.envelope import Kind, decode_live_untrusted
from cctm.protocol.sync import messages as m
from cctm.protocol.tables import Message
from lying_relay import LyingRelay, Passage, honest
from machine import Machine, until
from outer import Outer, needs_tmux
from relay_process import RelayProcess
from two_machines import labels, link_of, machine_at, share, use_relay, verify

pytestmark = needs_tmux

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


def some(*lies: object) -> Sequence[object]:
    """All of *lies* in `make faults`; every fourth otherwise: daemons wait longer after each."""
    return lies if "CCTM_TEST_LIES" in os.environ else lies[::4]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("lies")
    (place / "relay").mkdir()
    with (
        LyingRelay() as liar,
        RelayProcess(place / "relay", "--origin", liar.address) as relay,
        machine_at(place / "host") as host,
        machine_at(place / "guest") as guest,
    ):
        liar.serve(relay.address)
        use_relay(host, liar.address)
        for name in ("work", "other"):
            host.run("new", "-d", "-n", name, "--", "cat")
        url = share(host, "work", "--drive")
        other = share(host, "other", "--drive")
        for link in (url, other):
            until(
                lambda link=link: guest.run("join", "-d", link, "--as", "ann", check=False).returncode == 0,
                "the relay has it",
            )
        with Outer(guest, "attach", "other") as there:
            there.until("")
            until(lambda: labels(host, "other") == ["you", "ann"], "the guest is in the other terminal")
            there.enter("elsewhere")
            there.until("elsewhere")
        yield World(liar, relay, host, guest, url, place)


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

    def until_level(self) -> None:
        """Both show what was printed last."""
        word = self.print()
        self.there.until(word)
        self.there.until_rows(lambda rows: rows == self.here.lines(), "both show the same")


@pytest.fixture
def both(world: World) -> Iterator[Attached]:
    """A test's lies end with it; then both are level, and what is stored is sound."""
    with Outer(world.host, "attach", "work") as here, Outer(world.guest, "attach", "work") as there:
        attached = Attached(world, here, there)
        until(lambda: labels(world.host) == ["you", "ann"], "the guest is here")
        attached.until_level()
        try:
            yield attached
        finally:
            world.liar.lie = honest
        attached.until_level()
    for machine in (world.host, world.guest):
        verify(machine)
    for machine in (world.host, world.guest):
        assert b"Traceback" not in (machine.home / "state" / "daemon.log").read_bytes()
    assert world.liar.errors == []


def records_to(reader: Callable[[Passage], bool]) -> Callable[[Passage, Message], m.Entries | None]:
    """Whether a message brings records to somebody whom *reader* means."""

    def found(passage: Passage, message: Message) -> m.Entries | None:
        is_it = isinstance(message, m.Entries) and message.records and reader(passage)
        return message if is_it and isinstance(message, m.Entries) else None

    return found


# --- it flips, truncates, forges, splices, reorders


def with_record(entries: m.Entries, record: bytes) -> list[Message]:
    return [entries._replace(records=[record, *entries.records[1:]])]


def flipped(at: float) -> Callable[[World, m.Entries], list[Message]]:
    def change(_: World, entries: m.Entries) -> list[Message]:
        record = bytearray(entries.records[0])
        record[int(at * (len(record) - 1))] ^= 0x10
        return with_record(entries, bytes(record))

    return change


def truncated(_: World, entries: m.Entries) -> list[Message]:
    return with_record(entries, entries.records[0][:-9])


def forged(_: World, entries: m.Entries) -> list[Message]:
    sealed = decode_record_untrusted(entries.records[0])
    body = os.urandom(len(sealed.entry.body))
    entry = dataclasses.replace(sealed.entry, body=body, sig=os.urandom(64))
    return with_record(entries, encode_record(dataclasses.replace(sealed, entry=entry)))


def spliced_from_the_other_channel(world: World, entries: m.Entries) -> list[Message]:
    [passage, *_] = world.liar.up(lambda one: one.is_host and one.channel != world.channel)
    sent = [message for message in passage.heard if isinstance(message, m.Append)]
    return with_record(entries, sent[-1].records[-1])


def spliced_from_before(world: World, entries: m.Entries) -> list[Message]:
    [passage, *_] = world.liar.up(world.hosts)
    sent = [message for message in passage.heard if isinstance(message, m.Append)]
    return with_record(entries, sent[0].records[-1])


def under_another_log(_: World, entries: m.Entries) -> list[Message]:
    return [entries._replace(log=os.urandom(32))]


def further_on(_: World, entries: m.Entries) -> list[Message]:
    return [entries._replace(first=entries.first + 1)]


def in_parts_that_contradict(_: World, entries: m.Entries) -> list[Message]:
    return [
        m.EntryPart(entries.log, entries.first, 0, 300_000, bytes(262_144)),
        m.EntryPart(entries.log, entries.first, 17, 300_000, bytes(37_856)),
    ]


def never_ending(_: World, entries: m.Entries) -> list[Message]:
    return [entries, m.Refused(99, "\x1b]0;pwned\x07" * 100, "\x1b[2J")]


@pytest.mark.parametrize(
    "change",
    some(
        *(pytest.param(flipped(at / 4), id=f"flipped at {at}/4") for at in range(5)),
        *(truncated, forged, spliced_from_the_other_channel, spliced_from_before, under_another_log),
        *(further_on, in_parts_that_contradict),
    ),
)
def test_what_is_changed_on_the_way_to_a_reader_is_refused_and_named(
    world: World, both: Attached, change: Callable[[World, m.Entries], list[Message]]
) -> None:
    before = world.guest_noticed()
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message] | None:
        entries = to_reader(passage, message)
        return None if entries is None else change(world, entries)

    once = world.liar.lie = Once(lie)
    word = both.print()
    until(lambda: once.told, "the lie is told")
    both.there.until(word)
    until(lambda: world.guest_noticed() > before, "it is noticed")


def test_a_refusal_that_would_steer_a_terminal_steers_none(world: World, both: Attached) -> None:
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message] | None:
        entries = to_reader(passage, message)
        return None if entries is None else never_ending(world, entries)

    world.liar.lie = Once(lie)
    word = both.print()
    both.there.until(word)
    both.until_level()
    assert "pwned" not in both.there.ask("pane_title")


def test_entries_in_another_order_are_refused_and_named(world: World, both: Attached) -> None:
    before = world.guest_noticed()
    held: list[m.Entries] = []
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message]:
        entries = to_reader(passage, message)
        if entries is None or len(held) == 2:
            return [message]
        held.append(entries)
        return list(reversed(held)) if len(held) == 2 else []

    world.liar.lie = lie
    both.print()
    until(lambda: held, "the first is held back")
    word = both.print()
    both.there.until(word)
    until(lambda: world.guest_noticed() > before, "it is noticed")


@pytest.mark.parametrize("change", some(flipped(0.5), truncated, forged, spliced_from_before))
def test_what_is_changed_on_the_way_to_the_relay_is_refused_there_and_sent_again(
    world: World, both: Attached, change: Callable[[World, m.Entries], list[Message]]
) -> None:
    def lie(passage: Passage, message: Message) -> list[Message] | None:
        if not world.hosts(passage) or not isinstance(message, m.Append):
            return None
        [changed] = change(world, m.Entries(*message))
        return [m.Append(*changed)]  # type: ignore[arg-type]

    once = world.liar.lie = Once(lie)
    word = both.print()
    until(lambda: once.told, "the lie is told")
    both.there.until(word)


# --- it drops and withholds


def test_a_single_entry_that_is_dropped_is_missed_with_the_next(world: World, both: Attached) -> None:
    before = world.guest_noticed()
    to_reader = records_to(world.readers)
    once = world.liar.lie = Once(lambda passage, message: [] if to_reader(passage, message) else None)
    first = both.print()
    until(lambda: once.told, "it is dropped")
    both.print()
    both.there.until(first)
    until(lambda: world.guest_noticed() > before, "it is noticed")


def test_what_is_withheld_is_said_on_the_screen(world: World, both: Attached) -> None:
    to_reader = records_to(world.readers)
    world.liar.lie = lambda passage, message: [] if to_reader(passage, message) else [message]
    word = both.print()
    both.there.until("The relay withholds what the host has recorded.")
    assert not both.there.shows(word)
    world.liar.lie = honest
    world.liar.cut(world.readers)
    both.there.until(word)
    both.there.until_gone("The relay withholds")


def test_a_reader_that_is_led_to_where_nothing_is_goes_on_where_it_is(world: World, both: Attached) -> None:
    before = world.guest_noticed()
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message] | None:
        entries = to_reader(passage, message)
        if entries is None:
            return None
        beyond = entries.first + 1_000
        return [m.Lagged(entries.log, beyond + 1, beyond - 1, beyond), entries]

    once = world.liar.lie = Once(lie)
    connections = world.liar.up(world.readers)
    word = both.print()
    until(lambda: once.told, "the lie is told")
    both.there.until(word)
    both.until_level()
    assert not both.there.shows("The relay withholds")
    assert world.liar.up(world.readers) == connections
    assert world.guest_noticed() == before


# --- it doubles and replays entries


def test_entries_that_come_twice_or_again_on_another_connection_change_nothing(
    world: World, both: Attached
) -> None:
    before = world.guest_noticed()
    seen: list[Message] = []
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message]:
        if to_reader(passage, message) is None:
            return [message]
        seen.append(message)
        return [message, message, *seen[-5:]]

    world.liar.lie = lie
    for _ in range(3):
        both.there.until(both.print())
    world.liar.cut(world.readers)
    both.there.until(both.print())
    assert len(seen) >= 4
    assert world.guest_noticed() == before
    for word in both.printed:
        assert world.guest.export("work").count(word.encode()) == 2, "its echo, and the program's"


# --- it says what is not so


def lie_about_logs(world: World, change: Callable[[m.LogRow], Iterable[m.LogRow]]) -> Once:
    def lie(passage: Passage, message: Message) -> list[Message] | None:
        if not isinstance(message, m.Logs) or not message.rows or passage.channel != world.channel:
            return None
        return [m.Logs([one for row in message.rows for one in change(row)], message.more)]

    return Once(lie)


def longer(row: m.LogRow) -> list[m.LogRow]:
    return [row._replace(size=row.size + 5, head=os.urandom(32))]


def shorter(row: m.LogRow) -> list[m.LogRow]:
    return [row._replace(size=max(1, row.size - 2), head=os.urandom(32))]


def invented(row: m.LogRow) -> list[m.LogRow]:
    return [row, row._replace(log=os.urandom(32), generation=row.generation + 7)]


def of_a_stranger(row: m.LogRow) -> list[m.LogRow]:
    return [row._replace(writer=os.urandom(32))]


def newest_keyframe_elsewhere(row: m.LogRow) -> list[m.LogRow]:
    return [row._replace(keyframe=row.size - 1, grant=max(1, row.size - 2))]


def nothing(_: m.LogRow) -> list[m.LogRow]:
    return []


@pytest.mark.parametrize("whom", ["readers", "hosts"])
@pytest.mark.parametrize(
    "change", some(longer, shorter, invented, of_a_stranger, newest_keyframe_elsewhere, nothing)
)
def test_a_list_of_logs_that_is_made_up_leads_nobody_astray(
    world: World, both: Attached, whom: str, change: Callable[[m.LogRow], list[m.LogRow]]
) -> None:
    which = getattr(world, whom)
    once = lie_about_logs(world, change)
    world.liar.lie = lambda passage, message: once(passage, message) if which(passage) else [message]
    world.liar.cut(which)
    until(lambda: once.told, "the lie is told")
    if whom == "readers":
        world.liar.cut(which)
    both.there.until(both.print())
    until(lambda: labels(world.host) == ["you", "ann"], "nobody is turned out over a relay's word")


def test_what_it_says_that_it_stored_and_did_not_is_sent_again(world: World, both: Attached) -> None:
    def lie(passage: Passage, message: Message) -> list[Message]:
        if not world.hosts(passage):
            return [message]
        if isinstance(message, m.Append):
            swallowed.append(message)
            return []
        return [message]

    swallowed: list[m.Append] = []
    world.liar.lie = lie
    word = both.print()
    until(lambda: swallowed, "it is swallowed")
    world.liar.lie = honest
    world.liar.cut(world.hosts)
    both.there.until(word)


# --- it rolls back, serves an old log, lets in by an old list


@pytest.fixture
def yesterday(world: World, both: Attached, tmp_path: Path) -> Iterator[str]:
    """Another relay, that has what this one had just now; its address."""
    store = world.place / "relay" / "relay.sqlite"
    for path in store.parent.glob("relay.sqlite*"):
        shutil.copy(path, tmp_path / path.name)
    with RelayProcess(tmp_path, "--origin", world.liar.address) as old:
        yield old.address
        world.liar.upstream = world.relay.address
        world.liar.cut(world.readers)
        both.until_level()


def test_a_log_that_is_rolled_back_is_said_to_be_stale_and_the_screen_stays(
    world: World, both: Attached, yesterday: str
) -> None:
    word = both.print()
    both.there.until(word)
    world.liar.upstream = yesterday
    world.liar.cut(world.readers)
    both.there.until("The relay offers an older state of this terminal than is known here.")
    assert both.there.shows(word)


def test_a_newcomer_is_not_shown_what_the_relay_had_before_its_link(
    world: World, both: Attached, yesterday: str, tmp_path: Path
) -> None:
    url = share(world.host, "work")
    with machine_at(tmp_path / "newcomer") as newcomer:
        world.liar.upstream = yesterday
        assert newcomer.run("join", "-d", url, check=False).returncode == 1
        world.liar.upstream = world.relay.address
        newcomer.run("join", "-d", url)
        with Outer(newcomer, "attach", "work") as there:
            there.until(both.print())
        verify(newcomer)


def test_whoever_was_removed_and_is_let_in_by_an_old_list_reads_nothing_new(
    world: World, both: Attached, tmp_path: Path
) -> None:
    url = share(world.host, "work", "--drive")
    with machine_at(tmp_path / "bob") as bob, Outer(bob, "join", url, "--as", "bob") as beside:
        until(lambda: "bob" in labels(world.host))
        beside.until(both.print())
        # From here on no list reaches the relay.
        world.liar.lie = lambda passage, message: [] if isinstance(message, m.Access) else [message]
        world.host.run("kick", "work", "bob")
        beside.until("removed")
        word = both.print()
        both.there.until(word)
        beside.enter("typed-by-bob")
        served = [
            passage
            for passage in world.liar.up(world.readers)
            if any(isinstance(one, m.Entries) for one in passage.heard)
        ]
        assert len(served) >= 2, "the relay serves both"
        both.there.until(both.print())
        assert not beside.shows(word)
        assert word.encode() not in bob.export("work")
        assert not both.here.shows("typed-by-bob")
        world.liar.lie = honest
        world.liar.cut(world.hosts)
        both.there.until(both.print())


def test_a_relay_that_has_lost_everything_is_given_it_again(
    world: World, both: Attached, tmp_path: Path
) -> None:
    with RelayProcess(tmp_path, "--origin", world.liar.address) as empty:
        world.liar.upstream = empty.address
        world.liar.cut(lambda _: True)
        both.there.until(both.print())
        until(lambda: labels(world.host) == ["you", "ann"], "the guest is known again")
        word = next(WORDS)
        both.there.enter(word)
        both.here.until(word)
        world.liar.upstream = world.relay.address
        world.liar.cut(lambda _: True)
        both.until_level()


# --- it replays pulses, hails and farewells


def kind_of(message: Message) -> Kind | None:
    return decode_live_untrusted(message.data).kind if isinstance(message, m.Live | m.LiveFrom) else None


def test_old_pulses_confirm_nothing(world: World, both: Attached) -> None:
    old: list[Message] = []

    def lie(passage: Passage, message: Message) -> list[Message]:
        if not world.readers(passage) or not isinstance(message, m.LiveFrom):
            return [message]
        if kind_of(message) is not Kind.PULSE:
            return [message]
        old.append(message)
        return [old[0]] if len(old) > 1 else [message]

    world.liar.lie = lie
    both.there.until("Not confirmed live: the host does not answer.")
    assert len(old) > 3
    both.there.until(both.print())  # it is no less what the host printed
    world.liar.lie = honest
    both.there.until_gone("Not confirmed live")


def test_old_hails_show_nobody_as_here(world: World, both: Attached) -> None:
    hails: list[Message] = []

    def lie(passage: Passage, message: Message) -> list[Message]:
        if world.readers(passage) and isinstance(message, m.Live):
            hails.append(message)
        return [message]

    world.liar.lie = lie
    both.there.type("x")
    until(lambda: len(hails) > 2, "hails are there")
    member = next(passage.member for passage in world.liar.up(world.readers))
    both.there.prefixed("d")
    world.guest.run("daemon", "restart")  # it says goodbye
    until(lambda: labels(world.host) == ["you"], "the guest is gone")
    world.liar.lie = honest
    [host] = world.liar.up(world.hosts)
    for hail in hails:
        host.say(m.LiveFrom(member, hail[1]))  # type: ignore[arg-type]
    both.here.until(both.print())
    assert labels(world.host) == ["you"]
    both.there.command("attach", "work")
    until(lambda: labels(world.host) == ["you", "ann"], "the guest is here again")


def test_a_farewell_is_worth_nothing_to_another_key(world: World, both: Attached, tmp_path: Path) -> None:
    farewells: list[Message] = []

    def lie(_: Passage, message: Message) -> list[Message]:
        if isinstance(message, m.LiveFrom) and kind_of(message) is Kind.FAREWELL:
            farewells.append(message)
        return [message]

    world.liar.lie = lie
    url = share(world.host, "work")
    with machine_at(tmp_path / "bob") as bob, Outer(bob, "join", url, "--as", "bob") as beside:
        until(lambda: "bob" in labels(world.host))
        world.host.run("kick", "work", "bob")
        until(lambda: farewells, "bob is told")
        beside.until("removed")
        for passage in world.liar.up(world.readers):
            for farewell in farewells:
                passage.say(farewell)
        both.there.until(both.print())
        assert not both.there.shows("removed you")


# --- it drops, reorders, doubles, replays, redirects input


def typed_to_host(world: World, passage: Passage, message: Message) -> bool:
    return world.readers(passage) and isinstance(message, m.Live) and kind_of(message) is Kind.WORD


class Dropped:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        return [] if self.count == 2 else [message]


class Doubled(Dropped):
    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        return [message, message]


class Reordered(Dropped):
    def __init__(self) -> None:
        super().__init__()
        self.held: list[Message] = []

    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        if self.count == 2:
            self.held = [message]
            return []
        held, self.held = self.held, []
        return [message, *held]


class Replayed(Dropped):
    def __init__(self) -> None:
        super().__init__()
        self.all: list[Message] = []

    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        self.all.append(message)
        return [message] if self.count < 3 else [*self.all, message]


class Flipped(Dropped):
    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        assert isinstance(message, m.Live)
        data = bytearray(message.data)
        data[len(data) // 2] ^= 4
        return [m.Live(message.to, bytes(data))] if self.count == 2 else [message]


@pytest.mark.parametrize("way", [Dropped, Doubled, Reordered, Replayed, Flipped])
def test_input_runs_at_most_once_and_in_order_and_the_driver_is_told(
    world: World, both: Attached, way: type[Dropped]
) -> None:
    said = way()
    world.liar.lie = lambda passage, message: (
        said(message) if typed_to_host(world, passage, message) else [message]
    )
    tokens = [f"<{next(WORDS)}>" for _ in range(12)]
    for token in tokens:
        both.there.type(token)
    until(lambda: said.count >= 2, "it lies")
    both.there.until_match("may not have taken|did not take|Not typed")
    world.liar.lie = honest
    before = both.print()
    both.here.until(before)
    printed = world.host.export("work").decode()
    found = [token for token in re.findall(r"<word\d+>", printed) if token in tokens]
    ran = list(dict.fromkeys(found))
    assert ran == [token for token in tokens if token in ran], "in order"
    # What is typed is echoed once, and printed once more with the line that it is in.
    for token in ran:
        assert found.count(token) <= 2


def test_input_for_one_terminal_is_nothing_to_another(world: World, both: Attached) -> None:
    before = world.host.export("other")
    redirected: list[Message] = []
    [other] = world.liar.up(lambda one: one.is_host and one.channel != world.channel)

    def lie(passage: Passage, message: Message) -> list[Message]:
        if not typed_to_host(world, passage, message):
            return [message]
        assert isinstance(message, m.Live)
        redirected.append(message)
        other.say(m.LiveFrom(passage.member, message.data))
        return []

    world.liar.lie = lie
    both.there.type("rm -rf")
    both.there.keys("Enter")
    until(lambda: redirected, "it is sent elsewhere")
    both.there.until_match("may not have taken|did not take")
    assert world.host.export("other") == before
    assert b"rm -rf" not in world.host.export("work")


# --- it impersonates


def test_another_name_for_a_sender_changes_nothing(world: World, both: Attached) -> None:
    renamed: list[Message] = []

    def lie(passage: Passage, message: Message) -> list[Message]:
        if not world.hosts(passage) or not isinstance(message, m.LiveFrom):
            return [message]
        renamed.append(message)
        return [message._replace(who=WriterId(os.urandom(32)))]

    world.liar.lie = lie
    word = next(WORDS)
    both.there.enter(word)
    both.here.until_match(f"^{word}$")
    assert renamed


def test_a_word_under_another_s_name_types_nothing(world: World, both: Attached) -> None:
    forgeries: list[Message] = []
    before = world.host.export("work")

    def lie(passage: Passage, message: Message) -> list[Message]:
        if typed_to_host(world, passage, message):
            assert isinstance(message, m.Live)
            letter = decode_live_untrusted(message.data)
            forged = m.Live(b"", message.data.replace(letter.sender, os.urandom(32)))
            forgeries.append(forged)
            return [forged, forged._replace(data=message.data.replace(letter.sig, bytes(64)))]
        return [message]

    world.liar.lie = lie
    both.there.type("impersonated")
    until(lambda: forgeries, "it forges")
    both.there.until_match("may not have taken|did not take")
    assert world.host.export("work") == before
