"""The two moons: the method's own update on a classifier, and what is measured of it."""

import pytest
import torch

from tests.losses import refused
from trbook import moons
from trbook.moons import finetuned
from trlib.algorithms import GRPO, SFT


def test_supervision_is_adamw_on_the_mean_loss():
    known, (x, kind) = moons.knowing(1), moons.moons(moons.SHOWN, 1, "shown", moons.TURN)
    own = {name: p.clone().requires_grad_() for name, p in known.items()}
    optimizer = torch.optim.AdamW(own.values(), lr=0.02, weight_decay=0.0)
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(moons.read(own, x), kind).backward()
        optimizer.step()
    found = moons.learned(SFT(), known, x, kind, updates=5, lr=0.02)
    for name, p in own.items():
        torch.testing.assert_close(found[name], p.detach())


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        (GRPO(), {}, "method: expected one that learns from an expert's answers, got GRPO"),
        (SFT(), {"updates": 0}, "updates: "),
        (SFT(), {"lr": 0.0}, "lr: "),
    ],
)
def test_what_makes_no_sense_is_named(method, given, message):
    refused(message, finetuned, method, 0, **given)
