"""`cctm join` in a window: what is asked, and what is never shown."""

from machine import Machine

ASKED = b"The link (it is not shown): "


def test_a_link_is_asked_for_and_not_shown(machine: Machine) -> None:
    with machine.open("join") as screen:
        screen.expect(ASKED)
        screen.type(b"https://relay.example/t/secret#secret\r")
        said = screen.expect(b"to its end.")
        assert b"cctm: That is not a link, or not all of one." in said
        assert b"secret" not in said
        assert screen.wait() == 1
    assert not machine.status()


def test_who_is_asked_for_a_link_can_leave(machine: Machine) -> None:
    with machine.open("join") as screen:
        screen.expect(ASKED)
        screen.type(b"\x03")
        screen.expect(b"Interrupted.")
        assert screen.wait() == 130
