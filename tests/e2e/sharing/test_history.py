"""With `--history` a guest has what was printed before it joined: as it scrolls back, searches, or reads the record."""

from pathlib import Path

from machine import Machine, until
from outer import Outer, needs_tmux
from relay_process import RelayProcess
from two_machines import machine_at, share, until_here, use_relay, verify

pytestmark = needs_tmux

SHELL = ("bash", "--norc", "--noprofile")
MANY = 3000
PRINT = f"for n in $(seq 1 {MANY}); do echo before-$n-$((40+2)); done; clear; echo at-the-$((3+4))"
LOADING = "loading what was printed before"


def joined_late(host: Machine, guest: Machine, here: Outer, *options: str) -> str:
    """A link to what printed much before; the guest has joined it."""
    here.enter(PRINT)
    here.until("at-the-7")
    url = share(host, "work", "--drive", *options)
    until(
        lambda: guest.run("join", "-d", url, "--as", "ann", check=False).returncode == 0, "the relay has it"
    )
    return url


def test_who_scrolls_back_beyond_what_is_stored_sees_what_was_printed_before(
    host: Machine, guest: Machine
) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    with Outer(host, "attach", "work") as here:
        joined_late(host, guest, here, "--history")
        with Outer(guest, "attach", "work") as there:
            until_here(host, "you", "ann")
            there.until("at-the-7")
            there.prefixed("[")
            there.until("record")
            there.keys("g")
            there.until("before-")
            # The live screen goes on beneath, and comes back with what was printed meanwhile.
            here.enter("echo meanwhile-$((40+3))")
            here.until("meanwhile-43")
            there.keys("q")
            there.until("meanwhile-43")


def test_who_searches_finds_what_is_not_here_yet(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    with Outer(host, "attach", "work") as here:
        here.enter("echo the-needle-$((40+2))")
        here.until("the-needle-42")
        joined_late(host, guest, here, "--history")
        with Outer(guest, "attach", "work") as there:
            there.until("at-the-7")
            there.prefixed("[")
            there.until("record")
            there.type("?needle-42")
            there.keys("Enter")
            there.until("the-needle-42")
            there.keys("q")
    verify(guest)
    assert guest.export("work") == host.export("work")


def test_the_record_is_loaded_before_it_is_read(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    with Outer(host, "attach", "work") as here:
        joined_late(host, guest, here, "--history")
        host.run("daemon", "restart")  # so that it is in two logs
        here.enter("echo later-$((40+4))")
        here.until("later-44")
        with Outer(guest, "attach", "work") as there:
            there.until("later-44")
    shown = guest.run("log", "work").stdout
    assert b"opened    work: bash" in shown
    assert b"output    at byte 0, " in shown
    assert guest.export("work") == host.export("work")
    verify(guest)


def test_without_the_past_it_is_said_that_it_was_not_shared(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    with Outer(host, "attach", "work") as here:
        joined_late(host, guest, here)
        with Outer(guest, "attach", "work") as there:
            until_here(host, "you", "ann")
            there.prefixed("[")
            there.until("record")
            there.keys("g")
            there.until("The history before joining was not shared.")
            assert not there.shows("before-")
            there.keys("q")
    found = guest.run("export", "work", "-f", "raw")
    assert b"before-" not in found.stdout
    assert b"The history before joining was not shared." in found.stderr
    verify(guest)


def test_while_the_relay_is_away_it_is_said_and_what_is_here_is_shown(tmp_path: Path, guest: Machine) -> None:
    place = tmp_path / "relay"
    place.mkdir()
    with RelayProcess(place) as relay, machine_at(tmp_path / "host") as host:
        use_relay(host, relay.address)
        host.run("new", "-d", "-n", "work", "--", *SHELL)
        with Outer(host, "attach", "work") as here:
            joined_late(host, guest, here, "--history")
            relay.kill()
            with Outer(guest, "attach", "work") as there:
                there.until("at-the-7")
                there.prefixed("[")
                there.until("record")
                there.keys("g")
                there.until("The history before is not loaded. Nothing listens")
                there.keys("q")
        found = guest.run("export", "work", "-f", "raw")
        assert b"at-the-7" not in found.stdout or b"before-" not in found.stdout
        assert b"The history before is not loaded." in found.stderr
