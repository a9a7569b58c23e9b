"""Live messages over a line that drops, doubles, delays, reorders and replays, both ways, for as long as it likes.

Each byte that is typed is another one, so that what ran says by itself whether something ran twice or out of order.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.protocol.access import Role
from cctm.protocol.live.decisions import Type
from cctm.protocol.live.effects import Dropped, Loss, Send
from live_parts import ANN, SECOND, SECRETS, Host, Reader, who

pytestmark = pytest.mark.untraced

ways = st.one_of(
    st.tuples(
        st.sampled_from(["up", "down"]),
        st.sampled_from(["pass", "drop", "double", "again"]),
        st.integers(0, 3),
    ),
    st.tuples(st.just("type"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1_000, 300_000, 2_500_000, 6_000_000]), st.just(0)),
    st.tuples(st.sampled_from(["tick", "cut", "window", "demote", "stream", "calm"]), st.just(0), st.just(0)),
)


class Line:
    """A host, a driver, and a relay between them that does as it likes."""

    def __init__(self):
        self.host = Host()
        self.reader = Reader(self.host, ANN)
        self.up, self.down = [], []  # on their way
        self.was_up, self.was_down = [], []  # everything there ever was, for replays
        self.typed = bytearray()  # what the user typed
        self.typed_us = []  # when
        self.sent = {}  # by session: what went out
        self.ran = {}  # by session: what ran
        self.all_ran = bytearray()
        self.dropped = []
        self.is_known = True

    def effects(self, effects):
        for effect in effects:
            if isinstance(effect, Send):
                self.up.append(effect.data)
                self.was_up.append(effect.data)
            elif isinstance(effect, Dropped):
                self.dropped.append(effect)

    def decisions(self, decisions):
        for answer in self.host.keep(decisions):
            self.down.append(answer.data)
            self.was_down.append(answer.data)
        for decision in decisions:
            if isinstance(decision, Type):
                session = self.host.gate._seats[who(ANN)].session.id
                self.ran[session] = self.ran.get(session, b"") + decision.data
                self.all_ran += decision.data
                for byte in decision.data:
                    assert self.host.now_us - self.typed_us[byte] < 10 * SECOND

    def arrive_up(self, data):
        self.decisions(self.host.gate.take_untrusted(who(ANN), data, self.host.moment))

    def arrive_down(self, data):
        self.effects(self.reader.driver.take_untrusted(data, self.host.now_us, SECRETS))

    def carry(self, way, how, at):
        queue, was, arrive = (
            (self.up, self.was_up, self.arrive_up)
            if way == "up"
            else (self.down, self.was_down, self.arrive_down)
        )
        if how == "again" and was:
            arrive(was[-1 - at % len(was)])
        elif queue:
            data = queue[at % len(queue)] if how == "double" else queue.pop(at % len(queue))
            if how != "drop":
                arrive(data)

    def type(self, size):
        if len(self.typed) + size > 256:
            return
        data = bytes(range(len(self.typed), len(self.typed) + size))
        self.typed += data
        self.typed_us += [self.host.now_us] * size
        frames = self.reader.driver._frames
        effects = self.reader.driver.type(data, 0, self.host.now_us)
        if frames is not None and not any(isinstance(effect, Dropped) for effect in effects):
            self.sent[frames.id] = self.sent.get(frames.id, b"") + data
        self.effects(effects)

    def wait(self, us):
        self.host.now_us += us
        self.effects(self.reader.driver.due(self.host.now_us))

    def calm(self):
        """For a while the relay does what it should."""
        for _ in range(8):
            self.wait(SECOND)
            self.decisions(self.host.gate.tick(self.host.moment))
            for _ in range(4):
                while self.up:
                    self.carry("up", "pass", 0)
                while self.down:
                    self.carry("down", "pass", 0)

    def do(self, what, how, at):
        match what:
            case "type":
                self.type(how)
            case "wait":
                self.wait(how)
            case "tick":
                self.decisions(self.host.gate.tick(self.host.moment))
            case "cut":
                self.up.clear()
                self.down.clear()
                self.reader.driver.cut()
            case "window":
                self.effects(self.reader.driver.window(80, 24, self.host.now_us))
            case "demote":
                member = self.host.roster[who(ANN)]
                role = Role.VIEWER if member.role is Role.DRIVER else Role.DRIVER
                self.host.roster[who(ANN)] = type(member)(member.standing, role, member.label)
            case "stream":
                self.host.stream = bytes([self.host.stream[0] ^ 1]) + self.host.stream[1:]
            case "calm":
                self.calm()
            case _:
                self.carry(what, how, at)


@given(st.lists(ways, max_size=60))
def test_whatever_a_relay_does_input_runs_once_in_order_without_a_hole(happenings):
    line = Line()
    line.calm()
    for happening in happenings:
        line.do(*happening)
    for session, ran in line.ran.items():
        assert line.sent[session].startswith(ran)
    assert list(line.all_ran) == sorted(set(line.all_ran))
    assert set(line.all_ran) <= set(line.typed)


@given(st.lists(ways, max_size=40))
def test_whatever_a_relay_did_the_user_was_told_what_did_not_run(happenings):
    line = Line()
    line.calm()
    for happening in happenings:
        line.do(*happening)
    line.host.roster[who(ANN)] = Host().roster[who(ANN)]
    line.calm()
    line.calm()
    told = sum(one.size for one in line.dropped)
    unsure = sum(one.size for one in line.dropped if one.loss is Loss.UNKNOWN)
    missing = len(line.typed) - len(line.all_ran)
    assert told - unsure <= missing <= told
    assert line.reader.driver.can_type
    line.type(1)
    line.calm()
    assert line.all_ran[-1] == line.typed[-1]
