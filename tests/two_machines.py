"""Two homes as on two machines, a relay between them, and what each of their keys opens."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from cctm.archive.catalogue import Catalogue
from cctm.archive.device import load_device
from cctm.archive.joined import Joined
from cctm.home import Home
from cctm.protocol.contents import open_events
from cctm.protocol.entry import EntryKind, Sealed, decode_record_untrusted
from cctm.protocol.errors import CctmError
from cctm.protocol.events import Event, Keyframe, Output
from cctm.protocol.grant import open_grant_untrusted
from cctm.protocol.keys import ChannelId, DeviceKeys, LogId, entry_key
from cctm.protocol.link import Link, decode_link_untrusted
from cctm.protocol.members import Members
from cctm.protocol.origin import decode_origin_untrusted
from cctm.protocol.sync.chain import place_of
from cctm.relay_choice import RelayChoice, save_choice
from machine import Machine, until


def machine_at(place: Path, *, traced: bool = True) -> Machine:
    place.mkdir()
    return Machine(place, traced=traced)


def use_relay(host: Machine, address: str) -> None:
    """Have *host* share through the relay at *address*."""
    home = Home.locate(host.env)
    home.prepare()
    save_choice(home, RelayChoice(decode_origin_untrusted(address)))


def share(host: Machine, name: str = "work", *options: str) -> str:
    """Make a link."""
    return host.run("share", name, *options).stdout.decode().strip()


def link_of(url: str) -> Link:
    return decode_link_untrusted(url)


def people(machine: Machine, name: str = "work") -> list[dict]:
    """Who is there, as `cctm who` says."""
    found: list[dict] = json.loads(machine.run("who", name, "--json").stdout)
    return found


def labels(machine: Machine, name: str = "work") -> list[str]:
    """Of those who are there."""
    return [row["label"] for row in people(machine, name) if row["here"]]


def until_here(host: Machine, *wanted: str, name: str = "work") -> None:
    """Wait until exactly those guests are there, as the host says."""
    until(lambda: sorted(labels(host, name)) == sorted(wanted), f"{wanted} are here")


def verify(machine: Machine, name: str = "work") -> None:
    """What *machine* has stored of the terminal is sound."""
    machine.run("log", "verify", name)


# --- keys


def catalogue_of(machine: Machine) -> Catalogue:
    home = Home.locate(machine.env)
    return Catalogue.open_read_only(home.catalogue, load_device(home).wrap_key)


def members_of(host: Machine, channel: ChannelId) -> Members:
    with closing(catalogue_of(host)) as catalogue:
        return catalogue.members(channel)


def joined_of(guest: Machine, channel: ChannelId) -> Joined:
    with closing(catalogue_of(guest)) as catalogue:
        joined = catalogue.joined(channel)
    assert joined is not None
    return joined


def keys_of(guest: Machine, url: str) -> list[DeviceKeys]:
    """All keys that a guest has in the channel: its own, and the link's."""
    link = link_of(url)
    return [joined_of(guest, link.channel).keys, link.device]


# --- what they open


def relay_records(store: Path, channel: ChannelId) -> list[tuple[LogId, list[Sealed]]]:
    """All that a relay's database has of *channel*."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as sql:
        logs = sql.execute(
            "SELECT l.number, l.log FROM logs l JOIN channels c ON l.channel = c.number WHERE c.channel = ?"
            " ORDER BY l.generation",
            (channel,),
        ).fetchall()
        found = []
        for number, log in logs:
            rows = sql.execute(
                "SELECT record FROM records WHERE place >> 40 = ? ORDER BY place", (number,)
            ).fetchall()
            found.append((LogId(log), [decode_record_untrusted(row[0]) for row in rows]))
    return found


def opened(
    channel: ChannelId, logs: list[tuple[LogId, list[Sealed]]], keys: list[DeviceKeys]
) -> Iterator[Event]:
    """Every event that somebody who has all of *logs*, and *keys*, can open: by any grant, in any order."""
    secrets = {}
    for log, records in logs:
        for sealed in records:
            if sealed.entry.kind is EntryKind.GRANT:
                place = place_of(channel, log, sealed)
                for device in keys:
                    with suppress(CctmError):
                        grant = open_grant_untrusted(device, place, sealed.entry.body)
                        secrets.update({secret.key_id: secret for secret in grant.secrets})
    for log, records in logs:
        for sealed in records:
            secret = secrets.get(sealed.entry.key_id)
            if secret is not None and sealed.entry.kind not in {EntryKind.OPEN, EntryKind.GRANT}:
                place = place_of(channel, log, sealed)
                yield from open_events(place, entry_key(secret, channel, log), sealed.entry.body)


def shown_by(events: Iterator[Event]) -> bytes:
    """All that *events* would show: output, and the screens of keyframes."""
    parts = []
    for event in events:
        match event:
            case Output(data=data):
                parts.append(data)
            case Keyframe(screen=screen):
                parts.append(b"\0" + (screen or b"") + b"\0")
            case _:
                continue
    return b"".join(parts)


def shares(host: Machine) -> list[dict]:
    """The links of *host*, and what a relay has not heard yet."""
    found: list[dict] = json.loads(host.run("shares", "--json").stdout)
    return found
