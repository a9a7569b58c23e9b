"""The output of a terminal, as it goes to one daemon after another."""

import hashlib
import random

import pytest

from cctm.keeper import wire
from keeper_programs import COUNTER, PYTHON, counted


@pytest.mark.untraced
def test_offsets_are_contiguous_and_the_flood_is_byte_exact(daemon):
    size = 8 * 1024 * 1024
    output, ended = daemon.run(PYTHON, "-c", COUNTER, str(size))
    assert ended.end == size
    assert output == counted(size)


@pytest.mark.untraced
@pytest.mark.parametrize("seed", range(3))
def test_a_flood_survives_a_daemon_that_dies_again_and_again_at_any_moment(keeper, seed):
    chance = random.Random(seed)
    size = 16 * 1024 * 1024
    daemon = keeper.daemon()
    id_, pid = daemon.spawn(PYTHON, "-c", COUNTER, str(size), raw=True)
    stored = b""
    deaths = 0
    ended = None
    while ended is None:
        lives_for = chance.randrange(1, 20)
        for _ in range(lives_for):
            daemon.receive(65536)  # so there are 256 or more, however far the keeper is ahead
            if chance.random() < 0.7:
                stored += daemon.output.pop(id_, b"")
                daemon.send(wire.Ack(id_, len(stored)))
            ended = daemon._find(wire.Ended, id_)
            if ended is not None:
                stored += daemon.output.pop(id_, b"")
                break
        daemon.close()
        deaths += 1
        daemon = keeper.daemon()
        here = daemon.here[id_]
        assert here.pid == pid
        assert here.base <= len(stored) <= here.end
        daemon.resume(id_, len(stored))
    daemon.close()
    assert deaths > 10
    assert ended.end == len(stored)
    assert stored == counted(size)


def test_output_is_not_sent_to_a_daemon_that_did_not_ask_for_it(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo before; read line; echo after", raw=True)
    daemon.until_output(id_, b"before\n")
    with keeper.daemon() as other:
        other.type(id_, b"\n")
        assert other.is_quiet(0.3)
        other.resume(id_, 7)
        assert other.until_output(id_, b"after\n") == b"after\n"


def test_unacknowledged_output_is_sent_again_to_the_next_daemon(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo before; read line", raw=True)
    daemon.wait(wire.Output)
    with keeper.daemon() as other:
        assert (other.here[id_].base, other.here[id_].end) == (0, 7)
        other.resume(id_, 3)
        assert other.wait(wire.Output) == wire.Output(id_, 3, b"ore\n")


def test_one_terminal_echoes_while_another_floods_and_neither_stops(daemon):
    flood, _ = daemon.spawn("cat", "/dev/zero", raw=True)
    echo, _ = daemon.spawn("cat", raw=True)
    for number in range(50):
        word = b"<%d>" % number
        daemon.type(echo, word)
        daemon.until_output(echo, word)
        daemon.output[flood] = b""
    daemon.until_place(flood, daemon.place[flood] + 1024 * 1024)


@pytest.mark.untraced
def test_the_digest_of_a_binary_flood_is_that_of_the_file(daemon, tmp_path):
    data = random.Random(5).randbytes(4 * 1024 * 1024)
    (tmp_path / "binary").write_bytes(data)
    output, _ = daemon.run("cat", tmp_path / "binary")
    assert hashlib.sha256(output).digest() == hashlib.sha256(data).digest()
