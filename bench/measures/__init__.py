"""The measures, in the order of the table. Each is a function from a Setting to a Section."""

from collections.abc import Callable, Mapping
from typing import Final

from bench.measures.attach import attach
from bench.measures.beside import beside
from bench.measures.echo import echo
from bench.measures.flood import flood
from bench.measures.join import join
from bench.measures.listing import listing
from bench.measures.memory import memory
from bench.measures.relay import relay
from bench.measures.setting import Setting
from bench.measures.spawn import spawn
from bench.results import Section

MEASURES: Final[Mapping[str, Callable[[Setting], Section]]] = {
    "echo": echo,
    "flood": flood,
    "beside": beside,
    "spawn": spawn,
    "attach": attach,
    "ls": listing,
    "memory": memory,
    "join": join,
    "relay": relay,
}

__all__ = ["MEASURES", "Setting"]
