"""cctm.protocol.live: a gate and its drivers, wired together."""

from live_parts import ANN, Host, Reader


def test_what_a_driver_types_runs_at_the_host():
    host = Host()
    ann = Reader(host, ANN)
    ann.settle()
    ann.type(b"ls\r")
    ann.type(b"exit\r")
    ann.talk()
    assert host.typed(ANN) == b"ls\rexit\r"
    assert ann.dropped() == []
