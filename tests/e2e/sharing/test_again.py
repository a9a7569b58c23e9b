"""Sharing, and sharing again."""

from machine import Machine, until
from outer import Outer
from two_machines import labels, share


def test_what_was_shared_before_is_shared_again_and_is_no_copy(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    share(host)
    until(lambda: b"connected" in host.run("shares", "work").stdout, "its relay has it")
    host.run("unshare", "work")
    until(lambda: b"Nothing is shared" in host.run("shares").stderr, "it is over")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ada") as there:
        until(lambda: "ada" in labels(host), "they are here")
        there.enter("echo typed-$((40+2))")
        here.until("typed-42")
