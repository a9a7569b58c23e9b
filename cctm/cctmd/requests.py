"""Requests of clients that are answered by a reply: what each does."""

import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, TypeVar

import trio

from cctm import __version__
from cctm.archive.catalogue import About
from cctm.archive.room import Candidate, select_prunable
from cctm.cctmd.child import shown_command
from cctm.cctmd.daemon import Daemon
from cctm.cctmd.ending import end_terminal, send_signal
from cctm.cctmd.naming import check_name
from cctm.cctmd.opening import open_terminal
from cctm.cctmd.services import RefusedError
from cctm.cctmd.stage import Stage
from cctm.cctmd.terminal import Terminal
from cctm.cctmd.terminals import Terminals
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Row
from cctm.protocol.control.values import Reason, Scope
from cctm.protocol.keys import ChannelId
from cctm.screen.dump import dump_shown
from cctm.screen.picture import text_of

SETTLE_S: Final = 5
PART_BYTES: Final = 256 * 1024  # of rows in one Listing, or lines in one Screen, far below what a frame holds
ROW_BYTES: Final = 256  # of a row besides its texts, at most

Reply = tuple[object, ...]
T = TypeVar("T")


async def answer(daemon: Daemon, message: tuple[object, ...]) -> list[Reply]:
    """Do what *message* asks for.

    Raises:
        RefusedError: it cannot be.
    """
    terminals = daemon.terminals
    match message:
        case requests.New():
            return [await open_terminal(terminals, message)]
        case requests.List(since_us):
            return _in_parts(list_rows(daemon, since_us))
        case requests.Kill(target, number):
            await _kill(terminals, target, number)
        case requests.Rename(target, name):
            _rename(terminals, target, name)
        case requests.Remove(target):
            await _remove(daemon, target)
        case requests.Settle():
            await _settle(terminals)
        case requests.AskStatus():
            return [daemon.status()]
        case requests.Stop(scope):
            await daemon.stop(Scope(scope) if scope in set(Scope) else Scope.DAEMON)
        case requests.Restart(scope):
            daemon.restart(Scope(scope) if scope in set(Scope) else Scope.DAEMON)
        case requests.Prune():
            return _in_parts(await _prune(daemon, message))
        case requests.AskClients(target):
            return [_clients(terminals.find_stage(target))]
        case requests.DetachClient(target, number):
            _detach(terminals.find_stage(target), number)
        case requests.Share():
            return [await daemon.sharing.share(message)]
        case requests.Unshare():
            await daemon.sharing.unshare(message)
        case requests.Kick():
            await daemon.sharing.kick(message)
        case requests.AskShares(target):
            return [await daemon.sharing.shares(target)]
        case requests.AskPeople(target):
            mirror = daemon.mirrors.mirrors.get(terminals.find(target))
            if mirror is not None:
                return [mirror.voice.presence()]
            return [daemon.sharing.people(terminals.find_alive(target))]
        case requests.AskScreen(target, drawn):
            return await _screen(terminals.find_stage(target), is_drawn=drawn)
        case requests.Recall(target, most_bytes):
            return [await daemon.mirrors.past.recall(terminals.find(target), most_bytes)]
        case requests.Join():
            return [await daemon.mirrors.join(message)]
        case _:
            raise RefusedError(
                Reason.NOT_YET, f"This daemon (version {__version__}) cannot do that.", "Upgrade it."
            )
    return [replies.Done()]


def list_rows(daemon: Daemon, since_us: int) -> list[Row]:
    """Running terminals, those that were joined, and those that ended since; the oldest first."""
    terminals, mirrors = daemon.terminals, daemon.mirrors
    rows = []
    for channel, about in terminals.abouts.items():
        terminal = terminals.running.get(channel)
        if channel in mirrors.mirrors:
            rows.append(mirrors.row(mirrors.mirrors[channel]))
        elif terminal is not None and terminal.ending is None:
            rows.append(_running_row(terminal))
        elif terminal is not None or (about.ended_us or about.created_us) >= since_us:
            place = mirrors.places.get(channel, "")
            rows.append(_ended_row(terminals, channel, about)._replace(place=place))
    return sorted(rows, key=lambda row: (not row.running, row.created_us))


def _running_row(terminal: Terminal) -> Row:
    return Row(
        channel=terminal.channel,
        name=terminal.name,
        command=terminal.command,
        running=True,
        created_us=terminal.created_us,
        ended_us=None,
        how=None,
        code=None,
        cols=terminal.size[0],
        rows=terminal.size[1],
        clients=len(terminal.viewers),
        stored_bytes=terminal.stored_bytes,
        stalled=terminal.held,
        pid=terminal.pid,
    )


def _ended_row(terminals: Terminals, channel: ChannelId, about: About) -> Row:
    terminal = terminals.running.get(channel)
    ending = None if terminal is None else terminal.ending
    return Row(
        channel=channel,
        name=about.name,
        command=shown_command(about.argv),
        running=False,
        created_us=about.created_us,
        ended_us=about.ended_us,
        how=about.how if ending is None else ending.how,
        code=about.code if ending is None else ending.code,
        cols=0,
        rows=0,
        clients=0,
        stored_bytes=terminals.file_bytes.get(channel, 0),
        stalled="" if terminal is None else terminals.stalled,
        pid=None,
    )


