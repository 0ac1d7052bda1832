"""The playground's state outside a browser, in node: 10,000 random sequences of events, and every
fault that it had."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.by_day import by_day

HERE = Path(__file__).parent / "node"
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="needs node"),
    pytest.mark.test_all("the playground, by hundreds of sequences of events"),
]


def ran(*arguments):
    assert NODE is not None
    done = subprocess.run(
        [NODE, *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


@pytest.mark.parametrize("sequences", by_day([300, 10_000], 300, reason="thirty times as many"))
def test_no_sequence_of_events_throws_or_files_a_row_under_another_name(sequences):
    counts = json.loads(ran(str(HERE / "fuzz.mjs"), str(sequences), "1"))
    assert counts["sequences"] == sequences
    assert counts["rows"] > 2 * sequences and counts["stopped"] > 0.05 * sequences
    assert counts["seeds"] > 0.2 * sequences and counts["pinned"] > 0.2 * sequences


def test_the_faults_that_it_had_are_gone():
    ran("--test", str(HERE / "reducer.test.mjs"))
