"""A relay says what is not so, rolls back, loses all, and lets in by an old list: rows of SPEC.md §16.10.

Whatever it did: once it is honest, both sides show the same again, what both have stored is sound, and nothing has been
shown or typed that was not printed or typed. What must be noticed, the journal of whoever noticed it names.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from cctm.protocol.sync import messages as m
from cctm.protocol.tables import Message
from lied_to import Attached, Once, World
from lying_relay import Passage, honest
from machine import until
from outer import Outer, needs_tmux
from relay_process import RelayProcess
from two_machines import labels, machine_at, share, verify

pytestmark = [needs_tmux, pytest.mark.untraced]

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
    "change", [longer, shorter, invented, of_a_stranger, newest_keyframe_elsewhere, nothing]
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
    both.there.until(word)


def test_a_newcomer_is_not_shown_what_the_relay_had_before_its_link(
    world: World, both: Attached, yesterday: str, tmp_path: Path
) -> None:
    url = share(world.host, "work")
    with machine_at(tmp_path / "newcomer", traced=False) as newcomer:
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
    with machine_at(tmp_path / "bob", traced=False) as bob, Outer(bob, "join", url, "--as", "bob") as beside:
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
        both.until_typed()
        world.liar.upstream = world.relay.address
        world.liar.cut(lambda _: True)
        both.until_level()
