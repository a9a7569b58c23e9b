"""The contenders, in the order of the table."""

from typing import Final

from bench.contenders.base import Contender, Offer
from bench.contenders.cctm import Cctm, Painted
from bench.contenders.plain import Asciinema, Bare, Dtach, Script
from bench.contenders.servers import Screen, Tmux

CONTENDERS: Final[tuple[type[Contender], ...]] = (Bare, Dtach, Tmux, Screen, Script, Asciinema, Cctm, Painted)

__all__ = ["CONTENDERS", "Contender", "Offer"]
