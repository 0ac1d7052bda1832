"""TrSFT's explorable in Chromium: weights, every student's way and the end of TrSFT's, against
trlib and torch."""

import math
from itertools import product

import pytest
import torch

from tests.book.browser.double import close, double
from trlib.algorithms.trapo import trsft_loss
from trlib.divergences import kl

pytestmark = pytest.mark.test_all("one figure's own mathematics")

MATHS = "trsft/maths.js"
EXPERTS = [
    [0.02, 0.1, 0.4, 0.1, 0.02, 0.02, 0.06, 0.2, 0.06, 0.02],
    [0.05, 0.05, 0.55, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05],
    [0.001, 0.001, 0.3, 0.002, 0.001, 0.001, 0.002, 0.69, 0.001, 0.001],
]
CASES = [
    {"student": student, "expert": expert, "alpha": alpha, "start": start, "steps": steps}
    for (student, expert), (alpha, start, steps) in product(
        product(("any", "hump"), EXPERTS),
        [(0.1, 4.0, 7), (1.0, 8.5, 40), (0.01, 0.0, 120), (0.3, 2.0, 0)],
    )
]
PLACES = torch.arange(10, dtype=torch.float64)


def loss_of(way, logits, expert, alpha):
    """What each way descends, in expectation over the expert; its gradient is autograd's."""
    logp = logits.log_softmax(-1)
    if way == "reverse":
        return kl(logp, expert.log())
    if way == "sft":
        return -(expert * logp).sum()
    return (
        expert
        * trsft_loss(logp[None], mask=torch.ones(1, 10, dtype=torch.bool), alpha=alpha).per_token[0]
    ).sum()


def walked(way, case):
    """The student after its steps, by autograd through the loss; the hump's steps are scaled by its
    width."""
    expert = double(case["expert"])
    middle, narrow = (
        double(case["start"]),
        double(1.5).log(),
    )
    logits = -(PLACES - middle).square() / (2 * (2 * narrow).exp())
    for _ in range(case["steps"]):
        if case["student"] == "any":
            logits = logits.detach().requires_grad_()
            logits = (
                logits
                - 2 * torch.autograd.grad(loss_of(way, logits, expert, case["alpha"]), logits)[0]
            )
        else:
            middle, narrow = middle.detach().requires_grad_(), narrow.detach().requires_grad_()
            logits = -(PLACES - middle).square() / (2 * (2 * narrow).exp())
            slopes = torch.autograd.grad(
                loss_of(way, logits, expert, case["alpha"]), [middle, narrow]
            )
            middle = middle - 0.3 * (2 * narrow).exp() * slopes[0]
            narrow = (narrow - 0.15 * slopes[1]).clamp(math.log(0.3), math.log(20))
            logits = -(PLACES - middle).square() / (2 * (2 * narrow).exp())
    return logits.softmax(-1).detach()


@pytest.mark.parametrize("way", ["sft", "trsft", "reverse"])
def test_a_student_walks_as_autograd_through_trlib_s_loss_does(sources, way):
    found = sources(
        MATHS, "(m, [way, cases]) => cases.map(one => m.learned(way, one))", [way, CASES]
    )
    for case, got in zip(CASES, found, strict=True):
        close(got, walked(way, case), atol=1e-9)
