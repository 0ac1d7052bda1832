"""Dumps of `trcheck.benchmark.heldout`, that no threshold was set on, and batches that are still in memory."""

import numpy as np
import pytest

from trcheck.benchmark.faults import flat, judged
from trcheck.diagnose.live import judge_batch
from trcheck.tests.diagnose.dumps import padded


@pytest.mark.parametrize("old", [True, False])
def test_a_batch_in_memory_is_judged_as_its_file(old):
    """Whatever stands behind a completion's last token, and whichever rows are empty."""
    columns = flat(3, 64, "temperature 0.7", old)
    batch = padded(columns)
    group = np.zeros(66, dtype=int)
    group[columns["completion"] + 1] = columns["group"]
    found = judge_batch(**batch, group=group)
    assert found.causes == judged(columns).causes != ()
