"""Every public function of tensors with drawn arguments, good and bad: an error begins with an
argument's name, and a result holds no NaN and keeps its invariants.

A few hundred calls are made here; `TRLIB_FUZZ=20000 pytest tests/core/test_fuzz.py` makes so many. The
seed is fixed.
"""

import inspect
import math
import os
import random
import re

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.losses import D
from trlab.scoring import score_tokens
from trlib import algorithms as a
from trlib.advantages import equal_rewards, gae, group_relative, leave_one_out, length_weighted
from trlib.aggregation import aggregate
from trlib.algorithms import TokenLoss
from trlib.algorithms.critic import whiten
from trlib.algorithms.quatro import solve_dual
from trlib.algorithms.trapo import micro_groups, truncated_expert
from trlib.algorithms.troll import project
from trlib.corrections import truncated_importance
from trlib.divergences import binary_kl, binary_tv, k1, k2, k3, kl, log1mexp, topk_kl, topk_tv, tv

SEED, CALLS = 20261120, int(os.environ.get("TRLIB_FUZZ", "600"))
LOSSES = (
    a.reinforce_loss,
    a.pg_is_loss,
    a.ppo_loss,
    a.gspo_loss,
    a.cispo_loss,
    a.sapo_loss,
    a.gmpo_loss,
    a.pspo_loss,
    a.dppo_loss,
    a.quatro_loss,
    a.trsft_loss,
    a.troll_loss,
)
FUNCTIONS = (
    *LOSSES,
    a.sparsify,
    a.value_loss,
    whiten,
    project,
    solve_dual,
    micro_groups,
    truncated_expert,
    aggregate,
    group_relative,
    leave_one_out,
    length_weighted,
    equal_rewards,
    gae,
    truncated_importance,
    kl,
    tv,
    binary_kl,
    binary_tv,
    topk_kl,
    topk_tv,
    k1,
    k2,
    k3,
    log1mexp,
    score_tokens,
)
NUMBERS = (
    0.0,
    1e-7,
    0.05,
    0.2,
    0.9,
    1.0,
    1.5,
    3,
    math.inf,
    -1.0,
    math.nan,
    10**400,
    np.float32(0.1),
    np.float64(0.5),
    np.int64(2),
    True,
    None,
    "0.1",
    [0.1],
    torch.tensor(0.1),
    2**70,
)
WORDS = {
    "how": (
        "token-mean",
        "seq-mean-token-mean",
        "seq-mean-token-sum",
        "truncate",
        "mask",
        "?",
        None,
    ),
    "level": ("token", "sequence", 3),
    "form": ("ratio", "exact", "regression", ""),
    "scale": ("std", None, "x"),
    "direction": ("backward", "forward", 1),
}


