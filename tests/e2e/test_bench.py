"""Each measure of the benchmark comes to its end and has figures for the product; what they are is no test's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.measures import MEASURES

ROOT = Path(__file__).parents[2]


@pytest.mark.untraced
@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure_has_figures_for_the_product(tmp_path, measure):
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "--quick", "--rounds", "1", "--only", measure]
    done = subprocess.run(
        [*command, "--with", "bare,cctm", "--json", str(figures), "--scratch", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, f"{measure} ...\n")
    found = json.loads(figures.read_text())["measures"][measure]
    assert not found["failures"]
    assert all(value is not None for value in wanted(found["figures"]))


def wanted(figures):
    """Those of the product that need no peer beside it."""
    return [value for name, value in figures["cctm"].items() if "ratio" not in name]
