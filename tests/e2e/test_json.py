"""What scripts read is what the daemon tells, which the other tests ask directly."""

import json

from machine import Machine, until


def test_a_listing_in_json_is_what_the_daemon_tells(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "ended", "--", "true")
    until(lambda: machine.terminals()["ended"]["state"] == "ended")
    machine.run("new", "-d", "-n", "running", "--", "cat")
    for options in ((), ("-a",)):
        listed = json.loads(machine.run("ls", "--json", *options).stdout)
        assert {row["name"] for row in listed} == {"ended", "running"}
        assert listed == machine.rows(*options)


def test_a_status_in_json_is_what_the_daemon_tells(machine: Machine) -> None:
    machine.run("daemon", "start")
    found, told = json.loads(machine.run("daemon", "status", "--json").stdout), machine.status()
    for name in ("daemon_pid", "keeper_pid", "terminals", "clients"):
        assert found[name] == told[name]
    assert found["running"]
    machine.run("daemon", "stop")
    done = machine.run("daemon", "status", "--json", check=False)
    assert (done.returncode, json.loads(done.stdout)["running"]) == (1, False)
    assert machine.status() is None
