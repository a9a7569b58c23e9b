"""Figures, the budgets they are held against, and the verdict: met, or missed by how much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

PRODUCT = "cctm"
YARDSTICK = "tmux"


class Side(Enum):
    """On which side of the limit a figure should be."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Limit:
    """One figure of the product's row and where it should be; *unit* is for reading only."""

    column: str
    side: Side
    value: float
    unit: str

    def excess(self, figure: float) -> float:
        """1 or less: met; 1.5: half as much again as allowed."""
        return figure / self.value if self.side is Side.AT_MOST else self.value / figure


@dataclass(frozen=True, slots=True)
class Budget:
    """Met as soon as one of *limits* is."""

    what: str
    limits: tuple[Limit, ...]

    def verdict(self, figures: Mapping[str, float | None]) -> str:
        known = [
            (limit, figure) for limit in self.limits if (figure := figures.get(limit.column)) is not None
        ]
        if not known:
            return "not measured"
        excess = min(limit.excess(figure) for limit, figure in known)
        return "met" if excess <= 1 else f"missed by {excess:.2f} ×"

    def __str__(self) -> str:
        return f"{self.what} " + " or ".join(
            f"{one.side.value} {one.value:g} {one.unit}" for one in self.limits
        )


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    heading: str
    digits: int


@dataclass(frozen=True, slots=True)
class Row:
    """A contender's figures; or, in their place, why there are none."""

    name: str
    figures: Mapping[str, float | None] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One measure's part of the table; *raw* is for --json."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    budgets: tuple[Budget, ...] = ()
    judged: str = PRODUCT  # the row that the budgets are held against
    raw: Mapping[str, object] = field(default_factory=dict)

    def verdicts(self) -> list[tuple[str, str]]:
        """Each budget in words, and what became of it."""
        figures = next((row.figures for row in self.rows if row.name == self.judged), {})
        return [(str(budget), budget.verdict(figures)) for budget in self.budgets]
