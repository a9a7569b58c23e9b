"""A daemon of the test's own at the control socket of a home, and what it says of shared terminals."""

import os
import socket
import threading

from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import VERSION, FrameReader, encode_message
from cctm.protocol.control.replies import LinkRow, PersonRow, Presence
from cctm.protocol.control.values import Reason
from cctm.protocol.link import Link, encode_link
from cctm.protocol.origin import Origin
from control_messages import ROW
from samples import CHANNEL, drawn

URL = encode_link(Link(Origin("https", "relay.example", 443), CHANNEL, drawn("link", 16), 3, 7))
RUNNING = ROW._replace(running=True, ended_us=None, how=None, code=None, stalled="")
OWN = RUNNING._replace(channel=CHANNEL, name="build")
JOINED = RUNNING._replace(channel=b"\7" * 32, name="theirs", place="https://relay.example")
FIRST = LinkRow(CHANNEL, "build", b"\xa1" * 32, Role.DRIVER, None, 2, URL, "connected")
SECOND = LinkRow(
    CHANNEL, "build", b"\xa1" * 31 + b"\0", Role.VIEWER, 2**62, 0, "other", "reconnecting: \x1b[31m"
)
THIRD = FIRST._replace(link=b"\xc1" * 32, guests=1)
OWED = LinkRow(CHANNEL, "build", b"", 0, None, 0, "", "a relay has not heard of what was revoked")
ANA = PersonRow(b"\xb1" * 32, "ana", Role.DRIVER, FIRST.link, 1, 5_500_000, 4_321)
HOST = PersonRow(b"", "", Role.OWNER, b"", 1, None, None)
TWIN = ANA._replace(who=b"\xb2" * 32, role=Role.VIEWER, idle_us=0, round_trip_us=123_456)
BO = ANA._replace(who=b"\xb3" * 32, label="bo", link=b"\xc3" * 32, idle_us=None, round_trip_us=None)
PEOPLE = Presence([HOST, ANA], b"", ANA.who)


class Daemon:
    """Gives to each request the reply that is due for its type, and keeps the requests."""

    def __init__(self, home):
        self.replies = {}
        self.requests = []
        self._is_open = True
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(home.control_socket)
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            connection, _ = self._listening.accept()
            with connection:
                if not self._is_open:
                    return
                frames = FrameReader()
                while data := connection.recv(65536):
                    for message in frames.receive_untrusted(data):
                        connection.sendall(encode_message(self._answer(message)))

    def _answer(self, message):
        if isinstance(message, requests.Hello):
            return replies.Welcome(VERSION, "test", os.getpid())
        self.requests.append(message)
        return self.replies.get(type(message), replies.Refused(Reason.FAILED, "No.", "Sorry."))

    def close(self):
        self._is_open = False
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self._listening.getsockname())
        self._thread.join()
        self._listening.close()


def asked(daemon, kind):
    return [request for request in daemon.requests if isinstance(request, kind)]
