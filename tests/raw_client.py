"""A client that says what no command would: bytes and messages on a real daemon's control socket."""

import os
import socket
import time
from typing import Any

from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import VERSION, FrameReader, encode_message
from machine import DEADLINE_S, Machine


class RawClient:
    """One connection; says hello unless told not to."""

    def __init__(self, machine: Machine, *, greet: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(str(machine.home / "state" / "control.sock"))
        self._frames = FrameReader()
        self._received: list[tuple[object, ...]] = []
        if greet:
            self.say(requests.Hello(VERSION, "test"))
            self.hear(replies.Welcome)

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, *messages: tuple[object, ...]) -> None:
        self.socket.sendall(b"".join(map(encode_message, messages)))

    def next(self) -> Any:
        """The next message; None when the daemon has closed the connection."""
        while not self._received:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._received.extend(self._frames.receive_untrusted(data))
        return self._received.pop(0)

    def hear(self, kind: type) -> Any:
        """The next *kind*, whatever comes before it."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            message = self.next()
            if message is None or isinstance(message, kind):
                assert message is not None, f"the connection ended before {kind.__name__}"
                return message
        raise AssertionError(kind)

    def is_dropped(self) -> bool:
        """Whether the daemon closes the connection, whatever it says before."""
        while self.next() is not None:
            continue
        return True

    def new(self, *argv: str, name: str = "", record_input: bool = False) -> replies.Created:
        request = requests.New(
            [os.fsencode(part) for part in argv],
            b"/",
            [[name, value] for name, value in os.environb.items()],
            0o022,
            80,
            24,
            name,
            record_input=record_input,
            private=False,
        )
        self.say(request)
        return self.hear(replies.Created)

    def attach(self, target: str, **changes: object) -> replies.Attached:
        request = requests.Attach(target, 80, 24, "xterm", 1, 0, 0, None, 1000, None)
        self.say(request._replace(**changes))
        return self.hear(replies.Attached)

    def read_until(self, wanted: bytes) -> bytes:
        """Output (and history) up to *wanted*."""
        found = b""
        while wanted not in found:
            message = self.next()
            assert message is not None, found[-200:]
            if isinstance(message, replies.Output | replies.History | replies.Painted):
                found += message.data
        return found
