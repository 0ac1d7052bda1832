"""The public functions of tensors, each argument spoilt in every way: what is of another kind or shape
is refused, an error begins with an argument's name, and a result holds no NaN. `laws.py` asks it of the
losses of tokens, but for DPPO's pair of radii."""

import inspect
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.laws import spoilt_tensors, wrong
from tests.losses import distributions, noise, tokens
from trbook.scale.scoring import score_tokens
from trlib import algorithms as a
from trlib import divergences as d
from trlib.advantages import (
    batch_relative,
    equal_rewards,
    gae,
    group_relative,
    leave_one_out,
    length_weighted,
    normalized_sum,
)
from trlib.aggregation import aggregate
from trlib.algorithms.critic import whiten
from trlib.algorithms.quatro import solve_dual
from trlib.algorithms.trapo import micro_groups, truncated_expert
from trlib.algorithms.troll import project
from trlib.corrections import m2po_mask, opsm_mask, top_entropy_mask, truncated_importance

TOKENS = tokens()
U, Q, REST = distributions()
ROWS = {"rewards": noise(6), "group": torch.arange(6) // 2}
PAIR = {"log_a": TOKENS["logp"], "log_b": TOKENS["logp_old"]}
TOP = {"log_a": U[..., :2], "ids": torch.arange(2).expand(4, 5, 2), "log_b": Q}
VALUES = {"rewards": TOKENS["advantages"], "values": TOKENS["logp"], "mask": TOKENS["mask"]}
OF_TOKENS = (partial(a.dppo_loss, delta_tv=0.1), truncated_importance, m2po_mask)
OF_TOKENS += (partial(opsm_mask, delta=0.1),)
HIDDEN = {"hidden": noise(6, 3), "weight": noise(8, 3), "tokens": torch.arange(12).view(6, 2) % 8}


def needed(function):
    """What `tokens` has of a function's arguments without a default."""
    parameters = inspect.signature(function).parameters.items()
    return {name: TOKENS[name] for name, p in parameters if p.default is p.empty}


CALLS = [
    *((function, needed(function)) for function in OF_TOKENS),
    (a.troll_loss, {"logp": U, "logp_old": Q, **REST}),
    (a.sparsify, {"logp_old": Q, "tokens": REST["tokens"], "mask": REST["mask"], "k": 3}),
    (
        a.value_loss,
        {"values_old": VALUES["values"], "returns": VALUES["rewards"], "clip": 0.2, **VALUES},
    ),
    (top_entropy_mask, {"entropy": TOKENS["advantages"], "mask": TOKENS["mask"]}),
    (whiten, VALUES),
    (project, {"logp": U, "logp_old": Q, "delta_kl": 0.1}),
    (solve_dual, {"rewards": noise(3, 4), "delta_kl": 0.1}),
    (micro_groups, {"group": 8}),
    (truncated_expert, {"expert": U.exp()}),
    (aggregate, {"per_token": TOKENS["logp"], "mask": TOKENS["mask"], "how": "token-mean"}),
    *((function, ROWS) for function in (group_relative, leave_one_out, equal_rewards)),
    (length_weighted, {"lengths": torch.arange(6), **ROWS}),
    (batch_relative, {"rewards": ROWS["rewards"], "lengths": torch.arange(6)}),
    (normalized_sum, {"lengths": torch.arange(6), **ROWS, "rewards": noise(6, 2)}),
    (gae, {"gamma": 1.0, "lam": 0.9, **VALUES}),
    *((rule, {"log_a": U, "log_b": Q}) for rule in (d.kl, d.tv)),
    *((rule, PAIR) for rule in (d.binary_kl, d.binary_tv, d.k1, d.k2, d.k3)),
    *((rule, TOP) for rule in (d.topk_kl, d.topk_tv)),
    (score_tokens, HIDDEN),
]
NEVER = (math.nan, 10**400, "0.1", "?", [0.1], torch.ones(2, 2))
NUMBERS = (0.0, 1e-7, 0.2, 1.0, 3, math.inf, -1.0, 2**70, np.float32(0.1), np.int64(2), True, None)


def spoilt(value):
    """Everything that may come in an argument's place, and whether it must be refused."""
    if isinstance(value, Tensor):
        return spoilt_tensors(value)
    return [(one, True) for one in NEVER] + [(one, False) for one in NUMBERS]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("function", "given"),
    CALLS,
    ids=[getattr(function, "func", function).__name__ for function, _ in CALLS],
)
def test_no_call_ends_otherwise_than_in_its_number_or_its_arguments_name(function, given):
    names = inspect.signature(function).parameters
    given = {name: value for name, value in given.items() if name in names}
    assert wrong(function, names, given) is None
    for name in names:
        for value, refused in spoilt(given.get(name)):
            assert wrong(function, names, {**given, name: value}, refused) is None, (name, value)
