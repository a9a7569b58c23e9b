"""Times that depend on how long the history is: for each length their median, the slow ones, and the ratio."""

import statistics
from collections.abc import Callable, Iterable, Mapping

from bench.results import Column
from bench.rounds import Runs, percentile


def figures_by(base: str, parts: Mapping[str, Runs[float]]) -> Callable[[str], dict[str, float | None]]:
    """What a contender's row says of *parts*, the rounds of each length.

    Args:
        base: by whose times the ratio is.
    """

    def figures(name: str) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for label, runs in parts.items():
            if name in runs.samples:
                found[label] = statistics.median(runs.samples[name])
                found[f"{label} p90"] = percentile(runs.samples[name], 0.9)
                found[f"{label} ratio"] = runs.ratio(name, base, float)
        return found

    return figures


def columns_by(base: str, lengths: Iterable[str]) -> tuple[Column, ...]:
    """The columns of such rows; *base* in a word."""
    kinds = (("", "median ms", 1), (" p90", "p90 ms", 1), (" ratio", f"× {base}", 2))
    return tuple(
        Column(f"{label}{key}", f"{label}: {unit}", digits)
        for label in lengths
        for key, unit, digits in kinds
    )
