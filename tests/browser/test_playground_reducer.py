"""The playground's state outside a browser, in node: 10,000 random sequences of events, and every fault that it had."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "node"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node")


def ran(*arguments: str) -> str:
    assert NODE is not None
    done = subprocess.run([NODE, *arguments], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


def test_no_sequence_of_events_throws_or_files_a_row_under_another_name() -> None:
    counts = json.loads(ran(str(HERE / "fuzz.mjs"), "10000", "1"))
    assert counts["sequences"] == 10_000
    assert counts["rows"] > 20_000 and counts["seeds"] > 2_000 and counts["pinned"] > 2_000 and counts["stopped"] > 500


def test_the_faults_that_it_had_are_gone() -> None:
    ran("--test", str(HERE / "reducer.test.mjs"))
