"""Clients that lie, shout, stall or vanish: each costs itself its connection, and nobody else anything."""

import os
import signal
import sys
from pathlib import Path

import pytest

from cctm import __version__
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import MAX_FRAME, VERSION, encode_message
from cctm.protocol.control.values import Others, Reason, Rights
from machine import Machine, alive, until
from raw_client import RawClient

HELLO = encode_message(requests.Hello(VERSION, "test"))
GARBAGE = {
    "no protocol": b"GET / HTTP/1.1\r\n\r\n",
    "an endless frame": HELLO + b"\xff\xff\xff\xff",
    "a frame above the limit": HELLO + (MAX_FRAME + 1).to_bytes(4, "big") + b"x" * 1000,
    "an empty frame": HELLO + b"\0\0\0\0",
    "no MessagePack": HELLO + b"\0\0\0\4\xc1\xc1\xc1\xc1",
    "no such message": HELLO + b"\0\0\0\3\x91\xcc\xff",
    "a field of another kind": HELLO + b"\0\0\0\3\x92\x05\x01",
    "a request without a hello": encode_message(requests.AskStatus()),
    "zeros": bytes(100_000),
}


@pytest.fixture
def daemon(machine: Machine) -> Machine:
    machine.run("daemon", "start")
    return machine


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line]
    return int(line.split()[1])


def test_garbage_drops_only_the_client_that_sends_it(daemon: Machine) -> None:
    pid = daemon.daemon_pid
    with RawClient(daemon) as good:
        good.new("cat", name="work")
        good.attach("work")
        before = descriptors(pid)
        for name, garbage in GARBAGE.items():
            with RawClient(daemon, greet=False) as bad:
                bad.socket.sendall(garbage)
                assert bad.is_dropped(), name
        good.say(requests.Input(b"still here\r"))
        good.read_until(b"still here\r\nstill here\r\n")
        until(lambda: descriptors(pid) <= before, "the daemon keeps no descriptor of theirs")
    assert daemon.daemon_pid == pid
    assert b"Traceback" not in (daemon.home / "state" / "daemon.log").read_bytes()


def test_another_version_is_refused_in_a_sentence(daemon: Machine) -> None:
    with RawClient(daemon, greet=False) as client:
        client.say(requests.Hello(VERSION + 1, "9.9"))
        refused = client.hear(replies.Refused)
        assert refused.reason == Reason.VERSION
        assert "version" in refused.what
        client.say(requests.AskStatus())
        assert client.is_dropped()


def test_the_daemon_says_who_it_is(daemon: Machine) -> None:
    with RawClient(daemon, greet=False) as client:
        client.say(requests.Hello(VERSION, "test"))
        assert client.hear(replies.Welcome) == replies.Welcome(VERSION, __version__, daemon.daemon_pid)


def test_what_nobody_asked_for_in_a_session_is_harmless(daemon: Machine) -> None:
    with RawClient(daemon) as client:
        client.say(requests.Input(b"x"), requests.Resize(0, 0), requests.Resize(10, 10), requests.Detach())
        client.hear(replies.Done)
        client.new("cat", name="work")
        client.attach("work", rights=77, others=99, mode=1000, resume=2**62, cols=100, rows=30)
        client.say(requests.Resize(0, 5), requests.Resize(2**40, 5), requests.Input(b""))
        client.say(requests.Attach("work", 80, 24, "", 0, 0, 0, None, 0, None))
        assert client.hear(replies.Refused).reason == Reason.FAILED
        client.say(requests.AskStatus())
        assert client.hear(replies.Status).clients == 1
    with RawClient(daemon) as client:
        client.say(requests.Attach("work", 0, 24, "", 0, 0, 0, None, 0, b"/x\0"))
        assert client.hear(replies.Refused).reason == Reason.FAILED
        client.say(requests.Attach("work", 80, 24, "", 0, 0, 0, None, 2**62, b"relative"))
        client.hear(replies.Attached)


def test_a_viewer_neither_types_nor_resizes(daemon: Machine) -> None:
    with RawClient(daemon) as driver, RawClient(daemon) as viewer:
        driver.new("cat", name="work")
        driver.attach("work")
        viewer.attach("work", rights=Rights.VIEW, cols=10, rows=5)
        viewer.say(requests.Input(b"forbidden\r"), requests.Resize(20, 10), requests.AskStatus())
        viewer.hear(replies.Status)
        driver.say(requests.Input(b"allowed\r"))
        assert b"forbidden" not in driver.read_until(b"allowed\r\nallowed\r\n")
        assert daemon.terminals()["work"]["cols"] == 80