class Drawer:
    """Arguments of one call: of sizes that fit, in a type, of a magnitude; then perhaps one of them
    is spoilt."""

    def __init__(self, rng):
        self.rng, self.g = rng, torch.Generator().manual_seed(rng.getrandbits(40))
        self.b, self.t, self.v = rng.randint(1, 4), rng.randint(1, 5), rng.randint(2, 6)
        self.dtype = rng.choice((torch.float32, torch.float32, D, torch.bfloat16, torch.float16))
        self.size = 10.0 ** rng.choice((-8, -2, 0, 0, 0, 1, 2))

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.g, dtype=D)

    def whole(self, most, *shape):
        return torch.randint(most, shape, generator=self.g)

    def good(self, name, function):
        b, t, v = self.b, self.t, self.v
        flat = function in (topk_kl, topk_tv)
        over_v = function in (project, kl, tv) or (flat and name == "log_b")
        if name in ("mask", "tokens", "group", "ids"):
            return {
                "mask": torch.rand(b, t, generator=self.g) < 0.8,
                "group": self.whole(2, b),
                "tokens": self.whole(v, b) if function is score_tokens else self.whole(v, b, t),
                "ids": torch.arange(min(2, v)).expand(b, -1),
            }[name]
        if (
            name == "expert"
            or (function in (a.troll_loss, a.sparsify) and name.startswith("logp"))
            or over_v
        ):
            shape = (b, t, v) if function in (a.troll_loss, a.sparsify) else (b, v)
            full = (self.size * self.normal(*shape)).log_softmax(-1)
            return (full.exp() if name == "expert" else full).to(
                self.dtype if self.size < 11 else torch.float32
            )
        if flat:
            return (self.normal(b, v).log_softmax(-1)[:, : min(2, v)]).float()
        if name.startswith("log") or name == "x":
            return (-self.size * self.normal(b, t).abs()).to(self.dtype)
        if name == "rewards" and function in (gae, solve_dual):
            return (self.size * self.normal(b, t)).to(self.dtype)
        if name in ("rewards", "lengths"):
            return (self.size * self.normal(b)).abs().to(self.dtype)
        if name in ("hidden", "weight"):
            return (self.normal(b if name == "hidden" else v, 3)).float()
        if name == "measured":
            return torch.rand(b, t, generator=self.g).to(self.dtype)
        return (self.size * self.normal(b, t)).to(self.dtype)

    def bad(self, value):
        if not isinstance(value, Tensor):
            return self.rng.choice(NUMBERS)
        choices = [
            value[..., None],
            value[:0],
            value.flatten(),
            value.long(),
            value.to(torch.complex64),
            value.tolist(),
            None,
            3,
            "x",
            value.to_sparse(),
            value.to("meta"),
            value.bool(),
            value.int(),
        ]
        if value.is_floating_point():
            choices += [
                value * math.nan,
                value + math.inf,
                -value,
                value * 1e4,
                value + 5,
                value.to(torch.float16),
            ]
        return self.rng.choice(choices)

    def arguments(self, function):
        first, named = [], {}
        parameters = inspect.signature(function).parameters
        numbers = [
            n
            for n, p in parameters.items()
            if p.annotation not in ("Tensor",) and n not in ("ids",)
        ]
        spoilt = self.rng.choice([*parameters, *([None] * len(parameters))])
        for name, p in parameters.items():
            if name in numbers:
                if p.default is not p.empty and name != spoilt and self.rng.random() < 0.7:
                    continue
                value = (
                    self.rng.choice(WORDS.get(name, NUMBERS))
                    if name == spoilt
                    else (
                        WORDS[name][0]
                        if name in WORDS and function is not truncated_importance
                        else "truncate"
                        if name == "how"
                        else "token"
                        if name == "level"
                        else self.rng.choice((0.05, np.float64(0.2), 0.5))
                        if name
                        not in (
                            "group",
                            "k",
                            "chunk",
                            "top_k",
                            "adaptive",
                            "dual_clip",
                            "max_ratio",
                            "measured",
                            "logp_anchor",
                            "delta_tv",
                        )
                        else p.default
                        if p.default is not p.empty
                        else 8
                    )
                )
            else:
                value = self.good(name, function)
                value = self.bad(value) if name == spoilt else value
            if p.kind is p.POSITIONAL_OR_KEYWORD:
                first.append(value)
            else:
                named[name] = value
        if (
            function is a.dppo_loss
            and named.get("delta_kl") is None
            and named.get("delta_tv") is None
        ):
            named["delta_tv"] = 0.1
        return first, named, spoilt is None


def tensors(found):
    if isinstance(found, Tensor):
        return [("result", found)]
    if isinstance(found, TokenLoss):
        return [("per_token", found.per_token), *found.diagnostics.items()]
    if isinstance(found, tuple | list):
        return [x for i, one in enumerate(found) for x in tensors(one)]
    return (
        [(n, v) for n, v in vars(found).items() if isinstance(v, Tensor)]
        if hasattr(found, "__dict__")
        else []
    )


def one_call(number):
    """What is wrong with call `number`; None: nothing. An overflow to inf is no wrong number; NaN
    always is."""
    drawer = Drawer(random.Random(SEED * 1_000_003 + number))
    function = drawer.rng.choice(FUNCTIONS)
    first, named, clean = drawer.arguments(function)
    names = "|".join(map(re.escape, inspect.signature(function).parameters))
    where = f"call {number}, {function.__name__}: "
    try:
        found = function(*first, **named)
    except (TypeError, ValueError) as error:
        return (
            None
            if re.match(rf"({names})\b.*expected", str(error))
            else where + f"{type(error).__name__}: {error}"
        )
    except Exception as error:
        return where + f"{type(error).__name__}: {error}"
    for name, value in tensors(found):
        if value.is_floating_point() and bool(value.isnan().any()):
            return where + f"NaN in {name}"
    mask = named.get("mask")
    if isinstance(found, TokenLoss):
        outside = ~mask
        if bool((found.per_token[outside] != 0).any()) or bool(
            (found.diagnostics["weight"][outside] != 0).any()
        ):
            return where + "a masked token has a loss or a weight"
    if function in (kl, binary_kl, topk_kl, k2) and bool((found < 0).any()):
        return where + "a divergence below 0"
    if function in (tv, binary_tv, topk_tv) and bool((found < 0).any() | (found > 1.01).any()):
        return where + "a total variation outside [0, 1]"
    if clean and function is project and bool((found.eta < 0).any()):
        return where + "a multiplier below 0"
    return None


@pytest.mark.filterwarnings("ignore")
def test_no_call_ends_otherwise_than_in_its_number_or_its_arguments_name():
    wrong = [said for number in range(CALLS) if (said := one_call(number))]
    assert not wrong, f"{len(wrong)} of {CALLS} calls:\n" + "\n".join(wrong[:40])
