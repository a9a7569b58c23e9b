"""What keeps a contender from giving a figure. The table says it in the cell and goes on.

BenchError
├── LateError        what was waited for did not come
├── EndedError       the program on the outer PTY ended too early
└── RefusedError     a contender's command failed
"""


class BenchError(Exception):
    """A contender gave no figure."""


class LateError(BenchError):
    def __init__(self, what: str, timeout_s: float) -> None:
        super().__init__(f"no {what} within {timeout_s:g} s")


class EndedError(BenchError):
    """*last* is what it printed at the end, usually its reason."""

    def __init__(self, last: str) -> None:
        super().__init__("ended early" + (f": {last}" if last else ""))


class RefusedError(BenchError):
    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
