"""`cctm screen`."""

import json
import re

from machine import Machine, until


def test_a_screen_is_printed_as_text_in_colours_and_as_json(machine: Machine) -> None:
    machine.run(
        "new",
        "-d",
        "-n",
        "tint",
        "--",
        "sh",
        "-c",
        r"printf '\033]0;a title\007\033[1;31mred\033[m x\n'; exec cat",
    )
    until(lambda: machine.run("screen", "tint").stdout == b"red x\n")
    coloured = machine.run("screen", "tint", "--ansi").stdout
    assert re.fullmatch(rb"\x1b\[(1;31|31;1)mred\x1b\[m x\n", coloured)
    shown = json.loads(machine.run("screen", "tint", "--json").stdout)
    assert shown["title"] == "a title"
    assert shown["lines"][:2] == ["red x", ""]
    assert shown["cursor"] == {"col": 0, "row": 1, "visible": True}
    assert machine.run("screen", "nothing", check=False).returncode == 1
    assert machine.run("screen", "tint", "--ansi", "--json", check=False).returncode == 2
