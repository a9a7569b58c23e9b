"""Memory of the processes that hold 1, 10 and 100 idle terminals; and the processor time that 100 take.

PSS is summed over a contender's processes (a page that n share counts as 1/n), the programs in the terminals
left out. Not a time, so nothing is interleaved: each contender has the machine to itself.
"""

import time
from dataclasses import dataclass, field

from bench import processes
from bench.contenders import Contender, Offer
from bench.errors import BenchError, RefusedError
from bench.measures.setting import Setting, rows
from bench.programs import IDLE
from bench.results import Budget, Column, Limit, Section, Side
from bench.rounds import Runs

MIB = 2**20
SETTLE_S = 1.5


@dataclass(slots=True)
class Weight:
    """RSS and PSS in bytes by process, per number of terminals; *idle_share* of one core."""

    rss: dict[int, dict[str, int]] = field(default_factory=dict)
    pss: dict[int, dict[str, int]] = field(default_factory=dict)
    idle_share: float = 0.0


def weigh(contender: Contender, counts: list[int], idle_s: float, setting: Setting) -> Weight:
    if not processes.available():
        raise BenchError("needs /proc/PID/smaps_rollup")
    weight = Weight()
    terminals = 0
    for count in counts:
        while terminals < count:
            contender.open_beside(IDLE)
            terminals += 1
            setting.progress(f"{contender.name}: {terminals}/{counts[-1]} terminals")
        time.sleep(SETTLE_S)
        idle = sum(processes.name(pid) == IDLE[0] for pid in processes.living_in(str(contender.scratch)))
        if idle != count:
            raise RefusedError(contender.name, f"{idle} terminals run instead of {count}")
        found = {what: processes.memory_bytes(pid) for what, pid in contender.server_pids().items()}
        weight.rss[count] = {what: rss for what, (rss, _) in found.items()}
        weight.pss[count] = {what: pss for what, (_, pss) in found.items()}
    setting.progress(f"{contender.name}: {idle_s:g} s of idling")
    pids = list(contender.server_pids().values())
    before, start = sum(map(processes.cpu_ns, pids)), time.perf_counter_ns()
    time.sleep(idle_s)
    weight.idle_share = (sum(map(processes.cpu_ns, pids)) - before) / (time.perf_counter_ns() - start)
    return weight


def memory(setting: Setting) -> Section:
    counts, idle_s = ([1, 5, 20], 2.0) if setting.quick else ([1, 10, 100], 5.0)
    few, many = counts[1], counts[-1]
    runs: Runs[Weight] = Runs()
    with setting.open("memory", Offer.SERVER) as contenders:
        runs.interleave(contenders, 1, lambda one: weigh(one, counts, idle_s, setting), setting.progress)

    def figures(name: str) -> dict[str, float | None]:
        weight = runs.samples[name][0]
        pss = {count: sum(weight.pss[count].values()) / MIB for count in counts}
        return {
            **{f"pss {count}": pss[count] for count in counts},
            "each": (pss[many] - pss[few]) / (many - few),
            "rss": sum(weight.rss[many].values()) / MIB,
            "idle": weight.idle_share * 100,
        }

    return Section(
        title=f"memory: what holds {', '.join(map(str, counts))} idle terminals; {idle_s:g} s of idling",
        columns=(
            *(Column(f"pss {count}", f"PSS MiB, {count}", 1) for count in counts),
            Column("each", "each more MiB", 3),
            Column("rss", f"RSS MiB, {many}", 1),
            Column("idle", "idle CPU %", 2),
        ),
        rows=rows(contenders, runs, figures),
        budgets=(
            Budget(f"daemon and keeper, {many} terminals", (Limit("rss", Side.AT_MOST, 100, "MiB"),)),
            Budget("each more", (Limit("each", Side.AT_MOST, 0.5, "MiB"),)),
        ),
        raw={
            "counts": counts,
            "samples": {
                name: {"rss": one.rss, "pss": one.pss, "idle_share": one.idle_share}
                for name, (one,) in runs.samples.items()
            },
        },
    )
