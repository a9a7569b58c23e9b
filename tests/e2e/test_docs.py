"""The documentation says what the commands say of themselves."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_command_has_its_page_and_it_is_what_the_command_says():
    done = subprocess.run(
        [sys.executable, "docs/commands.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_names_every_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {path.stem for path in (ROOT / "docs" / "commands").glob("*.md")} - {"README", "help"}
    assert pages
    assert [name for name in sorted(pages) if f"cctm {name}" not in readme] == []
