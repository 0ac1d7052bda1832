"""Every method's inner steps in `vocabulary_step`, against the same steps taken with trlib's losses
and autograd."""

import random
from functools import partial
from itertools import product

import pytest
import torch

import trlib
from tests.book.browser.double import close, double
from tests.by_day import by_day
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

pytestmark = pytest.mark.test_all("one figure's own mathematics")

WALK = """(m, given) => given.map(({ p, s }) => Object.fromEntries(m.KEYS.map(key => [key, m.walk(key, p, s)])))"""
SEEN = """(m, given) => given.map(({ old, now, y, k }) => m.seen(old.map(Math.log), now.map(Math.log), y, k))"""


def softmax(draw, spread, n=10):
    return torch.softmax(double([draw.gauss(0, spread) for _ in range(n)]), 0)


ALONE = {
    "pg_is": (pg_is_loss, ()),
    "ppo": (ppo_loss, ()),
    "clip_higher": (partial(ppo_loss, eps_high=0.28), ()),
    "cispo": (cispo_loss, ()),
    "gspo": (gspo_loss, ()),
    "sapo": (sapo_loss, ()),
    "gmpo": (gmpo_loss, ()),
    "pspo": (pspo_loss, ()),
    "dppo_tv": (dppo_loss, ("delta_tv", "max_ratio")),
    "dppo_kl": (dppo_loss, ("delta_kl", "max_ratio")),
}
"""Losses that see the sampled word, and which of the page's settings they get."""


def loss_of(name, s, now, old, y, given):
    """The loss of the sampled word, from whole distributions."""
    token = now[y].view(1, 1), old[y].view(1, 1)
    if name in ALONE:
        loss, settings = ALONE[name]
        return loss(*token, **given, **{key: s[key] for key in settings})
    if name == "quatro":
        one = torch.ones(1, dtype=torch.float64)
        push = given["advantages"][0]
        return pull_to_target(*token, mask=given["mask"], multiplier=one, push=push)
    if name == "troll":
        whole = now.view(1, 1, -1), old.view(1, 1, -1)
        return troll_loss(*whole, tokens=y.view(1, 1), delta_kl=s["delta_kl"], **given)
    few = (
        torch.arange(len(old)) if name == "dppo_full" else top_k(old[None], y[None], s["k"]).ids[0]
    )
    far = divergences.topk_tv(old[few], few, now.detach()).view(1, 1)
    settings = {key: s[key] for key in ("delta_tv", "max_ratio")}
    return dppo_loss(*token, **given, **settings, measured=far)


def path_of(name, p, s):
    """The log-probs before the first step and after each."""
    old, y = p.log(), torch.tensor(s["token"])
    given = {
        "advantages": double([[s["sign"] * s["size"]]]),
        "mask": torch.ones(1, 1, dtype=torch.bool),
    }
    z, path = old.clone(), [old]
    for _ in range(s["steps"]):
        z = z.detach().requires_grad_()
        loss = loss_of(name, s, torch.log_softmax(z, 0), old, y, given).per_token.sum()
        z = (z - s["lr"] * torch.autograd.grad(loss, z)[0]).detach()
        path.append(torch.log_softmax(z, 0))
    return torch.stack(path)


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
        assert tuple(found) == METHODS
        for name in METHODS:
            close(found[name]["path"], path_of(name, p, s), of=name)


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
    d = divergences
    for one, found in zip(given, sources("vocabulary_step/maths.js", SEEN, given), strict=True):
        a, b = (double(one[key]).log() for key in ("old", "now"))
        y, few = one["y"], top_k(a[None], torch.tensor([one["y"]]), one["k"]).ids[0]
        wanted = {
            "binary": {"tv": d.binary_tv(a[y], b[y]), "kl": d.binary_kl(a[y], b[y])},
            "topk": {"tv": d.topk_tv(a[few], few, b), "kl": d.topk_kl(a[few], few, b)},
            "full": {"tv": d.tv(a, b), "kl": d.kl(a, b)},
        }
        for (key, both), measure in product(wanted.items(), ("tv", "kl")):
            close(found[key][measure], both[measure], of=key)


@pytest.mark.parametrize("start", by_day(STARTS, "rare", reason="a policy for each"))
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
