"""What is meant by the names and ids that a user says."""

from machine import Machine, until


def three(machine: Machine) -> list[str]:
    """Three ended terminals that are called `t`; their ids, the oldest first."""
    for _ in range(3):
        machine.run("new", "-d", "-n", "t", "--", "true")
        until(lambda: all(row["state"] == "ended" for row in machine.rows()))
    return [row["id"] for row in machine.rows()]


def test_of_several_ended_terminals_of_a_name_the_one_whose_id_is_said_is_deleted(machine: Machine) -> None:
    ids = three(machine)
    done = machine.run("rm", "t", check=False)
    assert done.returncode == 1
    listed = ", ".join(id_[:8] for id_ in reversed(ids))
    assert done.stderr.decode() == (
        f"cctm: 3 terminals that ended are called 't': {listed} (the newest first). "
        "Say the id of the one that you mean.\n"
    )
    assert len(machine.rows()) == 3
    machine.run("rm", ids[1][:8])
    assert [row["id"] for row in machine.rows()] == [ids[0], ids[2]]


def test_what_can_be_done_is_done_and_what_cannot_is_said(machine: Machine) -> None:
    for name in ("one", "two"):
        machine.run("new", "-d", "-n", name, "--", "cat")
    done = machine.run("kill", "one", "nobody", "two", check=False)
    assert done.returncode == 1
    assert done.stderr.count(b"cctm: ") == 1
    assert b"There is no terminal 'nobody'." in done.stderr
    until(lambda: all(row["state"] == "ended" for row in machine.rows()))
    machine.run("new", "-d", "-n", "busy", "--", "cat")
    done = machine.run("rm", "one", "busy", "two", check=False)
    assert done.returncode == 1
    assert b"The terminal 'busy' is running." in done.stderr
    assert [row["name"] for row in machine.rows()] == ["busy"]


def test_a_name_that_would_be_taken_for_an_id_is_refused(machine: Machine) -> None:
    done = machine.run("new", "-d", "-n", "cafe", check=False)
    assert done.returncode == 1
    assert b"looks like the beginning of an id" in done.stderr
    assert machine.run("new", "-d", "-n", "5", "--", "cat").stdout == b"5\n"
    assert machine.run("rename", "5", " ", check=False).returncode == 1
