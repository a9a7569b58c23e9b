"""Saying what goes wrong once, however often it is tried again."""


class Once:
    """One thing that is tried again and again: each cause is said when it turns up, not each time that it is met."""

    def __init__(self) -> None:
        self.cause = ""  # why it failed the last time; empty: it did not

    def is_new(self, cause: str) -> bool:
        """Note that it failed, and why; whether that is to be said."""
        before, self.cause = self.cause, cause
        return cause != before

    def went_well(self) -> None:
        """Note that it did."""
        self.cause = ""
