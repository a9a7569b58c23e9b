"""Sizing: whose window decides how large a terminal is (SPEC.md §9.3).

    attached, or resized its window                           ─► it decides
    typed, and the others were silent for two seconds         ─► it decides
    the one that decided left                                 ─► who was active last

Whoever only watches never decides.
"""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

SILENCE_US: Final = 2_000_000

W = TypeVar("W")


@dataclass(slots=True)
class _Window:
    size: tuple[int, int]
    active_us: int  # attached, resized or typed
    typed_us: int


class Sizing(Generic[W]):
    """The windows in which one terminal is driven."""

    def __init__(self) -> None:
        self._windows: dict[W, _Window] = {}
        self._decides: W | None = None

    def claim(self, window: W, size: tuple[int, int], now_us: int) -> tuple[int, int]:
        """*window* came, or has another size; the terminal's size from now on."""
        known = self._windows.get(window)
        self._windows[window] = _Window(size, now_us, known.typed_us if known else -SILENCE_US)
        self._decides = window
        return size

    def know(self, window: W, size: tuple[int, int]) -> tuple[int, int] | None:
        """*window* has this size; the terminal's size from now on, if it decides."""
        known = self._windows.get(window, _Window(size, -SILENCE_US, -SILENCE_US))
        known.size = size
        self._windows[window] = known
        return size if self._decides == window else None

    def typed(self, window: W, now_us: int) -> tuple[int, int] | None:
        """Somebody typed in *window*; the terminal's size from now on, if that changes who decides."""
        own = self._windows.get(window)
        if own is None:
            return None
        own.active_us = own.typed_us = now_us
        if self._decides == window:
            return None
        others = (other.typed_us for key, other in self._windows.items() if key != window)
        if now_us - max(others, default=-SILENCE_US) < SILENCE_US:
            return None
        self._decides = window
        return own.size

    def typed_us(self, window: W) -> int:
        """When somebody typed in *window* last; before everything else, if nobody did."""
        known = self._windows.get(window)
        return known.typed_us if known else -SILENCE_US

    def leave(self, window: W) -> tuple[int, int] | None:
        """*window* is gone; the terminal's size from now on, if that changes who decides."""
        if self._windows.pop(window, None) is None or self._decides != window:
            return None
        self._decides = max(self._windows, key=lambda key: self._windows[key].active_us, default=None)
        return None if self._decides is None else self._windows[self._decides].size
