"""Interleaving: A B C A B C …, so that a machine that drifts drifts for all of them.

A ratio is taken within a round, where the two were neighbours in time; the median of the ratios is reported.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bench.errors import BenchError

T = TypeVar("T")


class Named(Protocol):
    @property
    def name(self) -> str: ...


C = TypeVar("C", bound=Named)


@dataclass(slots=True)
class Runs(Generic[T]):
    """What each contender gave, one item per round, or why it gave nothing."""

    samples: dict[str, list[T]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def attempt(self, name: str, step: Callable[[], object]) -> bool:
        """Do *step* for *name*; a failure takes it out of the measure."""
        if name in self.failures:
            return False
        try:
            step()
        except (BenchError, OSError) as error:
            self.failures[name] = str(error)
            return False
        return True

    def interleave(
        self, contenders: Sequence[C], rounds: int, once: Callable[[C], T], progress: Callable[[str], None]
    ) -> None:
        names = [contender.name for contender in contenders]
        if len(set(names)) < len(names):
            raise ValueError(f"two contenders of one name: {names}")
        for number in range(1, rounds + 1):
            for contender in contenders:
                progress(f"round {number}/{rounds}: {contender.name}")
                self.attempt(contender.name, lambda: self._take(contender.name, once(contender)))  # noqa: B023

    def _take(self, name: str, sample: T) -> None:
        self.samples.setdefault(name, []).append(sample)

    def ratio(self, name: str, base: str, figure: Callable[[T], float]) -> float | None:
        """The median over the rounds of *name*'s figure divided by *base*'s."""
        if name in self.failures or base in self.failures or base not in self.samples:
            return None
        pairs = zip(self.samples[name], self.samples[base], strict=True)
        return statistics.median(figure(mine) / figure(theirs) for mine, theirs in pairs)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least *share* of *values* do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
