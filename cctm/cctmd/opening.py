"""Opening a terminal.

    name, keys ─► PTY (keeper) ─► catalogue: keys and about ─► log begins: opened, on disk ─► program starts (keeper)

Invariants: `opened` is on disk before the program runs; the writer's seed is in the catalogue before the log
is, so that whatever was written can be continued. What fails is taken back: nothing is left of a terminal
that did not start.
"""

import errno
import os
import signal
from typing import Final

import trio

from cctm.archive.catalogue import About
from cctm.archive.storage import Sync
from cctm.cctmd import keeper_link
from cctm.cctmd.agent import point_to_agent
from cctm.cctmd.child import TERM, Program, program, recorded_argv
from cctm.cctmd.keeper_link import KeeperGoneError, StartError
from cctm.cctmd.naming import check_name
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.recorder import ChannelKeys, Screen
from cctm.cctmd.services import RefusedError, wait_for
from cctm.cctmd.terminal import Terminal
from cctm.cctmd.terminals import Terminals
from cctm.keeper import wire
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Reason
from cctm.protocol.events import Opened
from cctm.protocol.keys import SEED_BYTES, ChannelId, EpochSecret, StreamId, WriterKey, channel_id

MAX_CELLS: Final = 65535
OPENING_S: Final = 30
MAX_PATH_BYTES: Final = 4096
MAX_ARGUMENT_PAGES: Final = 32  # Linux: MAX_ARG_STRLEN


async def open_terminal(terminals: Terminals, request: requests.New) -> replies.Created:
    """Open a terminal and start its program.

    Raises:
        RefusedError: why it cannot be.
    """
    _check(terminals, request)
    name = request.name or _free_number(terminals)
    if not terminals.reserve(name):
        raise RefusedError(
            Reason.NAME_TAKEN,
            f"A running terminal is called {name!r} already.",
            "Choose another name, or attach to it.",
        )
    try:
        # Shielded: a client that leaves meanwhile must not leave half a terminal. Bounded: nor must it keep the daemon.
        with trio.move_on_after(OPENING_S, shield=True):
            return await _open(terminals, request, name)
    finally:
        terminals.unreserve(name)
    raise RefusedError(
        Reason.FAILED,
        f"The terminal could not be opened within {OPENING_S} s.",
        f"The disk may be slow or full, or the machine busy; see {terminals.services.home.daemon_log}.",
    )


def _check(terminals: Terminals, request: requests.New) -> None:
    if request.name:
        check_name(request.name)
    if not (1 <= request.cols <= MAX_CELLS and 1 <= request.rows <= MAX_CELLS):
        raise RefusedError(
            Reason.FAILED, "A terminal has 1 to 65535 columns and rows.", "Choose another size."
        )
    if any(b"\0" in part for part in (*request.argv, request.cwd)) or (request.argv and not request.argv[0]):
        raise RefusedError(
            Reason.FAILED, "The command is empty or contains a NUL.", "Say which program to run."
        )
    if len(request.cwd) > MAX_PATH_BYTES or request.umask > 0o777:
        raise RefusedError(
            Reason.FAILED, "There is no such directory or umask.", "Start from another, or give --cwd."
        )
    if terminals.stalled:
        raise RefusedError(
            Reason.NO_ROOM,
            f"Nothing can be recorded now: {terminals.stalled}.",
            "Free some space: `cctm du` shows what takes it, `cctm prune` deletes old records.",
        )


def _free_number(terminals: Terminals) -> str:
    number = 0
    while not terminals.name_is_free(str(number)):
        number += 1
    return str(number)


def _pairs(env: list[list[bytes]]) -> dict[bytes, bytes]:
    return {
        pair[0]: pair[1]
        for pair in env
        if len(pair) == len(("name", "value"))
        and pair[0]
        and b"=" not in pair[0]
        and b"\0" not in pair[0] + pair[1]
    }


def new_keys(terminals: Terminals) -> ChannelKeys:
    """Writer and first epoch of a new channel."""
    writer = WriterKey.from_seed(os.urandom(SEED_BYTES))
    return ChannelKeys(
        channel_id(writer.public),
        writer,
        (EpochSecret(1, os.urandom(SEED_BYTES)),),
        terminals.services.device,
    )


