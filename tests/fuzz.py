"""Fuzzing: `python -m tests.fuzz [INPUTS [SEED]]`, at each decoder that SOURCES knows, in two processes.

Prints a table, and each finding with the bytes that repeat it; the exit status is 1 if there is one.
"""

# ruff: noqa: T201 - what it has to say is a table on standard output

import multiprocessing
import sys
from collections.abc import Iterable
from importlib import import_module

from tests.fuzzing import Run, Target, run

# Each of these modules has a function `targets()`. Add yours.
SOURCES = (
    "tests.fuzz_protocol",
    "tests.fuzz_archive",
    "tests.fuzz_edges",
    "tests.fuzz_sharing",
    "tests.fuzz_live",
)
PROCESSES = 2
DEFAULT_INPUTS = 100_000
DEFAULT_SEED = "0"


def all_targets() -> list[Target]:
    return [target for source in SOURCES for target in import_module(source).targets()]


def _share(job: tuple[int, str, int]) -> Run:
    index, seed, count = job
    return run(all_targets()[index], seed, count)


def fuzz(count: int, seed: str) -> Iterable[tuple[Target, Run]]:
    """Each target with what came of *count* inputs, spread over the processes."""
    targets = all_targets()
    jobs = [
        (index, f"{seed}.{part}", count * (part + 1) // PROCESSES - count * part // PROCESSES)
        for index in range(len(targets))
        for part in range(PROCESSES)
    ]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        runs = pool.imap(_share, jobs)
        for target in targets:
            parts = [next(runs) for _ in range(PROCESSES)]
            yield (
                target,
                Run(
                    sum(part.inputs for part in parts),
                    sum(part.accepted for part in parts),
                    max(part.seconds for part in parts),
                    tuple(finding for part in parts for finding in part.findings),
                ),
            )


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else DEFAULT_INPUTS
    seed = arguments[1] if len(arguments) > 1 else DEFAULT_SEED
    print(f"seed {seed}, {count:,} inputs each")
    print(f"{'decoder':<24}{'inputs':>12}{'accepted':>12}{'seconds':>10}")
    findings = []
    for target, result in fuzz(count, seed):
        print(
            f"{target.name:<24}{result.inputs:>12,}{result.accepted:>12,}{result.seconds:>10.1f}", flush=True
        )
        findings.extend(result.findings)
    for finding in findings:
        print(f"{finding.target}: {finding.what}\n  {finding.data.hex()}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
