"""Dumps of `trcheck.benchmark.heldout`, that no threshold was set on, and batches that are still in memory."""

import numpy as np
import pytest

from tests.by_day import by_day
from trcheck.benchmark import heldout
from trcheck.benchmark.faults import flat, judged
from trcheck.diagnose.live import judge_batch
from trcheck.tests.diagnose.dumps import padded

CLEAR = ("temperature 1.3", "top-p .9", "sums in place of log-probs", "groups reshaped")
"""What no seed decides."""


@pytest.mark.parametrize(
    "kind", by_day([*heldout.KINDS], "sums", reason="half a minute of training")
)
def test_a_fault_is_named_and_no_healthy_dump_is_accused(kind):
    called = {fault: heldout.verdict(kind, 96, fault, 6)[0] for fault in CLEAR}
    assert called == dict.fromkeys(CLEAR, "named")
    assert "found" not in [heldout.verdict(kind, 96, None, seed)[0] for seed in range(6)]


@pytest.mark.parametrize("old", [True, False])
def test_a_batch_in_memory_is_judged_as_its_file(old):
    """Whatever stands behind a completion's last token, and whichever rows are empty."""
    columns = flat(3, 64, "temperature 0.7", old)
    batch = padded(columns)
    group = np.zeros(66, dtype=int)
    group[columns["completion"] + 1] = columns["group"]
    found = judge_batch(**batch, group=group)
    assert found.causes == judged(columns).causes != ()
