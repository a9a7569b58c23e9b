"""Who shares: two at once, a change that cannot be stored, an earlier daemon."""

import sqlite3
from dataclasses import replace

import pytest
import trio

from archive_fixtures import DEVICE
from cctm.archive.reader import Archive
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.recorder import PARTIAL, Owed, Screen
from cctm.cctmd.services import RefusedError
from cctm.cctmd.stage import Ending
from cctm.cctmd.terminals import NOTHING_STORED
from cctm.protocol.access import Role
from cctm.protocol.control import requests
from cctm.protocol.entry import EntryKind, decode_record_untrusted
from cctm.protocol.events import How, Joined, Keyframe
from cctm.protocol.keys import DeviceKeys, WriterId
from cctm.protocol.link import decode_link_untrusted
from cctm.protocol.live.decisions import Came, Enlist, Went
from cctm.protocol.members import MAX_GUESTS, Guest
from cctm.protocol.origin import decode_origin_untrusted
from cctm.relay_choice import RelayChoice, save_choice
from daemon_parts import Watcher, open_pty, opened, running_daemon

ADA, BOB = (DeviceKeys.from_seed(bytes((number,)) * 32) for number in (1, 2))


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one:
        # Nothing listens there: what is asked here is what the host does by itself.
        save_choice(one.services.home, RelayChoice(decode_origin_untrusted("http://127.0.0.1:9")))
        yield one


def id_of(keys):
    return WriterId(keys.sign_public)


async def share(daemon, *, role=Role.DRIVER, floor=False):
    request = requests.Share("work", int(role), False, floor, None)
    return decode_link_untrusted((await daemon.sharing.share(request)).url)


async def let_in(shared, link, *guests):
    await shared.enlisting.let_in([Enlist(link, id_of(keys), keys.box_public, "x") for keys in guests])


async def test_those_who_share_a_terminal_at_once_make_links_that_are_all_good(daemon):
    terminal, _ = await opened(daemon)
    links = []

    async def make():
        links.append(await share(daemon))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(make)
    members = terminal.recorder.keys.members
    assert {link.id for link in members.links} == {WriterId(one.device.sign_public) for one in links}
    stored = daemon.services.catalogue.epochs(terminal.channel)
    assert stored == list(terminal.recorder.keys.epochs)


async def test_who_was_kicked_though_that_could_not_be_stored_comes_back_by_no_later_change(
    daemon, monkeypatch
):
    terminal, _ = await opened(daemon)
    link = id_of((await share(daemon)).device)
    shared = daemon.sharing._shared[terminal.channel]
    await let_in(shared, link, ADA)
    before = terminal.recorder.keys.epoch
    with monkeypatch.context() as broken:

        def full(*_):
            raise sqlite3.OperationalError("database or disk is full")

        broken.setattr(daemon.services.catalogue, "put_members", full)
        with pytest.raises((RefusedError, sqlite3.OperationalError)):
            await daemon.sharing.kick(requests.Kick("work", id_of(ADA), ""))
    assert shared._roster.get(id_of(ADA)) is None
    await share(daemon)
    assert shared._roster.get(id_of(ADA)) is None
    assert terminal.recorder.keys.members.guest(id_of(ADA)) is None
    assert terminal.recorder.keys.epoch.number > before.number


async def test_a_link_that_became_void_while_somebody_waited_to_be_enrolled_brings_nobody(daemon):
    terminal, _ = await opened(daemon)
    link = id_of((await share(daemon)).device)
    shared = daemon.sharing._shared[terminal.channel]
    await let_in(shared, link, ADA, BOB)
    await daemon.sharing.kick(requests.Kick("work", id_of(ADA), ""))
    again = DeviceKeys.from_seed(b"3" * 32)
    await let_in(shared, link, again)
    members = terminal.recorder.keys.members
    assert [guest.id for guest in members.guests] == [id_of(BOB)]


async def test_the_keyboard_is_the_hosts_after_a_restart_too(daemon):
    terminal, _ = await opened(daemon)
    await share(daemon, floor=True)
    own = terminal.recorder.keys.writer.public
    assert daemon.sharing._shared[terminal.channel].gate.holder == own
    daemon.sharing._shared.clear()  # as if another daemon had shared it
    await daemon.sharing._take_up(terminal)
    assert daemon.sharing._shared[terminal.channel].gate.holder == own


async def test_what_was_printed_and_not_sealed_yet_is_not_for_whom_it_is_shared_with_then(daemon):
    terminal, _ = await opened(daemon)
    await share(daemon)
    batches = []
    terminal.recorder.on_sealed = batches.append
    terminal.recorder.output(b"a secret")
    await share(daemon)
    epochs = terminal.recorder.keys.epochs
    kinds = [decode_record_untrusted(record).entry for batch in batches for record in batch.records]
    assert [(entry.kind, entry.key_id == epochs[-1].key_id) for entry in kinds] == [
        (EntryKind.DATA, False),
        (EntryKind.GRANT, True),
        (EntryKind.KEYFRAME, True),
    ]


async def enrol(shared, link, label, *guests):
    await shared.enlisting.let_in([Enlist(link, id_of(keys), keys.box_public, label) for keys in guests])


