"""A request for a new terminal, with this process's environment, directory and umask."""

import os

from cctm.cli import terminal
from cctm.cli.errors import UserError
from cctm.protocol.control import requests


def new_request(
    *,
    argv: tuple[str, ...] = (),
    name: str = "",
    cwd: str | None = None,
    size: tuple[int, int] | None = None,
    record_input: bool = False,
) -> requests.New:
    """
    Raises:
        UserError: the directory is not there.
    """
    cols, rows = terminal.size() if size is None else size
    umask = os.umask(0o077)
    os.umask(umask)
    return requests.New(
        argv=[os.fsencode(argument) for argument in argv],
        cwd=os.fsencode(_directory(cwd)),
        env=[[name, value] for name, value in os.environb.items()],
        umask=umask,
        cols=cols,
        rows=rows,
        name=name,
        record_input=record_input,
        private=False,
    )


def _directory(cwd: str | None) -> str:
    if cwd is not None:
        if not os.path.isdir(cwd):
            raise UserError(f"{cwd} is not a directory.", "Give --cwd a directory that exists.")
        return os.path.abspath(cwd)
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise UserError(
            "The current directory no longer exists.", "Change to another, or give --cwd."
        ) from error
