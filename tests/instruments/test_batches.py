"""The page of questions about batches counts steps as TRL's sampler does."""

import re

import pytest

from book.build.paths import ROOT

PAGE = (ROOT / "book/questions/batches.md").read_text(encoding="utf-8")
PLAN = re.search(r"^def plan\(.*?(?=^print)", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("device", "gpus", "accumulate", "group", "generation", "iterations"),
    [(4, 3, 2, 6, None, 1), (8, 1, 1, 8, None, 1), (1, 1, 8, 8, None, 1), (16, 1, 4, 8, 8, 2)],
)
def test_steps_and_updates_are_those_of_trls_sampler(
    device, gpus, accumulate, group, generation, iterations
):
    utils = pytest.importorskip("trl.trainer.utils")
    known = {}
    exec(PLAN[0], known)
    numbers = known["plan"](960, device, gpus, accumulate, group, generation, iterations).split()
    generation = generation or accumulate
    sampled = device * gpus * generation
    sampler = utils.RepeatSampler(
        range(960), group, sampled // group, repeat_count=iterations * generation, shuffle=False
    )
    batches = len(list(sampler)) // (gpus * device * generation)  # a process's pieces of a batch
    updates = generation * iterations / accumulate
    assert numbers == [
        str(device * gpus * accumulate),
        str(device * gpus * accumulate / group),
        f"{updates:g}",
        str(batches // accumulate),
    ]
