"""A whole batch before the verifier: each completion meets its own prompt, whatever the order and
number of the rows."""

import pytest
import torch

import trlib
from tests.losses import written
from trlib.tasks import Prompt, verify_batch

PROMPTS = [Prompt("7 : +3 flip =", "9", 2), Prompt("2 : +3 =", "5", 1)]
WRITTEN = [  # prompt, completion, whether it ended
    (0, "easy so 9", True),
    (0, "easy so 5", True),
    (0, "easy so 9", False),
    (1, "easy so 5", True),
    (1, "easy so 9", True),
]
REWARDS = [1.0, 0.0, 0.0, 1.0, 0.0]
REASONS = ["right", "wrong answer", "no end", "right", "wrong answer"]


@pytest.fixture(scope="module")
def batch():
    policy = trlib.load_policy("dial")
    ids = policy.encode([text for _, text, _ in WRITTEN])
    tokens = torch.tensor([[*row, policy.end_id] for row in ids])
    group, ended = (torch.tensor([row[i] for row in WRITTEN]) for i in (0, 2))
    mask = torch.ones_like(tokens, dtype=torch.bool)
    mask[~ended, -1] = False
    return written(tokens, mask, group, ended=ended, tokenizer=policy.tokenizer)


def test_every_completion_is_judged_by_its_own_prompt(batch):
    task = trlib.load_task("dial")
    rewards = task.judge(PROMPTS, batch)
    assert rewards.dtype is torch.float32 and rewards.tolist() == REWARDS
    assert [verdict.reason for verdict in verify_batch(task, PROMPTS, batch)] == REASONS
