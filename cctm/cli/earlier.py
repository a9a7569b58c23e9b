"""Earlier: what lies before what is stored of a joined terminal, as the daemon fetches it when it is asked.

On a connection of its own, as an answer takes as long as the relay does: a session goes on meanwhile.
"""

from typing import Final

from cctm.archive.past import newest_missing
from cctm.archive.reader import Archive
from cctm.cli import words
from cctm.cli.client import Client, RefusedError, try_connect
from cctm.cli.errors import UserError
from cctm.cli.terminal import say
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.keys import ChannelId

SCROLLED_BYTES: Final = 512 * 1024  # at a time
ALL_BYTES: Final = 4 * 1024 * 1024
READ_BYTES: Final = 64 * 1024
GONE: Final = "The daemon went away."
NO_DAEMON: Final = "cctm: What was printed before is not loaded: the daemon does not run."


class Earlier:
    """Of one terminal."""

    def __init__(self, home: Home, channel: bytes) -> None:
        self._home = home
        self._target = channel.hex()
        self._client: Client | None = None

    def ask(self) -> None:
        """Ask for more. Whether it came, `descriptor` says.

        Raises:
            UserError: the daemon cannot be asked.
        """
        self.close()
        self._client = try_connect(self._home)
        if self._client is None:
            raise UserError(GONE, "Try again.")
        self._client.send(requests.Recall(self._target, SCROLLED_BYTES))

    @property
    def descriptor(self) -> int | None:
        """What can be read when there is an answer; None: nothing was asked."""
        return None if self._client is None else self._client.socket.fileno()

    def take(self) -> replies.Recalled | None:
        """What came of it; None: nothing yet."""
        assert self._client is not None  # there was something to read
        try:
            data = self._client.socket.recv(READ_BYTES)
            answers = self._client.receive(data)
        except (OSError, UserError):
            data, answers = b"", []
        if data and not answers:
            return None
        self.close()
        match answers:
            case [replies.Recalled() as recalled, *_]:
                return recalled
            case [replies.Refused(_, what, _), *_]:
                return replies.Recalled(more=False, bytes=0, why=what)
            case _:
                return replies.Recalled(more=False, bytes=0, why=GONE)

    def close(self) -> None:
        """What was asked is of no interest any more."""
        if self._client is not None:
            self._client.close()
            self._client = None


def load_all(archive: Archive, channel: ChannelId) -> None:
    """Have everything fetched that lies before what is stored of *channel*, and say on stderr how that goes."""
    if not archive.is_joined(channel) or newest_missing(archive.directory, channel) is None:
        return
    client = try_connect(archive.home)
    if client is None:
        say(NO_DAEMON)
        return
    loaded = 0
    with client:
        try:
            while (recalled := client.ask(requests.Recall(channel.hex(), ALL_BYTES), replies.Recalled)).more:
                loaded += recalled.bytes
                say(f"cctm: Loading what was printed before: {words.size(loaded)} so far.")
        except RefusedError as refused:
            say(f"cctm: {refused.message}")
            return
    if recalled.why:
        say(f"cctm: {recalled.why}")
