"""Counters, in the text form that Prometheus reads. No label names a channel, a key or an address."""

from collections import Counter
from dataclasses import dataclass, field

from cctm.protocol.sync.serving import Reason


@dataclass(slots=True)
class Metrics:
    """What happened since the start."""

    connections: int = 0  # now
    channels: int = 0  # in use, now
    stored_bytes: int = 0  # now
    opened: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)
    turned_away: int = 0  # before a WebSocket was opened
    received_bytes: int = 0
    sent_bytes: int = 0
    records_stored: int = 0
    commits: int = 0
    lagged: int = 0
    live: int = 0
    live_dropped: int = 0

    def text(self) -> str:
        """All of them."""
        lines: list[str] = []
        for name, kind, value in (
            ("connections", "gauge", self.connections),
            ("channels_in_use", "gauge", self.channels),
            ("stored_bytes", "gauge", self.stored_bytes),
            ("opened_total", "counter", self.opened),
            ("turned_away_total", "counter", self.turned_away),
            ("received_bytes_total", "counter", self.received_bytes),
            ("sent_bytes_total", "counter", self.sent_bytes),
            ("records_stored_total", "counter", self.records_stored),
            ("commits_total", "counter", self.commits),
            ("lagged_total", "counter", self.lagged),
            ("live_total", "counter", self.live),
            ("live_dropped_total", "counter", self.live_dropped),
        ):
            lines += [f"# TYPE cctm_relay_{name} {kind}", f"cctm_relay_{name} {value}"]
        lines.append("# TYPE cctm_relay_refused_total counter")
        lines += [
            f'cctm_relay_refused_total{{reason="{reason.name.lower()}"}} {self.refused[reason]}'
            for reason in Reason
        ]
        return "\n".join(lines) + "\n"
