"""What every measure is given, and how it opens its contenders."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.contenders import Contender, Offer
from bench.outer import Outer
from bench.relays import RelayContender
from bench.results import YARDSTICK, Row
from bench.rounds import Named, Runs

T = TypeVar("T")
STARTING_S = 15.0


@dataclass(frozen=True, slots=True)
class Setting:
    """*rounds* is None for each measure's own number."""

    contenders: tuple[type[Contender], ...]
    relays: tuple[type[RelayContender], ...]
    scratch: Path
    rounds: int | None
    quick: bool
    progress: Callable[[str], None]

    def choose(self, full: int, quick: int) -> int:
        """The number of rounds, or of anything else that --quick makes fewer."""
        return quick if self.quick else full

    def round_count(self, full: int, quick: int) -> int:
        return self.rounds or self.choose(full, quick)

    @contextmanager
    def open(self, measure: str, needs: Offer | None = None) -> Iterator[tuple[Contender, ...]]:
        """The contenders that offer what is needed, each in a fresh scratch directory; closed in any case."""
        with ExitStack() as stack:
            yield tuple(
                stack.enter_context(kind(self.scratch / measure / kind.name))
                for kind in self.contenders
                if needs is None or needs in kind.offers
            )


@contextmanager
def attached(
    contenders: Iterable[Contender], argv: list[str], ready: bytes, runs: Runs[T]
) -> Iterator[dict[str, Outer]]:
    """*argv* in an attached terminal of each contender, having said *ready*; failures are noted in *runs*."""
    outers: dict[str, Outer] = {}
    with ExitStack() as stack:
        for contender in contenders:

            def start(contender: Contender = contender) -> None:
                contender.warm()
                outer = stack.enter_context(Outer(contender.attached(argv), contender.env))
                outer.wait_for(ready, STARTING_S)
                outer.rest(0.2)  # the rest of its first screen
                outers[contender.name] = outer

            runs.attempt(contender.name, start)
        yield outers


def rows(
    contenders: Iterable[Named], runs: Runs[T], figures: Callable[[str], dict[str, float | None]]
) -> tuple[Row, ...]:
    """A row per contender: its figures, or why there are none."""
    return tuple(
        Row(name, failure=runs.failures[name]) if name in runs.failures else Row(name, figures(name))
        for name in (contender.name for contender in contenders)
    )


def to_yardstick(runs: Runs[T], name: str, figure: Callable[[T], float]) -> float | None:
    """*name*'s figure by the yardstick's, round by round."""
    return runs.ratio(name, YARDSTICK, figure)
