"""What is recorded is what was printed; nothing readable is left on disk; damage is named and stays where it is."""

import base64
import json
import os
import random
import shutil
import signal
import sys
import zlib
from pathlib import Path

import pytest
import zstandard

from cctm.archive.segment import MAGIC
from machine import PRINT, Machine, alive, until


def printed_by(machine: Machine, data: bytes, name: str = "work") -> bytes:
    """What the record says that a program printed which printed *data*."""
    path = machine.cwd / f"{name}.data"
    path.write_bytes(data)
    machine.run("new", "-d", "-n", name, "--", sys.executable, "-c", PRINT, str(path))
    until(lambda: machine.terminals()[name]["state"] == "ended", "the program ends")
    assert machine.terminals()[name]["exit_status"] == 0
    return machine.export(name)


@pytest.mark.untraced
@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 20,
        b"\xff\xfe\xc3(\xe2\x82" * 1000,
        b"\0" * 5000,
        b"x" * 1_000_000 + b"\n" + b"y" * 1_000_000,
        random.Random(1).randbytes(3_000_000),
        b"1",
    ],
    ids=["every byte", "invalid UTF-8", "NUL", "1 MB lines", "noise", "one byte"],
)
def test_output_is_recorded_byte_for_byte(machine: Machine, data: bytes) -> None:
    assert printed_by(machine, data) == data


@pytest.mark.untraced
@pytest.mark.parametrize("words", [3_000, 70_000])
def test_a_command_line_may_have_many_words(machine: Machine, words: int) -> None:
    machine.run("new", "-d", "-n", "many", "--", "sh", "-c", 'echo "$# $1"', *map(str, range(words)))
    until(lambda: machine.terminals()["many"]["state"] == "ended")
    assert machine.export("many") == b"%d 1\r\n" % (words - 1)
    assert machine.run("log", "verify", "many").stdout.startswith(b"many: good")


def test_exit_status_and_signals_are_told_and_recorded(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "seven", "--", "sh", "-c", "exit 7")
    machine.run("new", "-d", "-n", "term", "--", "sh", "-c", "kill -TERM $$")
    until(lambda: {row["state"] for row in machine.terminals().values()} == {"ended"})
    found = machine.terminals()
    assert found["seven"]["exit_status"] == 7
    assert (found["term"]["exit_status"], found["term"]["signal"]) == (None, signal.SIGTERM)
    with machine.open("new", "--", "sh", "-c", "exit 9") as screen:
        assert screen.wait() == 9
    with machine.open("new", "--", "sh", "-c", "kill -KILL $$") as screen:
        assert screen.wait() == 128 + signal.SIGKILL


def test_signals_reach_programs_as_if_there_were_no_recorder(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "pipe", "--", "sh", "-c", "yes | head -n 1; echo done")
    until(lambda: machine.terminals()["pipe"]["state"] == "ended", "SIGPIPE ends yes")
    assert machine.export("pipe") == b"y\r\ndone\r\n"
    with machine.open("new", "-n", "keys", "--", "bash", "--norc") as screen:
        screen.type(b"sh -c 'echo ru$((1))ns; exec sleep 1000'\r")
        screen.expect(b"ru1ns")
        screen.type(b"\x03")
        screen.type(b"echo st$((1))atus $?\r")
        screen.expect(b"st1atus 130")


def test_a_background_job_that_keeps_the_terminal_open_does_not_keep_it_running(machine: Machine) -> None:
    wanted = machine.cwd / "wanted"
    wanted.touch()
    job = f"trap '' HUP; (while [ -e {wanted} ]; do echo on; sleep 0.1; done) & exit 4"
    machine.run("new", "-d", "-n", "work", "--", "sh", "-c", job)
    until(lambda: machine.terminals()["work"]["state"] == "ended", "the shell's end is the terminal's")
    assert machine.terminals()["work"]["exit_status"] == 4
    wanted.unlink()


