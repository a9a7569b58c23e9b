"""`cctm log`, and `cctm log verify`."""

import json
import os
import time
from collections.abc import Iterator

import click

from cctm.archive.device import NothingRecordedError
from cctm.archive.finding import Finding
from cctm.archive.opening import OpenedEntry
from cctm.archive.reader import Archive, Terminal
from cctm.cli import sentences, words
from cctm.cli.archive import open_archive, resolve
from cctm.cli.earlier import load_all
from cctm.cli.parameters import TERMINAL
from cctm.home import Home
from cctm.protocol.events import Event


class LogGroup(click.Group):
    """`cctm log TERMINAL` shows it; `cctm log verify [TERMINAL]` checks it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Whatever is not a subcommand is a terminal."""
        if args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Both ways to call it."""
        formatter.write_usage(ctx.command_path, "TERMINAL [--json]")
        formatter.write_usage(ctx.command_path, "verify [TERMINAL]")


@click.group(cls=LogGroup, epilog="Example: cctm log build --json")
def command() -> None:
    """Show what happened in TERMINAL, event by event; or verify its record.

    A terminal that is called verify or show: say its id, or `cctm log show verify`.
    """


@command.command()
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(target: str, as_json: bool) -> None:  # noqa: FBT001
    """Show what happened in TERMINAL, event by event.

    What is wrong with its record stands where the events would; exit status 1 if there is such a thing. Of a joined
    terminal, what was shared and is not here yet is loaded first.
    """
    archive = open_archive(Home.locate(os.environ))
    terminal = resolve(archive, target)
    load_all(archive, terminal.channel)
    flaws: list[Finding] = []
    for line in _events(archive, terminal, flaws, as_json=as_json):
        click.echo(line)
    if flaws:
        raise click.exceptions.Exit(1)


def _events(archive: Archive, terminal: Terminal, flaws: list[Finding], *, as_json: bool) -> Iterator[str]:
    """The lines; *flaws* gets what is found that nothing honest explains."""
    at_us = terminal.about.created_us
    for entry in archive.entries(terminal.channel):
        if isinstance(entry, Finding):
            if not entry.is_note:
                flaws.append(entry)
            yield from [json.dumps({"finding": str(entry)})] if as_json else _flaw("!!", entry, archive)
            continue
        for event in entry.events:
            at_us = getattr(event, "wall_us", at_us + event.dt_us)
            yield _as_json(entry, event, at_us) if as_json else _as_line(event, at_us)


def _flaw(whose: str, finding: Finding, archive: Archive) -> Iterator[str]:
    what, where = sentences.flaw(finding, archive.directory)
    yield words.printable(f"{whose} {what}")
    yield words.printable(f"   {where}")


def _as_json(entry: OpenedEntry, event: Event, at_us: int) -> str:
    fields = {name: getattr(event, name) for name in event.__slots__ if name not in {"dt_us", "wall_us"}}
    return json.dumps(
        {"seq": entry.seq, "log": entry.spot.ref.log.hex(), "at": at_us / 1e6, "event": _kind(event)}
        | {name: _plain(value) for name, value in fields.items()}
    )


def _plain(value: object) -> object:
    """Bytes as text where they are text, in hexadecimal otherwise: {"hex": "…"}."""
    match value:
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"hex": value.hex()}
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _as_line(event: Event, at_us: int) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_us / 1e6)) + f".{at_us // 1000 % 1000:03d}"
    return words.printable(f"{when}  {_kind(event):9} {sentences.event(event)}".rstrip())


def _kind(event: Event) -> str:
    return type(event).__name__.lower()


@command.command()
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
def verify(target: str | None) -> None:
    """Check the record of TERMINAL, or of all: every entry, its place, its signature, and that it opens.

    Names each flaw with its place. Exit status 1 if there is one.
    """
    from cctm.archive.verify import verify_channel

    try:
        archive = open_archive(Home.locate(os.environ))
    except NothingRecordedError as nothing:
        if target is not None:
            raise
        click.echo(str(nothing), err=True)
        return
    terminals = [resolve(archive, target)] if target is not None else archive.terminals()
    if not terminals:
        click.echo(words.NOTHING_YET, err=True)
    flawed = 0
    for terminal in terminals:
        report = verify_channel(archive, terminal.channel)
        name = words.printable(terminal.about.name)
        for finding in report.findings:
            for line in _flaw(f"{name}:", finding, archive):
                click.echo(line)
        flaws = sum(not finding.is_note for finding in report.findings)
        flawed += flaws > 0
        verdict = words.count(flaws, "flaw") if flaws else "good"
        entries, logs = words.count(report.entries, "entry", "entries"), words.count(report.logs, "log")
        click.echo(f"{name}: {verdict}; {entries} in {logs}, {words.size(report.bytes)}")
    if flawed:
        raise click.exceptions.Exit(1)