def test_who_attaches_alone_detaches_the_others(daemon: Machine) -> None:
    with RawClient(daemon) as first, RawClient(daemon) as second:
        first.new("cat", name="work")
        first.attach("work")
        second.attach("work", others=Others.DETACH)
        assert "attached" in first.hear(replies.Released).why
        assert daemon.terminals()["work"]["clients"] == 1
        first.attach("work")


@pytest.mark.untraced
def test_a_client_that_never_reads_costs_nothing_while_a_terminal_floods(daemon: Machine) -> None:
    pid = daemon.daemon_pid
    with RawClient(daemon) as stopped, RawClient(daemon) as good, RawClient(daemon) as other:
        flood = "yes 'a line of a flood that nobody reads' | head -c 60000000; echo; echo the end; cat"
        good.new("sh", "-c", flood, name="flood")
        other.new("cat", name="quiet")
        good.attach("flood")
        good.read_until(b"nobody reads")
        stopped.attach("flood")
        sizes = []
        data = b""
        while b"the end" not in data:
            message = good.next()
            data = message.data if isinstance(message, replies.Output | replies.Painted) else b""
            sizes.append(resident_kib(pid))
        early = sizes[len(sizes) // 4 : len(sizes) // 2]
        assert max(sizes) - min(early) < 16 * 1024
        other.attach("quiet")
        other.say(requests.Input(b"hello\r"))
        other.read_until(b"hello\r\nhello\r\n")
        stopped.hear(replies.Repaint)  # of attaching
        stopped.hear(replies.Repaint)  # of having fallen behind
        stopped.read_until(b"the end")
        other.say(requests.Kill("flood", 0))
        other.hear(replies.Done)
    assert daemon.daemon_pid == pid


@pytest.mark.untraced
def test_a_client_that_asks_and_never_reads_is_not_answered_for_ever(daemon: Machine) -> None:
    pid = daemon.daemon_pid
    with RawClient(daemon) as asker, RawClient(daemon) as other:
        for number in range(8):
            other.new("sh", "-c", "sleep 1000; " + "'" * 100_000, name=f"t{number}")
        before = resident_kib(pid)
        asker.socket.settimeout(0)
        sent = 0
        ask = encode_message(requests.List(0))
        try:
            while sent < 1 << 20:
                sent += asker.socket.send(ask * 100)
        except BlockingIOError:
            asker.socket.settimeout(60)
        other.say(requests.AskStatus())
        other.hear(replies.Status)
        assert resident_kib(pid) - before < 32 * 1024
        for _ in range(20):
            assert asker.hear(replies.Listing).rows
    assert daemon.daemon_pid == pid


@pytest.mark.untraced
def test_a_client_that_reads_nothing_of_a_session_full_of_messages_is_told_the_newest(
    daemon: Machine,
) -> None:
    with RawClient(daemon) as stopped, RawClient(daemon) as good:
        good.new("sh", "-c", "trap '' WINCH; exec yes", name="flood")
        target = stopped.attach("flood").channel.hex()
        good.attach(target, rights=Rights.DRIVE)
        good.read_until(b"y\r\n" * 20_000)
        for number in range(600):
            good.say(requests.Resize(100 + number, 24), requests.Rename(target, f"n{number}"))
            good.hear(replies.Done)
        good.read_until(b"y")
        assert daemon.terminals()["n599"]["clients"] == 2
        names, sizes = [], []
        while ("n599", 699) not in zip(names[-1:], sizes[-1:], strict=False):
            match stopped.next():
                case replies.NameChanged(name):
                    names.append(name)
                case replies.Resized(cols):
                    sizes.append(cols)
        assert len(names) < 300
        stopped.read_until(b"y")


def test_keys_typed_right_before_leaving_reach_the_program(daemon: Machine, tmp_path: Path) -> None:
    for number in range(10):
        done = tmp_path / f"done{number}"
        with RawClient(daemon) as client:
            client.new("sh", "-c", f"yes & read line; kill $!; echo $line > {done}", name=f"t{number}")
            client.attach(f"t{number}")
            client.read_until(b"y")
            client.say(requests.Input(b"typed\n"))
        until(done.exists, "the program read what was typed")


@pytest.mark.untraced
def test_a_large_paste_is_recorded_if_input_is_and_breaks_nothing(daemon: Machine) -> None:
    read_all = (
        "import sys, tty; tty.setraw(0); n = 0\nwhile n < 2_000_000: n += len(sys.stdin.buffer.read1())"
    )
    with RawClient(daemon) as client:
        client.new(
            sys.executable, "-c", f"print('ready', flush=True); {read_all}", name="paste", record_input=True
        )
        client.attach("paste")
        client.read_until(b"ready")
        until(lambda: b"ready" in daemon.export("paste"))
        client.say(requests.Input(b"p" * 1_000_000), requests.Input(b"q" * 1_000_000))
        assert client.hear(replies.Ended) == replies.Ended(0, 0)
    assert b"good" in daemon.run("log", "verify", "paste").stdout
    assert daemon.run("log", "paste", "--json").stdout.count(b'"event": "input"') > 60


def test_a_command_that_is_no_text_is_listed_all_the_same(daemon: Machine) -> None:
    with RawClient(daemon) as client:
        client.new("sh", "-c", "sleep 1000; : \udcff\udcfe", name="odd")
    assert "\ufffd" in daemon.terminals()["odd"]["command"]
    assert b"odd" in daemon.run("ls").stdout
    daemon.run("kill", "odd")
    assert "\ufffd" in daemon.terminals()["odd"]["command"]


def test_a_request_that_no_terminal_can_be_made_of_breaks_no_link_to_the_keeper(daemon: Machine) -> None:
    with RawClient(daemon) as client:
        client.new("cat", name="work")
        client.say(requests.New([b"cat"], b"/", [], 2**40, 80, 24, "", record_input=False, private=False))
        assert client.hear(replies.Refused).reason == Reason.FAILED
        odd = [[b"=x", b"1"], [b"", b"2"], [b"A\0", b"3"], [b"ONLY"], [b"GOOD", b"4"]]
        client.say(
            requests.New(
                [b"/bin/sh", b"-c", b"env"], b"/", odd, 0o022, 80, 24, "e", record_input=False, private=False
            )
        )
        client.hear(replies.Created)
    until(lambda: daemon.terminals()["e"]["state"] == "ended")
    assert b"GOOD=4" in daemon.export("e")
    assert not daemon.terminals()["work"]["lost"]


def test_programs_of_a_terminal_that_nobody_attached_to_find_the_callers_agent(daemon: Machine) -> None:
    daemon.env["SSH_AUTH_SOCK"] = "/tmp/the/agent"
    daemon.run("new", "-d", "-n", "work", "--", "sh", "-c", "readlink $SSH_AUTH_SOCK; sleep 1000")
    until(lambda: b"/tmp/the/agent" in daemon.export("work"), "the link leads to the agent")


def test_who_came_while_the_daemon_was_away_is_not_detached_by_those_who_come_back(daemon: Machine) -> None:
    daemon.run("new", "-d", "-n", "work", "--", "cat")
    with daemon.open("attach", "-d", "work") as first:
        first.type(b"zero\r")
        first.expect(b"zero\r\nzero\r\n")  # it is attached, and detaches nobody from now on
        with daemon.open("attach", "work") as second:
            first.type(b"one\r")
            second.expect(b"one")
            first.expect(b"one\r\none\r\n")
            for _ in range(3):
                pid = daemon.daemon_pid
                os.kill(pid, signal.SIGKILL)
                until(lambda pid=pid: not alive(pid))
                until(lambda: daemon.terminals()["work"]["clients"] == 2, "both come back")


def test_a_stopped_client_is_skipped_and_goes_on_with_the_newest(daemon: Machine) -> None:
    with daemon.open(
        "new", "-n", "flood", "--", "sh", "-c", "echo ready; read go; seq 2000000; cat"
    ) as screen:
        screen.expect(b"ready")
        os.kill(screen.pid, signal.SIGSTOP)
        with RawClient(daemon) as other:
            other.attach("flood")
            other.say(requests.Input(b"go\r"))
            other.read_until(b"2000000")
        os.kill(screen.pid, signal.SIGCONT)
        screen.expect(b"2000000")
        assert len(screen.received) < 10_000_000
        screen.type(b"goes on\r")
        screen.expect(b"goes on")
