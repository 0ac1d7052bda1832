"""Short runs on `dial`, and what makes two of them the same."""

import pandas as pd
import torch

import trlib
from trlib.algorithms import DrGRPO

TIMINGS = ["seconds", "tokens_per_s"]
SHORT = {"steps": 3, "prompts": 2, "group": 4, "probe": 2, "max_tokens": 6}
BIG = {"prompts": 8, "group": 8}


def trained(method=None, policy=None, task=None, **settings):
    small = {"steps": 4, "prompts": 4, "group": 4, "probe": 4, "progress": False}
    return trlib.train(
        policy or trlib.load_policy("dial"),
        task or trlib.load_task("dial"),
        method or DrGRPO(),
        **{**small, **settings},
    )


def same(one, other):
    """Whether two runs are alike bit for bit, but for the clock; raises what differs."""
    histories = [run.history.drop(columns=TIMINGS) for run in (one, other)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    pd.testing.assert_frame_equal(one.prompts, other.prompts, check_exact=True)
    return all(map(torch.equal, one.policy.parameters, other.policy.parameters))


class Meddling:
    """`dial`, and something that happens while the completions of one batch are verified."""

    def __init__(self, batch, happen):
        self.task, self.batch, self.happen, self.calls = trlib.load_task("dial"), batch, happen, 0
        self.name, self.max_tokens, self.settings = "dial", self.task.max_tokens, self.task.settings

    def prompts(self, n, *, seed):
        self.calls += 1
        return self.task.prompts(n, seed=seed)

    def verify(self, prompt, completion, *, ended):
        if self.calls == self.batch + 1 and self.happen is not None:
            happen, self.happen = self.happen, None
            happen()
        return self.task.verify(prompt, completion, ended=ended)
