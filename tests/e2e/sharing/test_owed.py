"""What a relay has to hear, it hears: of terminals that ended or were deleted, and though it was away meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cctm.home import Home
from cctm.protocol.admission import AccessList, decode_access_untrusted
from machine import Machine, until
from relay_process import RelayProcess
from two_machines import link_of, machine_at, relay_records, share, shares, use_relay

STORE = "relay.sqlite"


def listed(store: Path, channel: bytes) -> AccessList | None:
    """Whom the relay lets in; None: it has no such channel."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as sql:
        row = sql.execute("SELECT access FROM channels WHERE channel = ?", (channel,)).fetchone()
    return None if row is None else decode_access_untrusted(row[0])


def shared_terminal(host: Machine, *options: str) -> str:
    host.run("new", "-d", "-n", "work", "--", "cat")
    link = share(host, "work", *options)
    until(lambda: [row["state"] for row in shares(host)] == ["connected"], "the relay has it")
    return link


class Gone:
    """A relay that goes away, and comes back where it was."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.relay = RelayProcess(place)
        self.relay.start()
        self._port = self.relay.address.rpartition(":")[2]

    def leave(self) -> None:
        self.relay.kill()

    def come_back(self) -> None:
        self.relay = RelayProcess(self.place, "--listen", f"127.0.0.1:{self._port}")
        self.relay.start()


@pytest.fixture
def gone(tmp_path: Path):
    place = tmp_path / "relay"
    place.mkdir()
    one = Gone(place)
    yield one
    if one.relay.process.poll() is None:
        one.relay.kill()


@pytest.fixture
def sharer(tmp_path: Path, gone: Gone):
    with machine_at(tmp_path / "host") as one:
        use_relay(one, gone.relay.address)
        yield one


def test_the_links_of_a_terminal_that_ended_are_listed_and_can_be_revoked(
    host: Machine, guest: Machine, relay: RelayProcess, tmp_path: Path
) -> None:
    link = shared_terminal(host, "--history")
    watch = share(host, "work")
    channel = link_of(link).channel
    guest.run("join", "-d", watch)
    host.run("kill", "work")
    until(lambda: {row["state"][:18] for row in shares(host)} == {"the terminal ended"}, "that is said")
    host.run("daemon", "restart")
    rows = shares(host)
    assert [(row["terminal"], row["url"]) for row in rows] == [("work", link), ("work", watch)]
    host.run("unshare", "work", rows[0]["link"])
    assert [row["url"] for row in shares(host)] == [watch]
    store = tmp_path / "relay" / STORE
    assert bytes.fromhex(rows[0]["link"]) not in listed(store, channel).members
    assert bytes.fromhex(rows[1]["link"]) in listed(store, channel).members
    guest.run("rm", "work")
    guest.run("join", "-d", watch)
    assert guest.run("join", "-d", link, check=False).returncode == 1
    host.run("unshare", "work")
    assert shares(host) == []
    until(lambda: listed(store, channel) is None, "the relay deletes what it had")
    assert relay_records(store, channel) == []


def test_a_deleted_terminal_is_deleted_at_its_relay(
    host: Machine, guest: Machine, relay: RelayProcess, tmp_path: Path
) -> None:
    link = shared_terminal(host, "--history")
    channel = link_of(link).channel
    host.run("kill", "work")
    host.run("rm", "work")
    until(lambda: listed(tmp_path / "relay" / STORE, channel) is None, "the relay deletes what it had")
    assert shares(host) == []
    assert guest.run("join", "-d", link, check=False).returncode == 1


@pytest.mark.parametrize("what", ["unshared", "deleted"])
def test_a_relay_that_was_away_hears_of_it_from_the_next_daemon(
    sharer: Machine, gone: Gone, guest: Machine, what: str
) -> None:
    link = shared_terminal(sharer, "--history")
    channel = link_of(link).channel
    gone.leave()
    if what == "unshared":
        said = sharer.run("unshare", "work").stderr
        assert b"has not heard of what was revoked" in said
    else:
        sharer.run("kill", "work")
        sharer.run("rm", "work")
    store = gone.place / STORE
    assert listed(store, channel).members
    sharer.run("daemon", "restart")
    (row,) = shares(sharer)
    assert (row["terminal"], row["link"], row["url"]) == ("work", None, None)
    assert "has not heard of what was revoked" in row["state"]
    assert b"work" in sharer.run("shares").stdout
    gone.come_back()
    until(lambda: shares(sharer) == [], "it is told")
    if what == "unshared":
        assert listed(store, channel).members == {}
        assert relay_records(store, channel)
    else:
        until(lambda: listed(store, channel) is None, "the relay deletes what it had")
    assert guest.run("join", "-d", link, check=False).returncode == 1
    *_, log = Path(Home.locate(sharer.env).daemon_log).read_text().split("main: left")
    assert log.count("it does not hear of it") == 1  # however often it was tried


def test_a_relay_that_was_away_hears_of_it_though_another_is_used_by_now(
    sharer: Machine, gone: Gone, relay_beside: RelayProcess
) -> None:
    link = shared_terminal(sharer)
    channel = link_of(link).channel
    gone.leave()
    sharer.run("unshare", "work")
    use_relay(sharer, relay_beside.address)
    again = share(sharer, "work")
    assert str(link_of(again).origin) == relay_beside.address
    until(lambda: "connected" in {row["state"] for row in shares(sharer)}, "the other relay has it")
    gone.come_back()
    until(lambda: [row["url"] for row in shares(sharer)] == [again], "the first is told")
    assert listed(gone.place / STORE, channel).members == {}


@pytest.fixture
def relay_beside(tmp_path: Path):
    place = tmp_path / "beside"
    place.mkdir()
    with RelayProcess(place) as one:
        yield one
