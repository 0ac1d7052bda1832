"""The projection explorable against trlib: distributions, multiplier and the push on every logit,
on shared vectors."""

import math
import random

import pytest
import torch

import trlib
from tests.book.browser.double import close, double
from trbook.explorables.projection import NAMES, OLD
from trlib.algorithms import ppo_loss
from trlib.algorithms.projection import project
from trlib.algorithms.troll import troll_loss, troll_sparse_loss
from trlib.divergences import TopK, kl
from trlib.model.rollout import sample

pytestmark = pytest.mark.test_all("one figure's own mathematics")

SUPPORTS = ("all", "rest", "drop")
DEFAULT = {"reach": 1.0, "alpha": 1.0, "eps": 0.2, "k": 4}


def states(support, count=40):
    pick = random.Random(SUPPORTS.index(support))
    found = []
    for i in range(count):
        shares = [pick.expovariate(1) + 1e-3 for _ in range(8)]
        found.append(
            {
                **DEFAULT,
                "support": support,
                "k": pick.randint(2, 7),
                "token": pick.randrange(8),
                "old": [x / sum(shares) for x in shares],
                "shift": [pick.gauss(0, 0.9) for _ in range(8)],
                "advantage": pick.choice([-2.0, -0.5, 0.0, 1.0]),
                "alpha": pick.choice([0.0, 0.3, 1.0]),
                "delta": [0.001, 0.02, 0.05, 0.3, 0.0][i % 5],
            }
        )
    return found


def ids(s):
    """The tokens that trlib keeps, in the order of the vocabulary."""
    lq = double(s["old"]).log()
    if s["support"] == "all":
        return torch.arange(8)
    kept = trlib.algorithms.troll.sparsify(
        lq[None, None],
        tokens=torch.tensor([[s["token"]]]),
        mask=torch.ones(1, 1, dtype=torch.bool),
        k=s["k"],
        mass=1.0,
    )
    return kept.ids[0, 0][kept.logp[0, 0] > -math.inf].sort().values


def push(s, *, alpha, advantage):
    """-dL/dlogits by autograd, through the losses of trlib."""
    lq, kept = double(s["old"]).log(), ids(s)
    logits = (lq + double(s["shift"])).requires_grad_()
    u = logits.log_softmax(-1)
    one = {
        "advantages": double([[advantage]]),
        "mask": torch.ones(1, 1, dtype=torch.bool),
    }
    at, given = (kept == s["token"]).nonzero()[0], {"delta_kl": s["delta"], "alpha": alpha}
    if s["support"] == "rest":
        loss = troll_sparse_loss(
            u[kept][None, None],
            TopK(kept[None, None], lq[kept][None, None]),
            tokens=torch.tensor([[s["token"]]]),
            **one,
            **given,
        )
    else:
        loss = troll_loss(
            u[kept].log_softmax(-1)[None, None],
            lq[kept].log_softmax(-1)[None, None],
            tokens=at[None],
            **one,
            **given,
        )
    return -torch.autograd.grad(loss.per_token.sum(), logits)[0]


def push_of(loss, s, **settings):
    """The same behind a loss of the sampled token."""
    lq, y = double(s["old"]).log(), s["token"]
    logits = (lq + double(s["shift"])).requires_grad_()
    logp, mask = logits.log_softmax(-1), torch.ones(1, 1, dtype=torch.bool)
    given = {"advantages": double([[s["advantage"]]]), "mask": mask}
    found = loss(logp[y].view(1, 1), lq[y].view(1, 1), **given, **settings)
    return -torch.autograd.grad(found.per_token.sum(), logits)[0]


JS = """(m, all) => all.map(s => { const f = m.solve(s); return { ...f, eta: f.eta === Infinity ? "inf" : f.eta,
    u: Array.from(f.u), near: Array.from(f.near), now: Array.from(f.now), projected: Array.from(f.projected) }; })"""


@pytest.mark.parametrize("support", SUPPORTS)
def test_the_push_on_every_logit_is_autograd_s(sources, support):
    given = states(support)
    outside = 0
    for s, got in zip(given, sources("projection/maths.js", JS, given), strict=True):
        assert got["kept"] == ids(s).tolist()
        outside += got["out"]
        for name, alpha, advantage in (
            ("ratio", 0.0, s["advantage"]),
            ("pull", s["alpha"], 0.0),
            ("all", s["alpha"], s["advantage"]),
        ):
            wanted = push(s, alpha=alpha, advantage=advantage)
            torch.testing.assert_close(
                double(got["push"][name]),
                wanted,
                rtol=1e-9,
                atol=1e-9,
                msg=lambda text, name=name, s=s: f"{name} of {s}: {text}",
            )
        near, now, u = (double(got[name]) for name in ("near", "now", "u"))
        wanted = project(now, near, delta_kl=s["delta"]).logp
        apart = {"network": kl(now, near), "projected": kl(wanted, near)}
        for name, distance in {**apart, "whole": kl(u, double(s["old"]).log())}.items():
            close(got["kl"][name], distance, atol=1e-9, of=name)
        clip = [push_of(ppo_loss, s, eps_low=min(eps, 1), eps_high=eps) for eps in (s["eps"], 1e6)]
        close([got["push"]["clip"], got["push"]["before"]], torch.stack(clip))
    assert 15 < outside < len(given), "inside and outside are met"


def test_the_way_out_is_flat_without_the_regression(sources):
    given = [s for s in states("all") if s["delta"] > 0]
    for s, got in zip(given, sources("projection/maths.js", JS, given), strict=True):
        if not got["out"]:
            continue
        assert got["slope"]["ratio"] == pytest.approx(0, abs=1e-9)
        gap = double(got["now"]) - double(got["near"])
        p = double(got["now"]).exp()
        spread = (p * (gap - (p * gap).sum()) ** 2).sum().item()
        assert got["slope"]["pull"] == pytest.approx(
            s["alpha"] * (1 - got["t"]) * spread, abs=1e-9
        ), "α (1 - t) Var"


def test_the_old_bars_are_the_base_policy_s(visit):
    names = visit("Projection").page.locator(".trx .names text")
    assert names.all_text_contents() == list(NAMES), "the same eight on both sides"
    task, policy = trlib.load_task("dial"), trlib.load_policy("dial")
    batch = sample(
        policy, [task.prompts(16, seed=0)[0].text], group=1, max_tokens=task.max_tokens, seed=0
    )
    ids = [policy.tokenizer.encode(name)[0] for name in NAMES]
    with torch.no_grad():
        share = policy.score(batch, full=True).full[0, 0, ids].softmax(-1)
    assert share.tolist() == pytest.approx(list(OLD), abs=1e-3) and sum(OLD) == pytest.approx(1)
