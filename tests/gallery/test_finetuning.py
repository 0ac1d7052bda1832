"""SMART, SAM and TRAM: their terms by hand on a small classifier, what they keep between batches,
and the moons."""

import torch

from tests.losses import close
from trbook import moons
from trlib.algorithms import SFT
from trlib.divergences import kl
from trlib.relatives.finetuning import SMART, apart


def net(method, updates=1, lr=0.02):
    """The lab's classifier before its update, and its examples."""
    return moons.Net(
        method, moons.knowing(0), *moons.moons(moons.SHOWN, 0, "shown", moons.TURN), updates, lr
    )


def both_ways(a, b):
    return (kl(a, b) + kl(b, a)).mean()


# ---- SMART


def test_the_bregman_half_by_hand():
    """Two updates: the pull is 0 at first, then towards the average that has hardly moved."""
    step = net(SMART(mu=2.0, smooth=0.0, average=0.9), updates=2)
    own = {name: p.detach().clone().requires_grad_() for name, p in step.weights.items()}
    average = {name: p.detach().clone() for name, p in own.items()}
    optimizer = torch.optim.AdamW(own.values(), lr=0.02, weight_decay=0.0)
    x, kind = step.x.squeeze(1), step.batch.tokens.squeeze(1)
    pulls = []
    for _ in range(2):
        optimizer.zero_grad()
        now = moons.read(own, x)
        pulls.append(both_ways(moons.read(average, x), now))
        (torch.nn.functional.nll_loss(now, kind) + 2.0 * pulls[-1]).backward()
        optimizer.step()
        for name, p in own.items():
            average[name].lerp_(p.detach(), 0.1)
    step.method.update(step)
    assert float(pulls[0].detach()) == 0.0 < float(pulls[1].detach())
    for name, p in own.items():
        close(step.weights[name], p)
        close(step.batch.memory[name], average[name])


def test_the_change_of_the_input_is_of_its_size_and_the_worst():
    method, seen = SMART(mu=0.0, eps=0.05), []
    step = net(method)
    score, weights = step.score, {name: p.detach() for name, p in step.weights.items()}
    full = score().full.detach()

    def watched(perturb):
        def seeing(x):
            seen.append(perturb(x) - x)
            return x + seen[-1]

        return score(perturb=seeing)

    step.score = watched
    worst = float(apart(step, method.shaken(step, full).detach(), full))
    close(seen[1].detach().abs().amax(-1), torch.full((moons.SHOWN, 1), 0.05))
    random = torch.Generator().manual_seed(0)
    others = [
        step.x + 0.05 * (2 * torch.rand(step.x.shape, generator=random) - 1) for _ in range(200)
    ]
    assert worst > max(float(apart(step, moons.read(weights, x), full)) for x in others)


def test_no_terms_is_supervision():
    plain, off = net(SFT(), 3), net(SMART(mu=0.0, smooth=0.0), 3)
    for step in (plain, off):
        step.method.update(step)
    for name, p in plain.weights.items():
        assert torch.equal(p, off.weights[name])


# ---- all of them