def test_kill_ends_a_program_that_ignores_the_hangup(machine: Machine) -> None:
    machine.run(
        "new",
        "-d",
        "-n",
        "deaf",
        "--",
        "sh",
        "-c",
        "trap '' HUP TERM INT; echo ready; while :; do sleep 1; done",
    )
    until(lambda: b"ready" in machine.export("deaf"))
    program = machine.terminals()["deaf"]["pid"]
    machine.run("kill", "deaf")
    assert not alive(program)
    assert machine.terminals()["deaf"]["signal"] == signal.SIGKILL


@pytest.mark.untraced
def test_a_program_that_writes_for_ever_does_not_disturb_one_in_which_somebody_types(
    machine: Machine,
) -> None:
    machine.run("new", "-d", "-n", "noise", "--", "sh", "-c", "exec yes")
    with machine.open("new", "-n", "quiet", "--", "bash", "--norc") as screen:
        for n in range(20):
            screen.type(b"echo an$((1))swer %d\r" % n)
            screen.expect(b"an1swer %d\r\n" % n)
    assert machine.terminals()["noise"]["state"] == "running"
    machine.run("kill", "noise")


def test_nothing_readable_lies_on_the_disk(machine: Machine) -> None:
    words = [b"Xylophone", b"Quagmire", b"Zeppelin", b"Jackdaw"]
    name, printed, typed, argument = words
    with machine.open(
        "new", "-n", name.decode(), "--record-input", "--", "bash", "--norc", "--noediting"
    ) as screen:
        screen.type(b"echo %s; : %s\r" % (printed, typed))
        screen.expect(printed + b"\r\n")  # of the echo, the rest of the command follows
        screen.type(b"printf '\\033]0;%s\\007'\r" % typed)
        screen.expect(b"\x1b]0;" + typed)
        screen.type(b"\x02d")
        screen.wait()
    machine.run("new", "-d", "--", "sh", "-c", f"echo {argument.decode() * 3}; sleep 1000")
    machine.run("ls")
    os.kill(machine.daemon_pid, signal.SIGKILL)
    machine.run("daemon", "start")
    machine.run("daemon", "stop")
    files = machine.files()
    assert any(path.suffix == ".seg" for path in files)
    for path in files:
        data = path.read_bytes()
        for text in (data, *_decompressed(data)):
            for word in words:
                assert word not in text, path
                assert word.hex().encode() not in text, path
                for shift in range(3):  # wherever in a longer text the word begins
                    coded = base64.b64encode(b"\0" * shift + word)[4 if shift else 0 : -4]
                    assert coded not in text, path


def _decompressed(data: bytes) -> list[bytes]:
    """Whatever in *data* begins like a zstd frame or a zlib stream, decompressed as far as it goes."""
    found = []
    for at in range(len(data)):
        if data.startswith(b"\x28\xb5\x2f\xfd", at):
            with_frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                found.append(with_frame.decompress(data[at:]))
            except zstandard.ZstdError:
                continue
        elif data[at : at + 2] in {b"\x78\x01", b"\x78\x9c", b"\x78\xda"}:
            try:
                found.append(zlib.decompressobj().decompress(data[at:]))
            except zlib.error:
                continue
    return found


@pytest.mark.parametrize("option", [("--record-input",), ()], ids=["recording input", "not"])
def test_what_is_typed_at_a_password_prompt_leaves_no_trace(
    machine: Machine, option: tuple[str, ...]
) -> None:
    ready, asking = b"echo re$((1))dy\r", b"read -s -p 'password: ' x; echo le$((1))n ${#x}\r"
    with machine.open("new", "-n", "login", *option, "--", "bash", "--norc", "--noediting") as screen:
        screen.type(ready)
        screen.expect(b"re1dy")
        screen.type(asking)
        screen.expect(b"password: ")
        screen.expect(b"password: ")
        screen.type(b"hunter2secret\r")
        screen.expect(b"le1n 13")
        screen.type(b"echo open\r")
        screen.expect(b"echo open")
        screen.expect(b"open\r\n")  # behind the prompt, if the line was there before it
    log = machine.run("log", "login", "--json").stdout
    assert b"hunter2" not in log
    inputs = [event for event in map(json.loads, log.splitlines()) if event["event"] == "input"]
    assert sum(event["length"] for event in inputs) == len(ready + asking + b"echo open\r")
    assert [event["data"] for event in inputs][-1] == ("echo open\r" if option else None)


