"""A relay in a process of its own, and clients that reach it over WebSockets."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import asynccontextmanager

import pytest
import trio
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect

from cctm.protocol.sync.messages import MAX_MESSAGE
from cctm.relay.session import Closed
from machine import CCTM
from relay_parts import Client
from samples import CHANNEL, HOST

WAIT_S = 120
OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=relay"


def make_certificate(place):
    """The files of a certificate for 127.0.0.1 that vouches for itself, and of its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = str(place / "cert.pem"), str(place / "key.pem")
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run([*OPENSSL.split(), *more], check=True, capture_output=True)
    return cert, key


class RelayProcess:
    """`cctm relay serve` on a free port, with its store in *place*."""

    def __init__(self, place, *options):
        self._place = place
        self._options = options
        self.process = None
        self.address = ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def start(self):
        command = [
            *CCTM,
            "relay",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--store",
            str(self._place / "relay.sqlite"),
        ]
        env = {name: value for name, value in os.environ.items() if not name.startswith("CCTM_")}
        self.process = subprocess.Popen(
            [*command, *self._options],
            env=env | {"CCTM_HOME": str(self._place / "home")},
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        self.address = self.note("listening")["address"]

    def note(self, event):
        """The next line of its journal that is about *event*."""
        for line in self.process.stderr:
            said = json.loads(line)
            if said["event"] == event:
                return said
        raise AssertionError(f"it ended without {event}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def invite(self):
        """One that its operator makes."""
        command = [*CCTM, "relay", "invite", "--store", str(self._place / "relay.sqlite")]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.strip()

    def ask_to_end(self):
        self.process.send_signal(signal.SIGTERM)

    def get(self, path, **headers):
        """Status and body of a page."""
        request = urllib.request.Request(self.address.replace("https", "http") + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


class Socket:
    """A WebSocket, as `Client` uses it."""

    def __init__(self, connection):
        self.connection = connection

    async def send(self, frame):
        try:
            await self.connection.send(frame)
        except ConnectionClosed:
            raise Closed from None

    async def receive(self):
        try:
            with trio.fail_after(WAIT_S):  # what never comes is a failure, and no wait without an end
                return await self.connection.recv()
        except ConnectionClosed:
            raise Closed from None

    def take_little(self):
        """Have the system hold little of what comes for this side, whatever it does for others."""
        self.connection.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)


@asynccontextmanager
async def dialled(address, key=HOST, channel=CHANNEL, shown_address=None, invite=None, ssl=None):
    """A client that is connected and not yet open."""
    url = address.replace("http", "ws", 1) + "/sync/0"
    more = {"max_size": MAX_MESSAGE, "max_queue": 1} | ({} if ssl is None else {"ssl": ssl})
    async with connect(url, compression=None, proxy=None, **more) as connection:
        try:
            yield Client(Socket(connection), key, channel, shown_address or address, invite)
        finally:
            let_go(connection)


def let_go(connection):
    """Let the library's reading task end with *connection*: while what came is not fetched it waits, for ever."""
    connection.recv_messages.high = None
    if connection.recv_flow_control is not None:
        connection.resume_reading()


@asynccontextmanager
async def opened(address, key=HOST, **more):
    async with dialled(address, key, **more) as client:
        await client.open()
        with contextlib.suppress(Closed):
            yield client