async def _open(terminals: Terminals, request: requests.New, name: str) -> replies.Created:
    services, link = terminals.services, terminals.link
    env = _pairs(request.env)
    point_to_agent(services.home, env.get(b"SSH_AUTH_SOCK"))
    keys = new_keys(terminals)
    what = program(request.argv, env, keys.channel, os.fsencode(services.home.agent_link))
    try:
        stream, master = await link.open(keys.channel.hex(), request.cols, request.rows)
    except StartError as failure:
        raise _in_words(failure, what.argv[0], request.cwd) from failure
    except KeeperGoneError as gone:
        raise RefusedError(Reason.FAILED, "The keeper went away just now.", "Try again.") from gone
    id_ = wire.StreamId(stream)
    pty = PtyInput(master, services.nursery)
    try:
        terminal = await _record_opening(terminals, request, name, keys, what, stream, pty)
        start = wire.Start(id_, tuple(what.argv), what.env, request.cwd, request.umask, what.login)
        terminal.pid = await link.start(start)
    except KeeperGoneError:
        # Its successor gets the master back; whether the program started shows there.
        return replies.Created(keys.channel, name)
    except BaseException as error:
        _take_back(terminals, keys.channel, id_, pty)
        if isinstance(error, StartError):
            raise _in_words(error, what.argv[0], request.cwd) from error
        if isinstance(error, OSError):
            raise RefusedError(
                Reason.NO_ROOM, f"The terminal cannot be recorded: {error.strerror}.", "Free some space."
            ) from error
        raise
    return replies.Created(keys.channel, name)


async def _record_opening(
    terminals: Terminals,
    request: requests.New,
    name: str,
    keys: ChannelKeys,
    what: Program,
    stream: StreamId,
    pty: PtyInput,
) -> Terminal:
    """Store keys and `opened`, and register the terminal."""
    services = terminals.services
    wall_us = services.clock.wall_us()
    about = About(name=name, argv=recorded_argv(what.argv), cwd=request.cwd, created_us=wall_us)
    # The storage thread takes the three in this order; there is one wait for all of them.
    keys_stored = services.storage.run_aside(lambda: store_keys(terminals, keys, about))
    terminals.abouts[keys.channel] = about
    screen = Screen(stream, request.cols, request.rows, name)
    terminal = terminals.make(keys, screen, pty, about, record_input=request.record_input)
    terminal.recorder.event(
        lambda dt_us: Opened(
            dt_us,
            argv=about.argv,
            cwd=about.cwd,
            cols=request.cols,
            rows=request.rows,
            name=name,
            term=TERM.decode(),
            wall_us=wall_us,
            stream=stream,
        )
    )
    terminal.recorder.seal(Sync.NOW)
    await wait_for(services.storage.barrier())
    await wait_for(keys_stored)
    return terminal


def store_keys(terminals: Terminals, keys: ChannelKeys, about: About) -> None:
    """Write what the catalogue must know of a new channel. On the storage thread."""
    catalogue = terminals.services.catalogue
    with catalogue.transaction():
        catalogue.put_about(keys.channel, about)
        catalogue.put_writer(keys.channel, keys.writer.seed)
        catalogue.put_epoch(keys.channel, keys.epoch)


def _take_back(terminals: Terminals, channel: ChannelId, stream: wire.StreamId, pty: PtyInput) -> None:
    """The program could not be started: leave no trace. One that did start after all is killed."""
    terminal = terminals.running.get(channel)
    if terminal is not None:
        terminals.unregister(terminal)
    pty.close()
    terminals.link.send(wire.Kill(stream, signal.SIGKILL))
    terminals.link.send(wire.Forget(stream))
    terminals.abouts.pop(channel, None)
    terminals.drop(channel)


def _in_words(failure: StartError, command: bytes, cwd: bytes) -> RefusedError:
    program_name = os.fsdecode(command)
    reason = os.strerror(failure.errno).lower()
    match failure.where, failure.errno:
        case wire.Where.EXEC, errno.ENOENT:
            what, advice = f"There is no command {program_name!r}.", "Check its spelling, and PATH."
        case wire.Where.EXEC, errno.EACCES:
            what, advice = f"{program_name!r} may not be executed.", "Check its mode with `ls -l`."
        case wire.Where.EXEC, errno.ENOEXEC:
            what, advice = f"{program_name!r} is not a program.", "Start it with its interpreter: `sh FILE`."
        case wire.Where.EXEC, errno.E2BIG:
            most = os.sysconf("SC_ARG_MAX") >> 10
            one = MAX_ARGUMENT_PAGES * os.sysconf("SC_PAGESIZE") >> 10
            what = (
                f"The command line of {program_name!r} is too long for this system, which takes {one} KiB of one "
                f"argument, and {most} KiB of all and the environment."
            )
            advice = "Shorten it, or put it into a script."
        case wire.Where.EXEC, _:
            what, advice = f"{program_name!r} cannot be started: {reason}.", "Try it in another shell."
        case wire.Where.CWD, _:
            what = f"The directory {os.fsdecode(cwd)!r} cannot be entered: {reason}."
            advice = "Start from another, or give --cwd."
        case keeper_link.NO_LONGER_PREPARED, _:
            what, advice = "The keeper was replaced just now.", "Try again."
        case wire.Where.PTY, errno.EMFILE | errno.ENFILE:
            what, advice = (
                "There are no file descriptors left for another terminal.",
                "End some, or raise `ulimit -n`.",
            )
        case wire.Where.PTY, _:
            what, advice = f"The system has no terminal left: {reason}.", "End some terminals and try again."
        case _:
            what, advice = f"The system starts no further program: {reason}.", "End some and try again."
    return RefusedError(Reason.CANNOT_START, what, advice)
