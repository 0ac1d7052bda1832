"""Every method's inner steps in `vocabulary_step`, against the same steps taken with trlib's losses
and autograd."""

import random

import pytest
import torch

import trlib
from tests.book.browser.double import double
from trbook.explorables.vocabulary_step import METHODS, STARTS
from trlib import divergences
from trlib.algorithms import (
    cispo_loss,
    dppo_loss,
    gmpo_loss,
    gspo_loss,
    pg_is_loss,
    ppo_loss,
    pspo_loss,
    sapo_loss,
    troll_loss,
)
from trlib.algorithms.quatro import pull_to_target
from trlib.model.completions import top_k
from trlib.model.rollout import sample

EXACT = {"rtol": 1e-9, "atol": 1e-12}
WALK = """(m, given) => given.map(({ p, s }) => Object.fromEntries(m.KEYS.map(key => [key, m.walk(key, p, s)])))"""
SEEN = """(m, given) => given.map(({ old, now, y, k }) => m.seen(old.map(Math.log), now.map(Math.log), y, k))"""


def softmax(draw, spread, n=10):
    return torch.softmax(double([draw.gauss(0, spread) for _ in range(n)]), 0)


def losses(s):
    """(the new log-probs, the old ones, the arguments that all share) -> the loss of the sampled
    word."""

    def alone(function, **settings):
        return lambda now, old, y, given: (
            function(now[y].view(1, 1), old[y].view(1, 1), **given, **settings).per_token
        )

    def measured(ids):
        def loss(now, old, y, given):
            few = ids(old, y)
            far = divergences.topk_tv(old[few], few, now.detach()).view(1, 1)
            return dppo_loss(
                now[y].view(1, 1),
                old[y].view(1, 1),
                **given,
                delta_tv=s["delta_tv"],
                measured=far,
                max_ratio=s["max_ratio"],
            ).per_token

        return loss

    def pulled(now, old, y, given):
        return pull_to_target(
            now[y].view(1, 1),
            old[y].view(1, 1),
            mask=given["mask"],
            multiplier=torch.ones(1, dtype=torch.float64),
            push=given["advantages"][0],
        ).per_token

    def whole(now, old, y, given):
        return troll_loss(
            now.view(1, 1, -1),
            old.view(1, 1, -1),
            tokens=y.view(1, 1),
            delta_kl=s["delta_kl"],
            **given,
        ).per_token

    return {
        "pg_is": alone(pg_is_loss),
        "ppo": alone(ppo_loss),
        "clip_higher": alone(ppo_loss, eps_high=0.28),
        "cispo": alone(cispo_loss),
        "gspo": alone(gspo_loss),
        "sapo": alone(sapo_loss),
        "gmpo": alone(gmpo_loss),
        "pspo": alone(pspo_loss),
        "dppo_tv": alone(dppo_loss, delta_tv=s["delta_tv"], max_ratio=s["max_ratio"]),
        "dppo_kl": alone(dppo_loss, delta_kl=s["delta_kl"], max_ratio=s["max_ratio"]),
        "dppo_topk": measured(lambda old, y: top_k(old[None], y[None], s["k"]).ids[0]),
        "dppo_full": measured(lambda old, y: torch.arange(len(old))),
        "quatro": pulled,
        "troll": whole,
    }


def steps(loss, p, s):
    """The log-probs before the first step and after each."""
    old, y = p.log(), torch.tensor(s["token"])
    given = {
        "advantages": double([[s["sign"] * s["size"]]]),
        "mask": torch.ones(1, 1, dtype=torch.bool),
    }
    z, path = old.clone(), [old]
    for _ in range(s["steps"]):
        z = z.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(torch.log_softmax(z, 0), old, y, given).sum(), z)
        z = (z - s["lr"] * gradient).detach()
        path.append(torch.log_softmax(z, 0))
    return path


def cases():
    draw, found = random.Random(7), []
    for i in range(16):
        s = {
            "token": draw.randrange(10),
            "sign": draw.choice([1, -1]),
            "size": round(draw.uniform(0.3, 3), 2),
            "steps": 12,
            "lr": draw.choice([0.05, 0.2, 0.5]),
            "k": draw.choice([1, 3, 9, 10]),
            "delta_tv": 0.12,
            "delta_kl": 0.03,
            "max_ratio": draw.choice([1.5, 3.0, 10_000.0]),
        }
        found.append((softmax(draw, 0.5 + i % 4), s))
    return found


def test_every_method_takes_the_steps_of_its_loss(sources):
    given = cases()
    got = sources("vocabulary_step/maths.js", WALK, [{"p": p.tolist(), "s": s} for p, s in given])
    for (p, s), found in zip(given, got, strict=True):
        wanted = losses(s)
        assert tuple(found) == METHODS and set(wanted) == set(METHODS)
        for name, loss in wanted.items():
            path = double(found[name]["path"])
            torch.testing.assert_close(
                path, torch.stack(steps(loss, p, s)), **EXACT, msg=lambda m, n=name: f"{n}: {m}"
            )


def test_what_every_resolution_sees_is_what_trlib_measures(sources):
    draw, given = random.Random(3), []
    for _ in range(60):
        old = softmax(draw, draw.choice([0.5, 2, 4]))
        now = torch.softmax(old.log() + torch.tensor([draw.gauss(0, 0.7) for _ in range(10)]), 0)
        given.append(
            {
                "old": old.tolist(),
                "now": now.tolist(),
                "y": draw.randrange(10),
                "k": draw.choice([1, 2, 5, 10]),
            }
        )
    for one, found in zip(given, sources("vocabulary_step/maths.js", SEEN, given), strict=True):
        a, b = (double(one[key]).log() for key in ("old", "now"))
        few = top_k(a[None], torch.tensor([one["y"]]), one["k"]).ids[0]
        d = divergences
        wanted = {
            "binary": (
                d.binary_tv(a[one["y"]], b[one["y"]]),
                d.binary_kl(a[one["y"]], b[one["y"]]),
            ),
            "topk": (d.topk_tv(a[few], few, b), d.topk_kl(a[few], few, b)),
            "full": (d.tv(a, b), d.kl(a, b)),
        }
        for key, (tv, kl) in wanted.items():
            assert found[key]["tv"] == pytest.approx(tv.item(), rel=1e-9, abs=1e-12)
            assert found[key]["kl"] == pytest.approx(kl.item(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("start", STARTS)
def test_the_distributions_are_those_of_the_embedded_policies(sources, start):
    words, p = sources(
        "vocabulary_step/starts.js",
        "(m, start) => [m.STARTS[start].words, m.probabilities(start)]",
        start,
    )
    policy, task = (
        trlib.load_policy("dial_rare" if start == "rare" else "dial"),
        trlib.load_task("dial"),
    )
    prompt = task.prompts(1, seed=0)[0].text
    assert prompt == "7 : -1 +4 +3 flip sq ="
    begun = (
        policy.tokenizer.encode("slowly 6", add_special_tokens=False) if start == "place" else []
    )
    written = sample(
        policy, [prompt], prefixes=[begun] if begun else None, max_tokens=task.max_tokens, seed=0
    )
    with torch.no_grad():
        full = policy.score(written, full=True).full[0, len(begun)].exp()
    ids = [policy.tokenizer.convert_tokens_to_ids(word) for word in words]
    torch.testing.assert_close(torch.tensor(p[:-1]), full[ids].float(), rtol=0.05, atol=2e-5)
    assert sum(p) == pytest.approx(1, abs=1e-12) and len(set(p)) == 10
