"""cctm.relay: options, journal, metrics; and what a relay does not import."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

from cctm.protocol.sync.serving import Reason
from cctm.relay.journal import Journal
from cctm.relay.metrics import Metrics
from cctm.relay.options import Options
from samples import CHANNEL

HIDES = ("crypto_aead", "crypto_box", "crypto_secretbox", "crypto_scalarmult", "crypto_kx", "crypto_stream")
LOADED = (
    "import sys, cctm.relay.__main__\n"
    "print('\\n'.join(m.__file__ for name, m in sys.modules.items() if name.startswith('cctm')))"
)


def test_options_are_read_as_they_were_written():
    options = Options("/store", origins=("https://relay.example", "http://10.0.0.1:4222"), invite_only=True)
    assert Options.from_json(options.to_json()) == options


def test_a_line_of_the_journal_is_one_object_with_short_ids():
    reading, writing = os.pipe()
    with open(reading, "rb") as lines, open(writing, "wb"):
        Journal(writing).note("opened", channel=CHANNEL, count=3, member=None)
        said = json.loads(lines.readline())
    assert said.pop("at").endswith("Z")
    assert said == {"event": "opened", "channel": CHANNEL.hex()[:8], "count": 3}


def test_a_line_that_nobody_makes_room_for_is_lost_and_the_next_says_so():
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as lines, open(writing, "wb"):
        journal = Journal(writing)
        for number in range(5_000):  # more than any pipe holds
            journal.note("opened", count=number)
        kept = lines.read(1 << 20).splitlines()
        assert [json.loads(line)["count"] for line in kept] == list(range(len(kept)))
        journal.note("left")
        lost, left = map(json.loads, lines.read(1 << 20).splitlines())
    assert (lost["event"], lost["number"]) == ("lines were lost", 5_000 - len(kept))
    assert left["event"] == "left"


def test_a_journal_that_nobody_reads_any_more_hinders_nobody():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb"):
        Journal(writing).note("opened")


def test_metrics_are_what_prometheus_reads():
    metrics = Metrics(connections=2, stored_bytes=77)
    metrics.refused[Reason.FORK] += 3
    lines = metrics.text().splitlines()
    assert "cctm_relay_connections 2" in lines
    assert "cctm_relay_stored_bytes 77" in lines
    assert 'cctm_relay_refused_total{reason="fork"} 3' in lines
    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named)) == len([line for line in lines if "{" not in line]) / 2 + 0.5


def loaded_by_a_relay():
    done = subprocess.run([sys.executable, "-P", "-c", LOADED], capture_output=True, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines()]


def test_a_relay_s_process_has_no_module_that_decrypts():
    names = {path.stem for path in loaded_by_a_relay() if path.parent.name == "protocol"}
    assert {"entry", "log", "admission"} <= names
    assert not names & {"seal", "contents", "grant", "log_writer", "keys", "link"}


def test_nothing_that_a_relay_loads_names_a_function_that_hides_or_opens():
    named = {
        (path.name, node.id if isinstance(node, ast.Name) else node.name)
        for path in loaded_by_a_relay()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name | ast.alias)
        and (node.id if isinstance(node, ast.Name) else node.name).startswith(HIDES)
    }
    assert named == set()
