"""What of torchrl 0.14.1 has a name here: equal in float64 where definitions agree."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from trlab.conformance import of_torchrl
from trlib.aggregation import aggregate
from trlib.algorithms import ppo_loss

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("torchrl")]
close = partial(torch.testing.assert_close, rtol=1e-6, atol=1e-12)
WINDOW = {"eps_low": 0.2, "eps_high": 0.2}


def theirs(
    name: str, batch: dict[str, Tensor], settings: dict[str, float] | None = None, **options
) -> tuple:
    """A loss as torchrl gives it, and its gradient."""
    loss = of_torchrl._loss(name, WINDOW if settings is None else settings, options)
    logp = batch["logp"].clone().requires_grad_()
    found = of_torchrl._run(loss, {**batch, "logp_old": batch["old"]}, logp)
    value = found.loss_objective.squeeze()
    return value.detach(), torch.autograd.grad(value, logp)[0]


def ours(function, batch: dict[str, Tensor], how: str = "token-mean", **settings) -> tuple:
    logp = batch["logp"].clone().requires_grad_()
    loss = function(
        logp, batch["old"], advantages=batch["advantages"], mask=batch["mask"], **settings
    )
    value = aggregate(loss.per_token, batch["mask"], how)
    return value.detach(), torch.autograd.grad(value, logp)[0]


@pytest.mark.parametrize(
    ("name", "settings", "options", "how"),
    [
        ("GRPOLoss", WINDOW, {}, "token-mean"),
        ("DAPO", {"eps_low": 0.2, "eps_high": 0.28}, {}, "token-mean"),
        ("GRPOLoss", WINDOW, {"aggregation": "prompt_mean"}, "seq-mean-token-mean"),
    ],
)
def test_the_clip_is_ours(batch, name, settings, options, how):
    for mine, its in zip(
        ours(ppo_loss, batch, how, **settings),
        theirs(name, batch, settings, **options),
        strict=True,
    ):
        close(its, mine)
