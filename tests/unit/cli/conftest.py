"""The command, called as by a shell, in this process."""

import sys

import pytest

from cctm.cli.main import main


@pytest.fixture
def cctm(monkeypatch, capsys, tmp_path):
    """Call it with arguments: its exit status, and what it said on standard output and standard error."""
    monkeypatch.setenv("CCTM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CCTM_TERMINAL", raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["cctm", *arguments])
        with pytest.raises(SystemExit) as done:
            main()
        return done.value.code or 0, *capsys.readouterr()

    return call
