"""What a relay learns (SPEC.md §15.8): its disk, its memory, its journal and all that passes it, after real sharing.

Two machines share two terminals through a relay, one to drive and one to watch. Everything is used that a user would
want to keep from it: names, commands, titles, labels, what is typed and printed.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cctm.archive.device import load_device
from cctm.home import Home
from cctm.protocol.admission import Verb, decode_access_untrusted
from cctm.protocol.entry import EntryKind
from cctm.protocol.errors import MalformedError
from cctm.protocol.grant import decode_grant_body_untrusted
from cctm.protocol.ids import ChannelId, WriterId, channel_id
from cctm.protocol.keys import DeviceKeys, WriterKey
from cctm.protocol.live.envelope import Kind, decode_live_untrusted
from cctm.protocol.seal import padded_size
from cctm.protocol.sync.messages import TABLE, Live, Open
from machine import Machine, until
from outer import Outer, needs_tmux
from recording_proxy import RecordingProxy, payloads
from relay_process import RelayProcess
from specification import section
from traces import found
from two_machines import (
    catalogue_of,
    joined_of,
    labels,
    link_of,
    machine_at,
    members_of,
    relay_records,
    share,
    use_relay,
)

pytestmark = needs_tmux

MARKERS = {
    "name": b"Zeppelin3",
    "another name": b"Xenolith1",
    "argument": b"Quagmire2",
    "directory": b"Halibut6",
    "typed by the host": b"Jackdaw4",
    "typed by the guest": b"Walrus90",
    "printed": b"Marzipan5",
    "title": b"Turbine77",
    "the guest's label": b"Ocelot88",
}
SEALED_OVERHEAD_BYTES = 24 + 16
MEMORY = "memory"


@dataclass(repr=False)
class World:
    """What the relay got, and what only the two machines know."""

    store: Path
    channels: tuple[ChannelId, ChannelId]
    keys: dict[str, bytes]
    public: dict[ChannelId, set[bytes]]  # of owner, links and guests
    guests: set[bytes]
    streams: list[bytes]
    places: list[tuple[str, bytes]]

    def messages(self, kind: type) -> list:
        """All of one kind that passed it."""
        passed = [frame for stream in self.streams for frame in payloads(stream)]
        known = []
        for frame in passed:
            try:
                known.append(TABLE.decode_untrusted(frame))
            except MalformedError:  # a ping, a farewell of the WebSocket's
                continue
        return [message for message in known if isinstance(message, kind)]

    @property
    def records(self):
        return [
            sealed
            for channel in self.channels
            for _, records in relay_records(self.store, channel)
            for sealed in records
        ]


def marker(name: str) -> str:
    return MARKERS[name].decode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("secrets")
    relay_place = place / "relay"
    relay_place.mkdir()
    with (
        RecordingProxy() as proxy,
        RelayProcess(relay_place, "--origin", proxy.address) as relay,
        machine_at(place / "host") as host,
        machine_at(place / "guest") as guest,
    ):
        proxy.serve(relay.address)
        use_relay(host, proxy.address)
        urls = _share_and_use(host, guest)
        yield _gather(host, guest, urls, relay, relay_place, proxy)


def _share_and_use(host: Machine, guest: Machine) -> list[str]:
    directory = host.cwd / marker("directory")
    directory.mkdir()
    # What it prints stands nowhere else: neither in a command line nor among what is typed.
    script = (
        "IFS= read -r line; printf '\\033]2;%s\\007' Turbine\"7$((3+4))\"; echo Marzipan$((2+3)); exec cat"
    )
    host.run(
        *("new", "-d", "-n", marker("name"), "--cwd", str(directory)),
        *("--", "sh", "-c", script, marker("argument")),
    )
    host.run("new", "-d", "-n", "second", "--", "cat")
    urls = [share(host, marker("name"), "--drive"), share(host, "second", "--history")]
    with (
        Outer(host, "attach", marker("name")) as here,
        Outer(guest, "join", urls[0], "--as", marker("the guest's label")) as there,
        Outer(guest, "join", urls[1]) as beside,
    ):
        until(lambda: marker("the guest's label") in labels(host, marker("name")))
        here.enter("begin")
        there.until(marker("printed"))
        here.enter(marker("typed by the host"))
        there.until(marker("typed by the host"))
        for letter in marker("typed by the guest"):
            there.type(letter)
        there.keys("Enter")
        here.until_match(rf"^{marker('typed by the guest')}$")
        host.run("rename", marker("name"), marker("another name"))
        until(lambda: marker("another name") in guest.terminals())
        until(lambda: len(labels(host, "second")) == 2)
        beside.prefixed("d")
        there.prefixed("d")
        here.prefixed("d")
    return urls


def _gather(
    host: Machine, guest: Machine, urls: list[str], relay: RelayProcess, place: Path, proxy: RecordingProxy
) -> World:
    links = [link_of(url) for url in urls]
    keys: dict[str, bytes] = {}
    public: dict[ChannelId, set[bytes]] = {}
    every_guest: set[bytes] = set()
    for machine, name in ((host, "host"), (guest, "guest")):
        _put_device(keys, f"{name}'s device", load_device(Home.locate(machine.env)))
    for number, link in enumerate(links):
        keys[f"link secret {number}"] = link.secret
        _put_device(keys, f"link {number}", link.device)
        joined = joined_of(guest, link.channel)
        _put_device(keys, f"guest {number}", joined.keys)
        with closing(catalogue_of(host)) as catalogue:
            seed = catalogue.writer(link.channel)
            assert seed is not None
            writer = WriterKey.from_seed(seed)
            keys |= {f"writer seed {number}": seed, f"writer {number}": writer._secret}
            keys |= {f"epoch {number}.{it.number}": it.secret for it in catalogue.epochs(link.channel)}
        members = members_of(host, link.channel)
        guests = {guest.id for guest in members.guests}
        assert joined.keys.sign_public in guests
        every_guest |= guests
        public[link.channel] = {writer.public, *guests, *(one.id for one in members.links)}
    memory = _memory_of(relay, place)
    relay.ask_to_end()
    assert relay.process.stderr is not None
    journal = relay.process.stderr.read()
    files = [path for path in place.rglob("*") if path.is_file() and not path.name.startswith("core")]
    streams = list(proxy.passed())
    places = [(path.name, path.read_bytes()) for path in files]
    places += [("journal", journal), *((f"wire {at}", one) for at, one in enumerate(streams))]
    if memory is not None:
        places.append((MEMORY, memory))
    raw = streams[: len(streams) // 2]
    return World(
        place / "relay.sqlite", (links[0].channel, links[1].channel), keys, public, every_guest, raw, places
    )


def _put_device(keys: dict[str, bytes], name: str, device: DeviceKeys) -> None:
    keys |= {
        f"{name}: seed": device.seed,
        f"{name}: wrapping": device.wrap_key,
        f"{name}: box": device.box_secret,
        f"{name}: signing": device._sign_secret,
    }


def _memory_of(relay: RelayProcess, place: Path) -> bytes | None:
    """All that the relay has in memory; None: that cannot be had here."""
    gcore = shutil.which("gcore")
    if gcore is None:
        return None
    core = place / "core"
    done = subprocess.run([gcore, "-o", str(core), str(relay.process.pid)], capture_output=True, check=False)
    dumped = Path(f"{core}.{relay.process.pid}")
    if done.returncode or not dumped.exists():
        return None
    data = dumped.read_bytes()
    dumped.unlink()
    return data


def the(world: World, wanted: str) -> list[tuple[str, bytes]]:
    places = [(name, data) for name, data in world.places if name.startswith(wanted)]
    if wanted == MEMORY and not places:
        pytest.skip("this machine gives no memory dump (gdb, or the right to trace, is lacking)")
    assert places
    return places


# --- what it does not learn

PLACES = ("relay.sqlite", "wire", "journal", MEMORY)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_was_typed_printed_or_named_is_there(world: World, place: str) -> None:
    assert found(MARKERS, the(world, place)) == []


@pytest.mark.parametrize("place", PLACES)
def test_no_key_is_there(world: World, place: str) -> None:
    assert len(world.keys) > 20
    assert found(world.keys, the(world, place)) == []


@pytest.mark.parametrize("place", ["relay.sqlite", "wire", MEMORY])
def test_what_must_be_there_is_found_by_the_same_search(world: World, place: str) -> None:
    known = {str(at): channel for at, channel in enumerate(world.channels)}
    assert {name for name, _ in found(known, the(world, place))} == set(known)


def test_no_key_of_one_channel_is_a_key_of_the_other(world: World) -> None:
    one, other = world.public.values()
    assert len(one) == len(other) == 3
    assert not one & other


def test_who_may_type_is_not_told_from_who_may_watch(world: World) -> None:
    lists = {access.channel: set(access.members.values()) for access in access_lists(world)}
    assert lists == {channel: {Verb.READ | Verb.LIVE} for channel in world.channels}


def test_a_key_that_is_typed_and_a_whole_word_are_of_one_size(world: World) -> None:
    letters = [decode_live_untrusted(message.data) for message in world.messages(Live)]
    typed = [letter for letter in letters if letter.kind is Kind.WORD and letter.sender in world.guests]
    assert len(typed) > len(MARKERS["typed by the guest"])
    assert len({len(letter.body) for letter in typed}) == 1


# --- what it learns: the rows of the table


def access_lists(world: World) -> list:
    from cctm.relay.database import Database

    database = Database(str(world.store))
    try:
        states = [database.channel(channel) for channel in world.channels]
        return [decode_access_untrusted(state.access) for state in states if state and state.access]
    finally:
        database.close()


def learns_that_a_channel_is_there(world: World) -> None:
    assert {message.channel for message in world.messages(Open)} == set(world.channels)
    for channel in world.channels:
        assert relay_records(world.store, channel)


def learns_public_keys(world: World) -> None:
    came = {(message.channel, message.member) for message in world.messages(Open)}
    for access in access_lists(world):
        known = {
            channel_owner for channel, channel_owner in came if channel_id(WriterId(channel_owner)) == channel
        }
        assert set(access.members) | known >= world.public[access.channel]
    assert {member for _, member in came} <= set().union(*world.public.values())


def learns_verbs(world: World) -> None:
    for access in access_lists(world):
        assert all(verbs in set(map(Verb, range(8))) for verbs in access.members.values())
        assert access.expires_us is None


def learns_the_outside_of_entries(world: World) -> None:
    kinds = {sealed.entry.kind for sealed in world.records}
    assert kinds >= {EntryKind.OPEN, EntryKind.GRANT, EntryKind.KEYFRAME, EntryKind.DATA}
    for sealed in world.records:
        if sealed.entry.kind in {EntryKind.KEYFRAME, EntryKind.DATA}:
            inside = len(sealed.entry.body) - SEALED_OVERHEAD_BYTES
            assert inside == padded_size(inside)


def learns_how_many_boxes(world: World) -> None:
    grants = [sealed for sealed in world.records if sealed.entry.kind is EntryKind.GRANT]
    counts = {len(decode_grant_body_untrusted(grant.entry.body)[0]) for grant in grants}
    assert counts == {4}  # be there one guest, or none yet


def learns_size_and_ends_of_live_messages(world: World) -> None:
    said = world.messages(Live)
    assert {decode_live_untrusted(message.data).kind for message in said} >= {
        Kind.HAIL,
        Kind.PULSE,
        Kind.WORD,
    }
    everybody = set().union(*world.public.values()) | {b""}
    assert {message.to for message in said} <= everybody


ROWS = {
    "that a channel is there": learns_that_a_channel_is_there,
    "public keys of a channel": learns_public_keys,
    "who may read, append": learns_verbs,
    "of each entry": learns_the_outside_of_entries,
    "how many boxes a grant has": learns_how_many_boxes,
    "size and time of each live message": learns_size_and_ends_of_live_messages,
}


def table() -> list[str]:
    part = section(15).partition("**15.8 ")[2].partition("It does not learn")[0]
    return re.findall(r"^\| (?!it learns|---)(.*?) \|", part, re.MULTILINE)


@pytest.mark.parametrize("row", table())
def test_each_row_of_the_table_is_so_and_no_more(world: World, row: str) -> None:
    [check] = [check for beginning, check in ROWS.items() if row.startswith(beginning)]
    check(world)


def test_the_table_has_all_rows() -> None:
    assert len(table()) == len(ROWS)
