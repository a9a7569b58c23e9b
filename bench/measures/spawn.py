"""Spawn: from starting the client to the first prompt in a new terminal, the server already running.

Includes the client's own start. dtach and the recorders have no server; screen starts one for each session. The row
`cctm, served` leaves out the client's start: a client that runs already asks for a terminal and attaches to it, as the
key for a new terminal does. The budgets are held against it: an interpreter's start alone would take most of them.
"""

import os
import statistics
import time

from bench.contenders import Contender
from bench.contenders.cctm import Cctm
from bench.errors import BenchError
from bench.measures.setting import Setting, rows, to_yardstick
from bench.outer import Outer
from bench.programs import PROMPT, SHELL
from bench.results import PRODUCT, Budget, Column, Limit, Section, Side
from bench.rounds import Runs, percentile
from cctm.cli.client import try_connect
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Mode, Others, Rights

TIMEOUT_S = 15.0
BASE = "bare"


class Served:
    """The product without its client's start."""

    name = "cctm, served"

    def __init__(self, product: Cctm) -> None:
        self._product = product

    def spawn_ms(self) -> float:
        """Ask for a terminal, attach to it, wait for its prompt, end it."""
        environ = self._product.env
        client = try_connect(Home.locate(environ))
        if client is None:
            raise BenchError("its daemon does not run")
        env = [[os.fsencode(name), os.fsencode(value)] for name, value in environ.items()]
        argv = [os.fsencode(part) for part in SHELL]
        with client:
            start_ns = time.perf_counter_ns()
            new = requests.New(argv, b"/", env, 0o022, 80, 24, "", record_input=False, private=False)
            created = client.ask(new, replies.Created)
            target = created.channel.hex()
            client.ask(
                requests.Attach(
                    target, 80, 24, "xterm", Mode.AUTO, Rights.DRIVE, Others.KEEP, None, 4096, None
                ),
                replies.Attached,
            )
            seen = b""
            while PROMPT not in seen:
                message = client.next_message()
                if isinstance(message, replies.Output | replies.Painted):
                    seen += message.data
            took_ns = time.perf_counter_ns() - start_ns
            client.send(requests.Input(b"exit\r"))
            while not isinstance(client.next_message(), replies.Ended):
                continue
        return took_ns / 1e6


def spawn(setting: Setting) -> Section:
    rounds = setting.round_count(15, 5)
    runs: Runs[float] = Runs()
    with setting.open("spawn") as opened:
        for contender in opened:
            runs.attempt(contender.name, contender.warm)
        product = [
            contender for contender in opened if isinstance(contender, Cctm) and contender.name == PRODUCT
        ]
        contenders = (*opened, *map(Served, product))

        def once(contender: Contender | Served) -> float:
            if isinstance(contender, Served):
                return contender.spawn_ms()
            with Outer(contender.attached(SHELL), contender.env) as outer:
                prompted = outer.wait_for(PROMPT, TIMEOUT_S)
                outer.rest(0.05)
                outer.write(b"exit\r")
                outer.wait_end(TIMEOUT_S)
                return (prompted - outer.spawned_ns) / 1e6

        runs.interleave(contenders, rounds, once, setting.progress)

    def figures(name: str) -> dict[str, float | None]:
        return {
            "median": statistics.median(runs.samples[name]),
            "p90": percentile(runs.samples[name], 0.9),
            "bare ratio": runs.ratio(name, BASE, float),
            "ratio": to_yardstick(runs, name, float),
        }

    return Section(
        title=f"spawn: a new terminal with bash, to its first prompt; {rounds} rounds",
        columns=(
            Column("median", "median ms", 1),
            Column("p90", "p90 ms", 1),
            Column("bare ratio", "× bare", 2),
            Column("ratio", "× tmux", 2),
        ),
        rows=rows(contenders, runs, figures),
        budgets=(
            Budget("spawn to prompt", (Limit("median", Side.AT_MOST, 50, "ms"),)),
            Budget("spawn to prompt", (Limit("bare ratio", Side.AT_MOST, 3, "× bare fork and exec"),)),
        ),
        judged=Served.name,
        raw={"rounds": rounds, "unit": "ms", "samples": runs.samples},
    )
