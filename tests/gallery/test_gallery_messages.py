"""What the gallery says of a bad argument: a row for each, with the words."""

import math

import pytest
import torch

from tests.losses import D, at, data, named, refused, tensor
from trbook.bandit import counterfactual_policy
from trlib.algorithms import gspo_loss, ppo_loss
from trlib.relatives.asynchrony.masks import SAO, clip_cov_mask, dis_mask
from trlib.relatives.asynchrony.penalties import TPO
from trlib.relatives.classical import (
    affine_scaling,
    graph_attention,
    matrl_step,
    newton_cg,
    scaled_tr_solve,
)
from trlib.relatives.constraints import COUNTERPOL
from trlib.relatives.optimizers import Ball, lmo
from trlib.relatives.ratios import ClipBandit, turns_of
from trlib.relatives.transport import spo_update, wpo_update
from trlib.relatives.values import quantile_loss


def vector(*numbers):
    return torch.tensor(numbers, dtype=D)


BATCH, TWO, FAIR = data(), vector(2, 2), vector(0.5, 0.5)
CREDIT = {name: BATCH[name] for name in ("logp", "logp_old", "advantages", "mask")}
LOGPS = {"logp": BATCH["logp"], "logp_rollout": BATCH["logp_old"], "mask": BATCH["mask"]}
LINE = (torch.arange(5.0)[:, None] - torch.arange(5.0)).abs().double()
MOVED = {"pi": vector(0.1, 0.2, 0.3, 0.25, 0.15), "A": vector(1, -0.5, 0.2, -1, 2), "D": LINE}
WPO, SPO = MOVED | {"delta": 0.5}, MOVED | {"lam": 1.0}
BOX = {"low": vector(0, 0), "high": TWO, "x": TWO / 2}
GAME = {"U1": torch.eye(2, dtype=D), "U2": torch.zeros(3, 2), "p": FAIR, "q": FAIR, "t": 0.1}
NEAR = LINE[:4, :4] <= 1
ALONE = NEAR & (torch.arange(4) != 2).unsqueeze(1)
GRAPH = {"x": torch.eye(4), **dict.fromkeys(("wq", "wk", "wv"), torch.ones(4, 1))}
ONE = torch.ones(2, 2)

SAID = [
    ("dual_clip: expected None", SAO, {"dual_clip": 3.0}),
    ("eps_low: expected .* 1", dis_mask, LOGPS | {"eps_low": 1.5}),
    (r"group \(TPO compares completions of a prompt\)", TPO().plan, {"group": 1, "batch": 0}),
    *(
        (words, newton_cg, {"loss": value, "x": x})
        for words, value, x in (
            ("x: expected finite", torch.sum, vector(math.nan)),
            (r"value\(x\): expected a number", lambda x: x.log().sum(), vector(-1)),
        )
    ),
    ("radius: ", newton_cg, {"loss": torch.sum, "x": vector(1), "radius": 0.0}),
    (r"x: expected strictly inside \(2, 0\)", affine_scaling, {"x": TWO / 2, "g": TWO, "low": TWO, "high": 0 * TWO}),
    (r"U2: .*got \[3, 2\]", matrl_step, GAME),
    ("adjacent: .*got none for 2", graph_attention, GRAPH | {"adjacent": ALONE}),
    ("k: expected", COUNTERPOL, {"form": "notebook", "k": 1.5}),
    ("arms: expected", ClipBandit, {"arms": ()}),
    ("length: expected a whole number of at least 1", turns_of, {"mask": BATCH["mask"], "length": 0}),
    *(
        (f"{name}: expected", wpo_update, WPO | {name: wrong})
        for name, wrong in (("pi", 2 * MOVED["pi"]), ("D", -LINE))
    ),
    (r"target: expected \[3\], got \[2\]", quantile_loss, {"quantiles": torch.zeros(3, 4), "target": torch.zeros(2)}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_is_said_of_a_bad_argument_in_the_gallery(words, call, given):
    refused(words, call, **given)


LOW, HIGH = tensor([[0.1, 1.1]]), [[[0.1, -0.1]], [0.1], [[0.1, math.nan]]]
ZERO = torch.zeros(6, 5)
# A function, arguments that it takes, values of another type and values out of bounds.
NAMED = [
    (clip_cov_mask, CREDIT, {}, {"share": (0, 1.1), "low": (math.nan,), "high": (1,)}),
    (
        scaled_tr_solve,
        BOX | {"F": lambda x: x - 1},
        {},
        {"x": (vector(2.5, 1), vector(2, 1), vector(0, 1), vector(math.nan, 1))},
    ),
    (affine_scaling, BOX | {"g": TWO}, {}, {"kind": ("dikin",)}),
    (
        counterfactual_policy,
        {"pi0": vector(0.4, 0.3, 0.2, 0.1), "R": vector(0, 0.2, 0.5, 1)},
        {},
        {"target": (1.0, math.nan)},
    ),
    (ppo_loss, at([1, 1], 0.0), {}, {"eps_low": (LOW,), "eps_high": [*map(tensor, HIGH)]}),
    (gspo_loss, BATCH, {"turns": (ZERO,)}, {"turns": (ZERO[:, 1:].long(), ZERO.long() + 5)}),
    (
        wpo_update,
        WPO,
        {"pi": ([0.5, 0.5],), "delta": ("much",)},
        {"A": (MOVED["A"][:3], MOVED["A"] * math.nan), "delta": (-0.1,), "D": (LINE[:4],)},
    ),
    (spo_update, SPO, {}, {"lam": (0.0,), "beta": (0.0,), "D": (LINE[:4],)}),
    (
        lmo,
        {"G": ONE, "norm": "sign"},
        {"G": (ONE.long(),)},
        {"norm": ("nuclear",), "G": (ONE * math.nan,)},
    ),
    (
        Ball,
        {"params": [torch.nn.Parameter(ONE)]},
        {},
        {"kind": ("lion",), "betas": ((1.0,),), "weight_decay": (-1.0,)},
    ),
]


@pytest.mark.parametrize(("call", "given", "types", "values"), NAMED)
def test_each_bad_value_is_named_with_what_came_in_the_gallery(call, given, types, values):
    named(call, given, types, **values)
