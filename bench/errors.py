"""What keeps a contender from giving a figure. The table says it in the cell and goes on.

BenchError
├── TimedOut     what was waited for did not come
├── Ended        the program on the outer PTY ended too early
└── Refused      a contender's command failed
"""


class BenchError(Exception):
    """A contender gave no figure."""


class TimedOut(BenchError):
    def __init__(self, what: str, timeout_s: float) -> None:
        super().__init__(f"no {what} within {timeout_s:g} s")


class Ended(BenchError):
    """*last* is what it printed at the end, usually its reason."""

    def __init__(self, last: str) -> None:
        super().__init__("ended early" + (f": {last}" if last else ""))


class Refused(BenchError):
    def __init__(self, argv: list[str], why: str) -> None:
        super().__init__(f"{' '.join(argv[:3])}: {why}")