def segments(machine: Machine) -> list[Path]:
    return sorted((machine.home / "archive").rglob("*.seg"))


@pytest.mark.untraced
def test_a_damaged_file_is_named_and_every_other_terminal_works(machine: Machine) -> None:
    printed_by(machine, b"first" * 1000, "first")
    before = set(segments(machine))
    printed_by(machine, random.Random(2).randbytes(3_000_000), "second")
    (damaged,) = set(segments(machine)) - before
    good = machine.run("log", "verify")
    assert b"first: good" in good.stdout
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    found = machine.run("log", "verify", check=False)
    assert found.returncode == 1
    assert b"first: good" in found.stdout
    assert damaged.name.encode() in found.stdout
    assert machine.export("first") == b"first" * 1000
    rest = machine.run("export", "second", "-f", "raw", check=False)
    assert rest.returncode == 1
    assert b"missing" in rest.stderr
    assert 2_500_000 < len(rest.stdout) < 3_000_000
    os.kill(machine.daemon_pid, signal.SIGKILL)
    machine.run("new", "-d", "-n", "third", "--", "cat")


def without_last_record(data: bytes) -> bytes:
    """A segment, but for its last record."""
    at = last = len(MAGIC)
    while at < len(data):
        last, at = at, at + 8 + int.from_bytes(data[at : at + 4], "big")
    return data[:last]


def flaws_of(machine: Machine, name: str) -> bytes:
    """What `log verify` says of a terminal of which something is missing; `log` says it too, and so does its status."""
    verified = machine.run("log", "verify", name, check=False)
    shown = machine.run("log", name, check=False)
    assert (verified.returncode, shown.returncode) == (1, 1)
    assert shown.stdout.splitlines()[-2].startswith(b"!! ")
    return verified.stdout


def test_the_end_of_a_running_terminals_record_that_was_cut_off_is_missed(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "work", "--", "sh", "-c", "echo printed; read x")
    until(lambda: machine.export("work") == b"printed\r\n")
    (segment,) = segments(machine)
    segment.write_bytes(without_last_record(segment.read_bytes()))
    assert b"the log is shorter than it once was" in flaws_of(machine, "work")
    export = machine.run("export", "work", check=False)
    assert (export.returncode, export.stdout) == (1, b"")
    assert b"At byte 0, output of 9 bytes is missing from the record." in export.stderr


def test_the_record_of_a_running_terminal_that_was_moved_away_is_missed(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "work", "--", "cat")
    (segment,) = segments(machine)
    segment.rename(machine.cwd / "elsewhere")
    assert b"a log that is known is missing" in flaws_of(machine, "work")


def test_what_was_cut_off_while_no_daemon_ran_is_missed_also_when_the_next_one_has_started(
    machine: Machine,
) -> None:
    machine.run("new", "-d", "-n", "work", "--", "cat")
    machine.run("rename", "work", "better")
    machine.run("daemon", "stop")
    (segment,) = segments(machine)
    segment.write_bytes(without_last_record(segment.read_bytes()))
    assert b"the log is shorter than it once was" in flaws_of(machine, "better")
    machine.run("daemon", "start")
    assert b"the log is shorter than it once was" in flaws_of(machine, "better")


def test_a_damaged_catalogue_is_rebuilt(machine: Machine) -> None:
    printed_by(machine, b"kept", "old")
    machine.run("daemon", "stop")
    for path in machine.home.glob("catalogue.sqlite*"):
        path.write_bytes(b"garbage" * 1000)
    assert machine.terminals("-a")["old"]["exit_status"] == 0
    assert machine.export("old") == b"kept"


