"""What functions and methods of the main line say of a bad argument: a row for each, with the words."""

import pytest
import torch

from tests.losses import refused, tensor, tokens
from trlib.advantages import group_relative, normalized_sum
from trlib.algorithms import (
    DPPO,
    GRPO,
    PGIS,
    QUATRO,
    Correction,
    Reference,
    TokenLoss,
    ppo_loss,
)
from trlib.algorithms.dppo import dppo_loss
from trlib.algorithms.grpo import add_reference_kl
from trlib.algorithms.kl_penalty import add_penalty
from trlib.corrections import expected_weight
from trlib.divergences import binary_kl, binary_tv, kl, topk_kl, tv


def logs(*probabilities):
    return tensor(probabilities).log()


ONES = torch.ones(4, 4)
HALF, FEW = torch.tensor([0.5]), logs(0.5, 0.5)
PLAIN = ppo_loss(-ONES, -ONES, advantages=-ONES, mask=ONES > 0)
DRAWN = {name: tokens()[name] for name in ("logp", "logp_rollout", "advantages", "mask")}
ONCE, PROMPT = torch.ones(4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)
GROUPS = {"rewards": torch.ones(3), "group": torch.tensor([4, 4, 9])}
CERTAIN = {"loss": PLAIN, "logp": -ONES, "logp_ref": -ONES, "mask": ONES > 0, "beta": 1}
PENALTY = {
    "loss": PLAIN,
    "logp": -ONES,
    "logp_old": -ONES,
    "divergence": ONES,
    "mask": ONES > 0,
    "beta": 1,
}
ALONE = "group: expected at least 2 completions in every group.*got 1 in group 9"
BOTH = {"log_a": torch.tensor([-1.0]), "log_b": torch.tensor([-1.0])}
A_LOSS = r"TypeError: loss.diagnostics\['weight'\]: expected a tensor"

SAID = [
    ("rewards: expected at least 0.*got -1.0", group_relative, {"rewards": -ONCE.double(), "group": PROMPT, "scale": "mean"}),
    (ALONE, group_relative, GROUPS),
    ("weights: expected a list of 2, one a reward, got", normalized_sum, {"rewards": torch.ones(4, 2), "lengths": ONCE, "group": PROMPT, "weights": [1.0]}),
    ("tokens: expected a whole number, got 2.5", expected_weight, {"sigma": 0.1, "tokens": [10, 2.5], "how": "mask", "bound": 3.0}),
    ("log_a: expected K at most V = 1, got K = 2", topk_kl, {"log_a": FEW, "ids": torch.tensor([0, 1]), "log_b": torch.tensor([0.0])}),
    *(("log_b: .*got a sum of 0.6 at", rule, {"log_a": FEW, "log_b": logs(0.3, 0.3)}) for rule in (kl, tv)),
    *(("log_a: .*got 0.5", rule, BOTH | {"log_a": HALF}) for rule in (binary_kl, binary_tv)),
    ("delta_tv, delta_kl: expected exactly one", dppo_loss, DRAWN),
    ("correction: ", DPPO, {"correction": Correction()}),
    (A_LOSS, add_reference_kl, CERTAIN | {"loss": TokenLoss(PLAIN.per_token, {})}),
    (r"divergence: expected \[B, T\]", add_penalty, PENALTY | {"divergence": ONES[0]}),
    (r"advantage: .*raw rewards.*'group-std'", QUATRO, {"advantage": "group-std"}),
    ("correction: .*policy that sampled", QUATRO, {"correction": Correction()}),
    ("beta: expected 0 beside a reference", GRPO, {"beta": 0.1, "reference": Reference()}),
    ("TypeError: reference: expected a Reference or None, got float", PGIS, {"reference": 0.1}),
    *(
        (f"{name}: expected", Reference, {name: wrong})
        for name, wrong in {
            "beta": -1.0, "estimator": "k4", "target_kl": 0.0, "share": 1.5,
        }.items()
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_is_said_of_a_bad_argument(words, call, given):
    refused(words, call, **given)


# A function, arguments that it takes, values of another type and values out of bounds.
