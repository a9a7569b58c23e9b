"""What the commands that must start fast import: nothing more than this. Each module more makes them slower."""

import os
import subprocess
import sys

import pytest

from machine import without_coverage

LS = {
    "cctm",
    "cctm.cli",
    "cctm.cli.client",
    "cctm.cli.commands",
    "cctm.cli.commands.ls",
    "cctm.cli.errors",
    "cctm.cli.group",
    "cctm.cli.main",
    "cctm.cli.streams",
    "cctm.cli.table",
    "cctm.cli.words",
    "cctm.home",
    "cctm.peer",
    "cctm.protocol",
    "cctm.protocol.codec",
    "cctm.protocol.control",
    "cctm.protocol.control.frames",
    "cctm.protocol.control.replies",
    "cctm.protocol.control.requests",
    "cctm.protocol.control.values",
    "cctm.protocol.errors",
    "cctm.protocol.tables",
}
ATTACH = {
    *(LS - {"cctm.cli.commands.ls", "cctm.cli.table"}),
    "cctm.cli.attachment",
    "cctm.cli.columns",
    "cctm.cli.commands.attach",
    "cctm.cli.display",
    "cctm.cli.doing",
    "cctm.cli.keys",
    "cctm.cli.link",
    "cctm.cli.opening",
    "cctm.cli.pages",
    "cctm.cli.pages.canvas",
    "cctm.cli.pages.choice",
    "cctm.cli.pages.effects",
    "cctm.cli.pages.help",
    "cctm.cli.pages.keystrokes",
    "cctm.cli.pages.page",
    "cctm.cli.pages.prompt",
    "cctm.cli.pages.terminals",
    "cctm.cli.parameters",
    "cctm.cli.questions",
    "cctm.cli.reconnecting",
    "cctm.cli.session",
    "cctm.cli.signals",
    "cctm.cli.terminal",
    "cctm.screen",
    "cctm.screen.modes",
}
LISTED = (
    "import sys; before = set(sys.modules); import cctm.cli.main, cctm.cli.commands.{}; "
    "print(*sorted(set(sys.modules) - before - sys.stdlib_module_names))"
)


@pytest.mark.parametrize(("command", "allowed"), [("ls", LS), ("attach", ATTACH)])
def test_what_must_start_fast_imports_no_more(command, allowed):
    code = [sys.executable, "-c", LISTED.format(command)]
    done = subprocess.run(code, capture_output=True, check=True, text=True, env=without_coverage(os.environ))
    found = set(done.stdout.split())
    assert {name for name in found if name.partition(".")[0] == "cctm"} <= allowed
    others = {name.partition(".")[0] for name in found if "cython" not in name}  # of which msgpack is made
    assert others - sys.stdlib_module_names <= {"cctm", "click", "msgpack"}
