"""Early: what is typed for a terminal that was joined just now, before its host has answered.

Invariant: what is older than five seconds is forgotten: nothing runs late.
"""

from typing import Final

KEPT_US: Final = 5_000_000
MOST_BYTES: Final = 4_096


class Early:
    """Keys that wait for the first session."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, bytes]] = []

    def put(self, data: bytes, now_us: int) -> bool:
        """Keep *data*; False: there is no room."""
        if sum(len(kept) for _, kept in self._keys) + len(data) > MOST_BYTES:
            return False
        self._keys.append((now_us, data))
        return True

    def take(self) -> bytes:
        """All that was typed and not forgotten."""
        keys, self._keys = self._keys, []
        return b"".join(data for _, data in keys)

    def forget(self, now_us: int) -> bool:
        """Forget all, if its beginning is too old: a command without it might be another. Whether it was."""
        is_old = bool(self._keys) and now_us - self._keys[0][0] > KEPT_US
        if is_old:
            self._keys.clear()
        return is_old