async def test_who_is_kicked_by_name_goes_with_all_keys_that_came_by_the_link_under_it(daemon):
    terminal, _ = await opened(daemon)
    link, other = id_of((await share(daemon)).device), id_of((await share(daemon)).device)
    shared = daemon.sharing._shared[terminal.channel]
    more = [DeviceKeys.from_seed(bytes((number,)) * 32) for number in (3, 4, 5)]
    await enrol(shared, link, "ann", ADA, BOB)
    await enrol(shared, link, "bo", more[0])
    await enrol(shared, other, "ann", more[1])
    await daemon.sharing.kick(requests.Kick("work", id_of(BOB), "ann"))
    members = terminal.recorder.keys.members
    assert [guest.id for guest in members.guests] == [id_of(more[0]), id_of(more[1])]
    assert not members.is_in(link)
    assert members.is_in(other)
    await enrol(shared, link, "ann", more[2])
    assert members == terminal.recorder.keys.members


async def test_who_is_kicked_by_id_goes_alone(daemon):
    terminal, _ = await opened(daemon)
    link = id_of((await share(daemon)).device)
    shared = daemon.sharing._shared[terminal.channel]
    await enrol(shared, link, "ann", ADA, BOB)
    await daemon.sharing.kick(requests.Kick("work", id_of(BOB), ""))
    assert [guest.id for guest in terminal.recorder.keys.members.guests] == [id_of(ADA)]


async def test_a_guest_who_is_enrolled_and_not_here_is_among_the_people(daemon):
    terminal, _ = await opened(daemon)
    link = id_of((await share(daemon)).device)
    shared = daemon.sharing._shared[terminal.channel]
    await enrol(shared, link, "ann", ADA)
    shared.perform([Came(id_of(ADA), "ann"), Went(id_of(ADA))])
    host, ann = daemon.sharing.people(terminal).rows
    assert host.seen_us is None
    assert (ann.who, ann.label, ann.link, ann.since_us) == (id_of(ADA), "ann", link, 0)
    assert 0 < ann.seen_us <= daemon.services.clock.wall_us()


async def test_a_link_that_cannot_be_revoked_is_complained_of_once(daemon, monkeypatch, caplog):
    terminal, _ = await opened(daemon)
    request = requests.Share("work", int(Role.DRIVER), False, False, daemon.services.clock.wall_us() - 1)
    await daemon.sharing.share(request)
    shared = daemon.sharing._shared[terminal.channel]

    def fails(why):
        def full(*_):
            raise OSError(28, why)

        return full

    for why, times in (("full", 5), ("broken", 3)):
        with monkeypatch.context() as broken:
            broken.setattr(daemon.services.catalogue, "put_members", fails(why))
            for _ in range(times):
                await daemon.sharing._expire(shared)
    assert caplog.text.count("a link cannot be revoked") == 2
    await daemon.sharing._expire(shared)
    assert not terminal.recorder.keys.members


async def entries(daemon, terminal):
    await daemon.terminals.settle()
    return list(Archive(daemon.services.home, DEVICE).entries(terminal.channel))


async def test_a_guest_who_is_missed_behind_the_end_is_not_recorded_there(daemon):
    terminal, _ = await opened(daemon)
    link = id_of((await share(daemon)).device)
    shared = daemon.sharing._shared[terminal.channel]
    await let_in(shared, link, ADA)
    shared.perform([Came(id_of(ADA), "ada")])
    terminal.end(Ending(How.EXITED, 0))
    shared.perform([Went(id_of(ADA))])
    found = await entries(daemon, terminal)
    assert any(isinstance(event, Joined) for entry in found for event in entry.events)
    assert found[-1].kind is EntryKind.CLOSE
    assert not terminal.recorder.pending


async def test_what_an_editor_hides_is_in_no_keyframe_though_another_daemon_shared_the_terminal(daemon):
    terminal, _ = await opened(daemon)
    await share(daemon)
    terminals = daemon.terminals
    keys, about = terminal.recorder.keys, terminals.abouts[terminal.channel]
    # As the next daemon finds it: nobody knows since when the editor is open.
    stream = Screen(terminal.stream, 80, 24, "work")
    pty = PtyInput(open_pty()[0], terminals.services.nursery)
    again = terminals.make(keys, stream, pty, about, stored=replace(NOTHING_STORED, generation=9))
    again.output(0, b"hidden\x1b[?1049h\x1b[Hedited")
    again.keyframe(0)
    keyframes = [
        event
        for entry in await entries(daemon, again)
        for event in entry.events
        if isinstance(event, Keyframe) and event.screen
    ]
    assert b"edited" in keyframes[-1].screen
    assert b"hidden" not in keyframes[-1].screen
    assert keyframes[-1].modes == PARTIAL


async def test_that_there_is_no_room_for_another_guest_is_said_once(daemon):
    terminal, _ = await opened(daemon)
    link = id_of((await share(daemon)).device)
    shared = daemon.sharing._shared[terminal.channel]
    keys = [DeviceKeys.from_seed(number.to_bytes(32, "big")) for number in range(1, MAX_GUESTS + 1)]
    full = replace(shared.members, guests=tuple(Guest(id_of(one), one.box_public, link, "x") for one in keys))
    await shared.change(full, owed=Owed.GRANT, rotates=False)
    client = Watcher()
    terminal.viewers.append(client)
    for _ in range(3):
        await let_in(shared, link, DeviceKeys.from_seed(b"3" * 32), DeviceKeys.from_seed(b"4" * 32))
    assert client.said == ["x is not let in: too many guests. `cctm who` lists those who are."]
    assert len(shared.members.guests) == MAX_GUESTS
