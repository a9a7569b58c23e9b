"""A follower and an upload, over a real relay's session: what they ask for is what it answers."""

import trio

from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import Doubt
from cctm.protocol.sync.records import Records, cut_appends
from cctm.protocol.sync.uploading import AppendFrom, Uploading
from relay_parts import ALL, access, relay_parts
from samples import CHANNEL, HOST, drawn
from sharing_parts import LINK, Host, Own, Reader

NOISE = b"".join(drawn(f"{part}", 64) for part in range(1_000))


async def uploaded(owner, host):
    """The relay gets what it lacks."""
    upload = Uploading(CHANNEL, HOST.public, [Own(host, log) for log in host.records], ())
    for effect in upload.take_untrusted(m.Logs(list(owner.rows.values()), more=False)):
        assert isinstance(effect, AppendFrom)
        records = host.records[effect.log][effect.seq :]
        for message in cut_appends(Records(effect.log, effect.seq, records)):
            await owner.send(message)
        while records and upload.stored.get(effect.log, 0) < len(host.records[effect.log]):
            upload.take_untrusted(await owner.expect(m.Stored))


async def owner_of(parts):
    owner = await parts.open()
    await owner.send(m.Access(access({LINK.sign_public: ALL}, version=owner.machine.access_version + 1)))
    await owner.expect(m.AccessStored)
    return owner


async def follow(parts, reader, until, **more):
    """One connection, until the reader knows *until* entries of the newest log."""
    client = await parts.connect(LINK, **more)
    await client.socket.send(client.machine.begin())
    await client.expect(m.Opened)
    reader.follower.connected()
    await read_on(client, reader, until)
    return client


async def read_on(client, reader, until, generation=1):
    with trio.fail_after(10):
        while (reader.follower.known.generation, reader.follower.known.size) < (generation, until):
            reader.take(await client.expect(m.Logs, m.Entries, m.EntryPart, m.Lagged))
            for message in reader.asked:
                await client.send(message)
            reader.asked = []


async def test_what_is_uploaded_is_followed_and_goes_on(tmp_path):
    host = Host()
    host.begin()
    for number in range(20):
        host.output(b"%d " % number)
    host.keyframe(b"<screen>")
    async with relay_parts(tmp_path) as parts:
        owner = await owner_of(parts)
        await uploaded(owner, host)
        reader = Reader()
        client = await follow(parts, reader, 24)
        assert reader.screen == b"<screen>"
        assert sorted(reader.stored[host.log]) == [0, 1, 23]
        host.begin(b"the same")
        host.output(b"!")
        await uploaded(await parts.open(), host)
        await read_on(client, reader, 4, generation=2)
        assert reader.screen == b"<screen>!"


async def test_a_relay_that_was_wiped_is_healed_and_its_reader_goes_on(tmp_path):
    host = Host()
    host.begin()
    host.output(b"before ")
    reader = Reader()
    for place in ("one", "wiped"):
        (tmp_path / place).mkdir()
        async with relay_parts(tmp_path / place) as parts:
            await uploaded(await owner_of(parts), host)
            client = await follow(parts, reader, host.writer.size)
            host.output(b"and on ")
            await uploaded(await parts.open(), host)
            await read_on(client, reader, host.writer.size)
    assert reader.screen == b"before and on and on "
    assert reader.doubts == []


async def test_a_reader_that_lags_is_led_to_the_newest_screen(tmp_path):
    host = Host()
    host.begin()
    async with relay_parts(tmp_path, tail_bytes=1) as parts:  # nothing stays in memory
        owner = await owner_of(parts)
        await uploaded(owner, host)
        reader = Reader()
        client = await follow(parts, reader, 3, most=0)  # whose socket takes one message
        for _ in range(60):
            host.output(NOISE)
        host.rotate(screen=b"<now>")
        host.output(b"!")
        await uploaded(await parts.open(), host)
        await read_on(client, reader, host.writer.size)
    assert reader.screen == b"<now>!"
    assert len(reader.stored[host.log]) < host.writer.size - 30
    assert Doubt.HOLE not in reader.doubts
