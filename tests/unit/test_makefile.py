"""What the targets do, as make says it."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def said_by_make(*arguments: str) -> str:
    # Of a make that runs these tests, none of what it was told.
    env = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "ARGS"}
    }
    done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, env=env, capture_output=True, check=True)
    return done.stdout.decode()


def test_all_tests_must_cover_the_code() -> None:
    assert "--fail-under=" in said_by_make("test")


def test_no_coverage_is_asked_of_some_tests() -> None:
    said = said_by_make("test", "ARGS=-k words")
    assert "pytest -n 2 --dist worksteal -k words" in said
    assert "coverage" not in said
