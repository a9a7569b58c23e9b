"""How keeper and daemon are started: their command lines and their environment.

The CLI starts a keeper, the keeper starts daemons, and a daemon whose keeper died starts the next keeper; all
use this. Neither the user's directory nor PYTHONPATH is searched for modules (`-P`, `-E`, cwd `/`): a stray
`select.py` must not become part of the daemon.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from cctm.home import Home

# What the two processes themselves need. Programs in terminals get the environment of whoever opened them, so
# nothing else of the first caller's (tokens, agents, a terminal's variables) has to live on in a daemon.
_KEPT = frozenset({"HOME", "PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR"})
_KEPT_PREFIXES = ("SSL_CERT_", "LC_", "CCTM_", "XDG_", "COVERAGE_")


def python_command(module: str) -> list[str]:
    """The command line that runs *module* with this interpreter."""
    return [sys.executable, "-E", "-P", "-m", module]


def service_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What of *environ* keeper and daemon get."""
    return {
        name: value
        for name, value in environ.items()
        if (name in _KEPT or name.startswith(_KEPT_PREFIXES)) and name != "CCTM_TERMINAL"
    }


def start_keeper(home: Home, daemon_fd: int | None = None) -> "subprocess.Popen[bytes]":
    """Start a keeper in a session of its own.

    Args:
        daemon_fd: a connected socket whose other end is a daemon: the keeper serves that and starts none.
    """
    command = [
        *python_command("cctm.keeper"),
        "--socket",
        home.keeper_socket,
        "--lock",
        home.keeper_lock,
        "--log",
        home.keeper_log,
        "--daemon-command",
        json.dumps(python_command("cctm.cctmd")),
    ]
    if daemon_fd is not None:
        command += ["--daemon-fd", str(daemon_fd)]
    log = os.open(home.keeper_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            command,
            cwd="/",
            env=service_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=() if daemon_fd is None else (daemon_fd,),
        )
    finally:
        os.close(log)
