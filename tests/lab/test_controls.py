"""The controls are blind: what they reward has nothing to do with what is right."""

import pytest
import torch

from trlab.records.own._blind import Coin, Shuffled
from trlab.runner import plan
from trlab.sweep import load_sweep
from trlib.algorithms import Batch


def a_batch(seed, rows=4096):
    g = torch.Generator().manual_seed(seed)
    tokens = torch.randint(260, (rows, 3), generator=g)
    every = torch.ones(rows, 3, dtype=torch.bool)
    return Batch(
        tokens=tokens,
        mask=every,
        forced=~every,
        rewards=(torch.rand(rows, generator=g) < 0.25).float(),
        group=torch.arange(rows) // 16,
        ended=every[:, 0],
        horizon=3,
        logp_rollout=torch.zeros(rows, 3),
    )


@pytest.mark.parametrize("method", [Coin(), Shuffled()])
def test_advantages_are_blind_to_rewards_and_the_same_in_every_run(method):
    batch = a_batch(0)
    ready = method.prepare(batch)
    advantages = ready.advantages[:, 0]
    assert torch.equal(ready.rewards, batch.rewards)
    assert torch.equal(advantages, method.prepare(batch).advantages[:, 0])
    assert not torch.equal(advantages, method.prepare(a_batch(1)).advantages[:, 0])
    assert advantages.std() > 0.3
    together = torch.corrcoef(torch.stack([advantages, batch.rewards]))[0, 1]
    assert abs(together) < 4 / len(batch.rewards) ** 0.5  # four standard errors of no correlation


def test_shuffling_deals_the_same_advantages():
    batch = a_batch(2)
    plain = super(Shuffled, Shuffled()).prepare(batch).advantages[:, 0]
    dealt = Shuffled().prepare(batch).advantages[:, 0]
    assert torch.equal(plain.sort().values, dealt.sort().values) and not torch.equal(plain, dealt)


def test_the_command_names_methods_that_were_added_and_none_that_the_sweep_declares(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\nfrom trlib.algorithms.ppo import PPO\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Mine(PPO):\n    pass\n"
    )
    controls = load_sweep("controls")
    assert plan(controls, out=tmp_path).command == "trlib sweep controls"
    added = controls.beside([f"{tmp_path / 'mine.py'}:Mine"])
    assert plan(added, out=tmp_path).command == "trlib sweep controls --method mine.py:Mine"
