"""The way from `train` to the optimiser's step is as short as the loop's first page says."""

import re
import sys
from pathlib import Path

import trlib
import trlib.loop
from trlib.algorithms import GRPO
from trlib.loop.train import Loop

ROOT = Path(trlib.__file__).parent


def test_a_batch_goes_through_the_files_that_the_loop_lists(monkeypatch, policy, recwarn):
    entered = set()
    batch = Loop.batch

    def note(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            entered.add(path.relative_to(ROOT).as_posix())

    def traced(self, k):
        sys.setprofile(note)
        try:
            return batch(self, k)
        finally:
            sys.setprofile(None)

    monkeypatch.setattr(Loop, "batch", traced)
    trlib.train(
        policy,
        trlib.load_task("dial"),
        GRPO(),
        steps=1,
        prompts=4,
        group=8,
        probe=4,
        progress=False,
    )
    pages = trlib.loop.__doc__.splitlines()
    path = [
        re.findall(r"`(\w+/[\w/]+\.py)`", line)[0] for line in pages if re.match(r"\d\. ", line)
    ]
    aside = [
        file
        for line in pages
        if line.startswith("- ")
        for file in re.findall(r"`(\w+/[\w/]+\.py)`", line)
    ]
    lines = [len((ROOT / file).read_text().splitlines()) for file in path]
    assert len(path) <= 5 and sum(lines) <= 1100
    assert len({*path, *aside}) == len(path) + len(aside)
    layers = ("loop/", "algorithms/", "model/")
    assert {file for file in entered if file.startswith(layers)} == {*path, *aside}
