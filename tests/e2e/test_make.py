"""`make run`, the first thing that anybody calls."""

import shutil
import sys
from pathlib import Path

import pytest

from machine import Machine, Screen

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_run_says_how_to_call_cctm_and_does_not_fail_with_the_shell(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "ready").touch()  # the environment that runs this test is the one that make would set up
    env = machine.env | {"PATH": "/usr/bin:/bin", "PS1": "$ "}
    make = [str(shutil.which("make")), "-C", str(REPOSITORY), "run"]
    screen = Screen([*make, f"READY={tmp_path / 'ready'}", f"BIN={BIN}"], env, str(tmp_path))
    try:
        screen.expect(f". {BIN}/activate in this shell, or pipx install . for good".encode())
        screen.type(b"exit 3\r")
        screen.expect(b"exit 3]")
        assert screen.wait() == 0
    finally:
        screen.close()
