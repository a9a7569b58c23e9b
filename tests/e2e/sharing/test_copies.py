"""A home that is restored from a backup lets nobody in whom it had removed since."""

import json
import shutil
from pathlib import Path

from machine import Machine, until
from outer import Outer


def test_a_restored_backup_revives_no_driver(host: Machine, guest: Machine, tmp_path: Path) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    link = host.run("share", "work", "--drive").stdout.decode().strip()
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ada") as there:
        there.until("#")
        there.enter("echo typed-$((40+2))")
        here.until("typed-42")
    host.run("daemon", "stop")
    backup = tmp_path / "backup"
    kept = shutil.ignore_patterns("state")
    shutil.copytree(host.home, backup, ignore=kept)
    host.run("daemon", "start")
    with Outer(guest, "attach", "work") as there:
        until(lambda: b"ada" in host.run("who", "work").stdout, "they are here again")
        host.run("share", "work")  # which stays, so that the relay hears of all
        host.run("kick", "work", "ada")
        there.until("removed you")
    host.run("daemon", "stop")

    for place in host.home.iterdir():
        if place.name != "state":
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    shutil.copytree(backup, host.home, dirs_exist_ok=True)
    host.run("daemon", "start")
    until(lambda: json.loads(host.run("shares", "--json").stdout) == [], "nothing is shared any more")
    assert b"may hold" not in host.run("log", "verify", "work", check=False).stderr
    with Outer(host, "attach", "work") as here, Outer(guest, "attach", "work") as there:
        here.enter("echo goes-$((40+2))-on")
        here.until("goes-42-on")
        there.until_match("has removed you|no longer")
        assert not there.shows("goes-42-on")
