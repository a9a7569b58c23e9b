"""Writes a page for each command, `docs/commands/NAME.md`, from what the commands say of themselves.

    python docs/commands.py            write them, and remove those of commands that are gone
    python docs/commands.py --check    end with 1 if that would change something

So a page and `--help` cannot disagree: there is one text.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cctm.cli.main import cctm

PAGES: Final = Path(__file__).with_name("commands")
MADE: Final = "<!-- Made by docs/commands.py from the command's own help: change that. -->"


def pages() -> dict[str, str]:
    """Each page's file name, and its text."""
    root = click.Context(cctm, info_name="cctm", **cctm.context_settings)
    found = {"README.md": _index(root)}
    for name in cctm.list_commands(root):
        command = cctm.get_command(root, name)
        assert command is not None  # it is listed
        found[f"{name}.md"] = "\n".join([MADE, "", *_page(command, root, name, "#")]) + "\n"
    return found


def _index(root: click.Context) -> str:
    lines = [MADE, "", "# Commands", "", "| command | does |", "| --- | --- |"]
    for name in cctm.list_commands(root):
        command = cctm.get_command(root, name)
        assert command is not None  # it is listed
        lines.append(f"| [`cctm {name}`]({name}.md) | {_cell(command.get_short_help_str(200))} |")
    return "\n".join(lines) + "\n"


def _page(command: click.Command, parent: click.Context, name: str, mark: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"{mark} {context.command_path}"
    yield ""
    yield f"    {context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    yield ""
    yield from _text(command.help)
    rows = [row for param in command.get_params(context) if (row := param.get_help_record(context))]
    yield "| option | |"
    yield "| --- | --- |"
    yield from (f"| `{_cell(option)}` | {_cell(meaning)} |" for option, meaning in rows if meaning)
    yield ""
    yield from _text(command.epilog)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            one = command.get_command(context, below)
            assert one is not None  # it is listed
            yield from _page(one, context, below, f"{mark}#")


def _text(text: str | None) -> Iterator[str]:
    """Paragraphs, unwrapped; what click leaves as it is stays so."""
    for paragraph in (text or "").replace("\r", "").split("\n\n"):
        lines = paragraph.strip("\n").splitlines()
        if lines[:1] == ["\b"]:
            yield from (f"    {line}" for line in lines[1:])
        elif lines:
            yield " ".join(line.strip() for line in lines).strip()
        else:
            continue
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write, or compare."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
    if sys.argv[1:] == ["--check"]:
        for name in sorted(wanted.keys() | there.keys()):
            if wanted.get(name) != there.get(name):
                sys.stderr.write(f"docs/commands/{name} is not what the command says: call `make docs`.\n")
        return int(wanted != there)
    PAGES.mkdir(exist_ok=True)
    for name in there.keys() - wanted.keys():
        (PAGES / name).unlink()
    for name, text in wanted.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
