"""A host's gate and its readers, wired together without a network, a clock or a source of randomness."""

import hashlib
from dataclasses import dataclass, field

from cctm.protocol.access import Role
from cctm.protocol.keys import DeviceKeys, StreamId, WriterId
from cctm.protocol.live.decisions import Answer, Member, Moment, Standing, Type
from cctm.protocol.live.driver import Driver
from cctm.protocol.live.effects import Dropped, Send
from cctm.protocol.live.gate import Gate
from cctm.protocol.live.messages import (
    Hail,
    open_live_untrusted,
    open_pulse_untrusted,
    seal_hail,
    seal_word,
)
from cctm.protocol.live.words import Input
from samples import CHANNEL, EPOCH, HOST, STREAM, drawn

LINK = DeviceKeys.from_seed(drawn("link"))
ANN = DeviceKeys.from_seed(drawn("ann"))
BOB = DeviceKeys.from_seed(drawn("bob"))
EVE = DeviceKeys.from_seed(drawn("eve"))
SECRETS = {EPOCH.key_id: EPOCH}
SECOND = 1_000_000


def who(keys):
    return WriterId(keys.sign_public)


def guest(name):
    """Keys of somebody who is not enrolled."""
    return DeviceKeys.from_seed(drawn(f"guest {name}"))


class Draw:
    """Bytes that look random and never come twice."""

    def __init__(self, label="draw"):
        self._label = label
        self._count = 0

    def __call__(self, size):
        self._count += 1
        return hashlib.blake2b(f"{self._label} {self._count}".encode(), digest_size=size).digest()


def members():
    return {
        who(LINK): Member(Standing.LINK, Role.DRIVER, "a link"),
        who(ANN): Member(Standing.GUEST, Role.DRIVER, "Ann"),
        who(BOB): Member(Standing.GUEST, Role.DRIVER, "Bob"),
        who(EVE): Member(Standing.GUEST, Role.VIEWER, "Eve"),
    }


@dataclass
class Host:
    """A gate, and what it decided."""

    now_us: int = 100 * SECOND
    stream: StreamId | None = STREAM
    offset: int = 1_000
    heads: tuple = ()
    epoch: object = EPOCH
    roster: dict = field(default_factory=members)
    decided: list = field(default_factory=list)
    is_open: bool = True

    def __post_init__(self):
        self.gate = Gate(CHANNEL, HOST, self.roster.get, Draw("host"))
        if self.is_open:
            self.gate.open_for_input()

    @property
    def moment(self):
        return Moment(self.now_us, self.stream, self.offset, self.heads, self.epoch)

    def take(self, data, peer=b""):
        """What the gate answers to *data*; what else it decides is kept."""
        return self.keep(self.gate.take_untrusted(peer, data, self.moment))

    def tick(self):
        return self.keep(self.gate.tick(self.moment))

    def give(self, holder):
        return self.keep(self.gate.give(holder, self.moment))

    def keep(self, decisions):
        self.decided += [one for one in decisions if not isinstance(one, Answer)]
        return [one for one in decisions if isinstance(one, Answer)]

    def typed(self, keys):
        return b"".join(one.data for one in self.decided if isinstance(one, Type) and one.who == who(keys))

    def did(self, kind):
        return [one for one in self.decided if isinstance(one, kind)]


class Reader:
    """A driver and what it said, over a line that loses nothing unless it is told to."""

    def __init__(self, host, keys, role=Role.DRIVER, label="reader"):
        self.host = host
        self.keys = keys
        self.driver = Driver(CHANNEL, HOST.public, keys, role, Draw(f"{label} {keys.sign_public.hex()}"))
        self.said = []  # effects
        self.to_host = []  # live messages on their way

    def do(self, effects):
        self.said += [one for one in effects if not isinstance(one, Send)]
        self.to_host += [one.data for one in effects if isinstance(one, Send)]

    def hear(self, answers):
        for answer in answers:
            if answer.to == who(self.keys):
                self.do(self.driver.take_untrusted(answer.data, self.host.now_us, SECRETS))

    def talk(self):
        """Everything that is on its way arrives, and its answers do."""
        while self.to_host:
            self.hear(self.host.take(self.to_host.pop(0), who(self.keys)))

    def wait(self, us):
        """Time passes, and everybody does what is due."""
        end = self.host.now_us + us
        while self.host.now_us < end:
            self.host.now_us = min(end, max(self.host.now_us + 1, self.driver.wake_us()))
            self.do(self.driver.due(self.host.now_us))
            self.talk()

    def settle(self):
        """The driver has a session, if it may have one."""
        self.do(self.driver.due(self.host.now_us))
        self.talk()
        self.wait(SECOND)

    def type(self, data, seen=0):
        self.do(self.driver.type(data, seen, self.host.now_us))

    def dropped(self):
        return [(one.size, one.loss) for one in self.said if isinstance(one, Dropped)]


class Crafted:
    """Somebody with keys who says exactly what a test wants said."""

    def __init__(self, host, keys):
        self.host = host
        self.keys = keys
        self.draw = Draw(f"crafted {keys.sign_public.hex()}")
        self.pulse = None

    def hail_bytes(self, *, begin=False, box_key=None, nonce=None):
        if box_key is None:
            box_key = b"" if self.pulse is None else self.pulse.box_key
        hail = Hail(nonce or self.draw(16), box_key, begin, 40_000)
        return seal_hail(self.keys, CHANNEL, HOST.public, hail)

    def hail(self, **said):
        """What the host answers; None: nothing."""
        return self.heard(self.host.take(self.hail_bytes(**said), who(self.keys)))

    def begin(self):
        """A session; its first hail makes it new, its second begins."""
        self.hail()
        return self.hail(begin=True)

    def word_bytes(self, word, box_key=None):
        return seal_word(self.keys, CHANNEL, HOST.public, box_key or self.pulse.box_key, word, self.draw(32))

    def say(self, word, box_key=None):
        """What the host answers to *word*; None: nothing."""
        return self.heard(self.host.take(self.word_bytes(word, box_key), who(self.keys)))

    def input(self, k, data=b"x", session=None, lease=0, seen=0):
        return self.say(Input(session or self.pulse.session, k, lease, seen, data))

    def heard(self, answers):
        for answer in answers:
            if answer.to == who(self.keys):
                return self.open(answer.data)
        return None

    def open(self, data):
        pulse = open_pulse_untrusted(
            open_live_untrusted(CHANNEL, who(self.keys), data), CHANNEL, who(self.keys), SECRETS
        )
        if pulse.hail:
            self.pulse = pulse
        return pulse
