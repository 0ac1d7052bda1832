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
