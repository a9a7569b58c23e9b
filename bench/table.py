"""Sections as plain text: one table, its columns aligned section by section."""

from collections.abc import Iterable

from bench.results import Row, Section

NAME_WIDTH = 16
GAP = "  "


def render(section: Section) -> str:
    return "\n".join(_lines(section))


def _lines(section: Section) -> Iterable[str]:
    cells = {row.name: _cells(section, row) for row in section.rows if not row.failure}
    widths = [
        max([len(column.heading), *(len(row[place]) for row in cells.values())])
        for place, column in enumerate(section.columns)
    ]
    yield section.title
    yield GAP + _line("", [column.heading for column in section.columns], widths)
    for row in section.rows:
        if row.failure:
            yield f"{GAP}{row.name:<{NAME_WIDTH}}{GAP}no figure: {row.failure}"
        else:
            yield GAP + _line(row.name, cells[row.name], widths)
    for budget, verdict in section.verdicts():
        yield f"{GAP}budget: {budget}: {verdict}"


def _cells(section: Section, row: Row) -> list[str]:
    values = [(row.figures.get(column.key), column.digits) for column in section.columns]
    return ["-" if value is None else f"{value:.{digits}f}" for value, digits in values]


def _line(name: str, cells: list[str], widths: list[int]) -> str:
    return f"{name:<{NAME_WIDTH}}" + "".join(
        f"{GAP}{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
    )


def head(title: str, facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join([title, *(f"{GAP}{name:<{NAME_WIDTH}}{GAP}{value}" for name, value in facts)])