def test_two_copies_of_one_home_both_work_and_the_record_of_each_verifies(
    machine: Machine, tmp_path: Path
) -> None:
    machine.run("new", "-d", "-n", "work", "--", "bash", "--norc")
    program = machine.terminals()["work"]["pid"]
    machine.run("daemon", "stop")
    (tmp_path / "copy").mkdir()
    shutil.copytree(
        machine.home,
        tmp_path / "copy/home",
        ignore=lambda _, names: [n for n in names if n.endswith(".sock")],
    )
    with Machine(tmp_path / "copy") as copy:
        # The copy has no shell: its record is closed. The original goes on.
        assert copy.terminals()["work"]["lost"]
        copy.run("new", "-d", "-n", "other", "--", "cat")
        assert machine.terminals()["work"]["pid"] == program
        with machine.open("attach", "work") as screen:
            screen.type(b"echo go$((1))es on\r")
            screen.expect(b"go1es on")
        copy.run("log", "verify")
        machine.run("log", "verify")
        # Brought together again, the two histories are told apart.
        for source in sorted((copy.home / "archive").rglob("*.seg")):
            target = machine.home / "archive" / source.relative_to(copy.home / "archive")
            if target.parent.exists() and not target.exists():
                shutil.copy(source, target)
        both = machine.run("log", "verify", "work", check=False)
        assert b"copied or restored" in both.stdout


def test_a_restored_backup_goes_on_with_the_shells_that_run(machine: Machine, tmp_path: Path) -> None:
    machine.run("new", "-d", "-n", "old", "--", "bash", "--norc")
    machine.run("daemon", "stop")
    backup = tmp_path / "backup"
    backup.mkdir()
    for part in ("archive", "catalogue.sqlite"):
        source = machine.home / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, backup / part)
    machine.run("new", "-d", "-n", "young", "--", "bash", "--norc")
    with machine.open("attach", "old") as screen:
        screen.type(b"echo af$((1))ter the backup\r")
        screen.expect(b"af1ter the backup")
    young = machine.terminals()["young"]["pid"]
    machine.run("daemon", "stop")
    shutil.rmtree(machine.home / "archive")
    for path in machine.home.glob("catalogue.sqlite*"):
        path.unlink()
    for part in ("archive", "catalogue.sqlite"):
        source = backup / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, machine.home / part)
    found = machine.terminals()
    assert found["old"]["state"] == "running"
    assert found["recovered"]["pid"] == young
    with machine.open("attach", "recovered") as screen:
        screen.type(b"echo go$((1))es on\r")
        screen.expect(b"go1es on")
    with machine.open("attach", "old") as screen:
        screen.type(b"echo al$((1))so\r")
        screen.expect(b"al1so")
    machine.run("log", "verify")


@pytest.mark.untraced
def test_removing_and_pruning_delete_the_record(machine: Machine) -> None:
    for name in ("one", "two", "three"):
        printed_by(machine, random.Random(name).randbytes(100_000), name)
    machine.run("new", "-d", "-n", "busy", "--", "cat")
    assert b"is running" in machine.run("rm", "busy", check=False).stderr
    machine.run("rm", "one")
    assert set(machine.terminals("-a")) == {"two", "three", "busy"}
    assert machine.run("prune", "--keep", "150K", check=False).returncode == 1
    assert set(machine.terminals("-a")) == {"two", "three", "busy"}
    done = machine.run("prune", "--keep", "150K", "--yes")
    assert b"Deleted 1 record (" in done.stdout
    assert set(machine.terminals("-a")) == {"three", "busy"}
    assert len(list((machine.home / "archive").iterdir())) == 2
    assert b"in 2 terminals;" in machine.run("du").stdout
    machine.run("prune", "--older-than", "0s", "--yes")
    assert set(machine.terminals("-a")) == {"busy"}
    assert b"in 1 terminal;" in machine.run("du").stdout


@pytest.mark.untraced
def test_a_line_of_any_length_is_exported_as_one_line(machine: Machine) -> None:
    printed_by(machine, b"x" * 3_000_000 + b"\r\nend\r\n")
    assert machine.run("export", "work").stdout == b"x" * 3_000_000 + b"\nend\n"


def test_export_writes_text_without_escape_sequences(machine: Machine, tmp_path: Path) -> None:
    printed_by(machine, b"\x1b[1mbold\x1b[0m\r\n10%\r100%\r\n\x1b[?1049hvim\x1b[?1049lend\r\n")
    assert machine.run("export", "work").stdout == b"bold\n100%\nend\n"
    machine.run("export", "work", "-f", "raw", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes().startswith(b"\x1b[1mbold")
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