def _in_parts(rows: list[Row]) -> list[Reply]:
    parts = _cut(rows, lambda row: ROW_BYTES + len(row.name.encode()) + len(row.command.encode()))
    return [replies.Listing(part, part is not parts[-1]) for part in parts]


def _cut(items: Iterable[T], size_of: Callable[[T], int]) -> list[list[T]]:
    """*items* in parts of about PART_BYTES, at least one part."""
    parts: list[list[T]] = [[]]
    size = 0
    for item in items:
        item_bytes = size_of(item)
        if parts[-1] and size + item_bytes > PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(item)
        size += item_bytes
    return parts


async def _settle(terminals: Terminals) -> None:
    with trio.move_on_after(SETTLE_S):
        await terminals.settle()
        await terminals.note()
        return
    raise RefusedError(
        Reason.NO_ROOM,
        f"The newest output could not be stored within {SETTLE_S} s: {terminals.stalled or 'the disk is slow'}.",
        "What is stored can be read.",
    )


async def _kill(terminals: Terminals, target: str, number: int) -> None:
    terminal = terminals.find_alive(target)
    if not number:
        await end_terminal(terminals, terminal)
    elif number in {int(known) for known in signal.valid_signals()}:
        send_signal(terminals, terminal, number)
    else:
        raise RefusedError(Reason.FAILED, f"There is no signal {number}.", "See `kill -l`.")


def _rename(terminals: Terminals, target: str, name: str) -> None:
    terminals.find_only(target)  # of several ended ones of that name, says which there are
    terminal = terminals.find_alive(target)
    check_name(name)
    if name == terminal.name:
        return
    if not terminals.name_is_free(name):
        raise RefusedError(
            Reason.NAME_TAKEN, f"A running terminal is called {name!r} already.", "Choose another name."
        )
    terminal.rename(name)
    terminals.touch(terminal)
    terminals.change_about(terminal.channel, lambda about: replace(about, name=name))


async def _remove(daemon: Daemon, target: str) -> None:
    terminals = daemon.terminals
    channel = terminals.find_only(target)
    if channel in daemon.mirrors.places:
        await daemon.mirrors.forget(channel)
        return
    terminal = terminals.running.get(channel)
    if terminal is not None and terminal.ending is not None:
        # Its end waits for room, which this makes.
        terminals.abandon(terminal)
    elif terminal is not None:
        raise RefusedError(
            Reason.STILL_RUNNING,
            f"The terminal {target!r} is running.",
            f"End it first (`cctm kill {target}`), or say the id of an ended one: see `cctm ls -a`.",
        )
    await daemon.sharing.forget(channel)


async def _prune(daemon: Daemon, request: requests.Prune) -> list[Row]:
    """The records that were deleted, or would be."""
    terminals = daemon.terminals
    rows = {row.channel: row for row in list_rows(daemon, 0)}
    candidates = [
        Candidate(
            ChannelId(row.channel), row.stored_bytes, None if row.running else row.ended_us or row.created_us
        )
        for row in rows.values()
    ]
    before_us = None if request.older_us is None else terminals.services.clock.wall_us() - request.older_us
    chosen = select_prunable(candidates, ended_before_us=before_us, keep_bytes=request.keep_bytes)
    if not request.only_say:
        for candidate in chosen:
            terminal = terminals.running.get(candidate.channel)
            if terminal is not None:
                terminals.abandon(terminal)
            await daemon.sharing.forget(candidate.channel)
    return [rows[candidate.channel] for candidate in chosen]


def _clients(terminal: Stage) -> replies.Clients:
    return replies.Clients([viewer.row() for viewer in terminal.viewers])


def _detach(terminal: Stage, number: int) -> None:
    viewer = next((viewer for viewer in terminal.viewers if viewer.number == number), None)
    if viewer is None:
        raise RefusedError(
            Reason.FAILED,
            f"{terminal.name!r} has no client {number}.",
            "See `cctm clients` for those it has.",
        )
    viewer.release("another client detached it")


async def _screen(terminal: Stage, *, is_drawn: bool) -> list[Reply]:
    fold = await terminal.shown.live()
    picture = fold.picture()
    part = replies.Screen(
        picture.cols,
        picture.rows,
        picture.cursor.col,
        picture.cursor.row,
        picture.cursor.visible,
        fold.modes.alternate,
        picture.title,
        lines=[],
        drawn=b"",
        more=True,
    )
    lines = _cut(map(text_of, picture.lines), lambda line: len(line.encode()))
    drawn = dump_shown(fold) if is_drawn else b""
    starts = range(0, len(drawn), PART_BYTES)
    parts = [part._replace(lines=[*some]) for some in lines]
    parts += [part._replace(drawn=drawn[start : start + PART_BYTES]) for start in starts]
    return [*parts[:-1], parts[-1]._replace(more=False)]
