"""The guide through the loop names the files that a batch passes through, and no others."""

import re
import sys
from pathlib import Path

import trlib.loop
from tests.core.loop.runs import trained
from trlib.algorithms import GRPO
from trlib.loop.loop import Loop

FOLDER = Path(trlib.loop.__file__).parent


def test_a_batch_of_grpo_passes_through_the_files_of_the_guide(monkeypatch):
    passed, batch = set(), Loop.batch

    def called(frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and FOLDER in file.parents:
            passed.add(str(file.relative_to(FOLDER)))

    def watched(self, k):
        before = sys.getprofile()
        sys.setprofile(called)
        try:
            return batch(self, k)
        finally:
            sys.setprofile(before)

    monkeypatch.setattr(Loop, "batch", watched)
    trained(GRPO(), steps=1)
    named = re.findall(r"^\d\. `([\w.]+)`", trlib.loop.__doc__, re.MULTILINE)
    assert passed == set(named) and len(named) == 9
