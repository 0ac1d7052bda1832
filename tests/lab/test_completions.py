"""What the sweeps on the size, the age and the reuse of batches rest on: few prompts asked often,
reuse that stops by itself, rewards dealt again, histories of one batch in so many, rates for a
distance."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tests.lab.records import one_cell
from trlab.base import base_of, base_of_runs
from trlab.cells import cells
from trlab.measures import completions
from trlab.questions import OWN, RECORDS
from trlab.run_cell import run
from trlab.sweep import load_sweep
from trlib import load_task
from trlib.algorithms import Batch

TASK = f"{RECORDS / OWN / '_few_prompts.py'}:FewPrompts"


def test_few_prompts_are_asked_often_in_a_batch_of_256_and_nowhere_else():
    few, dial = load_task(TASK, different=16), load_task("dial")
    batch = few.prompts(256, seed=5)
    assert batch[:16] == dial.prompts(16, seed=5) and batch[16:32] == batch[:16]
    assert len({prompt.text for prompt in batch}) == 16
    for number in (16, 255, 2048):
        assert few.prompts(number, seed=5) == dial.prompts(number, seed=5)
    assert load_task(TASK).prompts(256, seed=5) == dial.prompts(256, seed=5)


def batch_of(rewards):
    """Pairs of completions of one token each."""
    n = len(rewards)
    return Batch(
        tokens=torch.arange(n).unsqueeze(1),
        mask=torch.ones(n, 1, dtype=torch.bool),
        forced=torch.zeros(n, 1, dtype=torch.bool),
        group=torch.arange(n) // 2,
        rewards=torch.tensor(rewards),
        horizon=1,
        logp_rollout=torch.zeros(n, 1),
        ended=torch.ones(n, dtype=torch.bool),
        anchor="recomputed",
    )


class Steps:
    """A step whose second half moves as it is told."""

    def __init__(self, batch, logps):
        self.batch, self.logps, self.made = batch, logps, 0

    def minibatches(self):
        while True:
            yield self

    def loss(self):
        return 0.0

    def descend(self, loss):
        self.made += 1

    def score(self, rows):
        # The right completion of each pair becomes so much likelier.
        right = torch.tensor([self.logps[self.made - 1], 0.0] * (len(rows) // 2))
        return SimpleNamespace(logp=right.unsqueeze(1))


def test_a_history_of_one_batch_in_so_many_is_that_part_of_the_whole_one():
    train = {"prompts": 4, "group": 2, "lag": 1, "anchor": "rollout", "lr": 1e-3}
    whole = one_cell("pg_is", steps=4, train=train, aside=True)
    thin = one_cell("pg_is", steps=4, train=train, aside=True, every=2)
    assert whole.id != thin.id
    done, kept = run(whole), run(thin)
    assert done["values"]["digest"] == kept["values"]["digest"]
    for name in ("reward", "kl", "kl_aside", "rank", "fits"):
        assert kept["history"][name] == done["history"][name][::2]
    assert all(map(math.isnan, kept["history"]["gain"])), "an older policy wrote the batch"
    assert kept["history"]["fits"] == [1, 1] and all(r >= 1 for r in kept["history"]["rank"])


def test_the_completions_of_a_batch_are_those_of_its_arguments_or_the_loops():
    assert completions('{"prompts": 64, "group": 8}') == 512
    assert completions('{"prompts": 4}') == 64


@pytest.mark.test_all("evaluates a base model on every prompt of a recorded sweep")
def test_a_base_model_is_measured_on_the_prompts_of_the_ends():
    sweep = load_sweep("basin")
    (base,) = {base_of(cell) for cell in cells(sweep)}
    assert base is not None and 0.25 < base.low < base.value < base.high < 0.29
    ids = [cell.id for cell in cells(sweep)[:3]]
    assert base_of_runs(sweep, ids) == base
    assert base_of(replace(cells(sweep)[0], common=None)) is None
    several = load_sweep("basin_bases")
    assert base_of_runs(several, [cell.id for cell in cells(several)]) is None
