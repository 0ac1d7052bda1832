"""The numbers of `gae` against trlib.advantages.gae, over every text of the chain, its values by
enumeration too."""

import itertools
import math

import pytest
import torch

from trlib.advantages import gae

pytestmark = pytest.mark.test_all("one figure's own mathematics")

TOKENS, WRONG, REPAIRED = 6, 0.15, 0.05
D = torch.float64
GRID = [
    (lam, gamma, miss, noise, pairs)
    for lam in (0.0, 0.3, 0.95, 1.0)
    for gamma in (0.0, 0.8, 1.0)
    for miss in (0.0, 0.5, 1.0, 2.0)
    for noise, pairs in ((0.0, 1), (0.3, 16))
]
JS = """(m, grid) => {
    return { truth: m.TRUTH, found: grid.map(([lam, gamma, miss, noise, pairs]) => {
        const all = m.texts(gamma, miss);
        return { values: m.chain(gamma).values, critic: m.critic(gamma, miss),
            difference: m.difference(all, { lam, gamma, noise, pairs }),
            texts: all.map(({ text, chance, deltas }) => [text, chance, m.advantage(deltas, gamma, lam)]) }; }) };
}"""
TEXTS = ["".join(letters) for letters in itertools.product("rw", repeat=TOKENS)]


def step(before, after):
    right = 1 - WRONG if before == "r" else REPAIRED
    return right if after == "r" else 1 - right


def chance(text, first):
    """Of the text from this token on, given what came before."""
    whole = "r" + text
    return math.prod(step(whole[t], whole[t + 1]) for t in range(first, TOKENS))


def value(t, state, gamma):
    """The discounted reward from a state on, by enumeration of all that can follow."""
    return sum(
        math.prod(step(a, b) for a, b in itertools.pairwise(state + "".join(rest)))
        * gamma ** (TOKENS - 1 - t)
        for rest in itertools.product("rw", repeat=TOKENS - t)
        if rest[-1] == "r"
    )


def wanted(lam, gamma, miss, noise, pairs):
    exact = [[value(t, state, gamma) for state in "rw"] for t in range(TOKENS)]
    right = [
        sum(chance(text, 0) for text in TEXTS if t == 0 or text[t - 1] == "r")
        for t in range(TOKENS)
    ]
    critic = []
    for t, (good, bad) in enumerate(exact):
        average = right[t] * good + (1 - right[t]) * bad
        critic.append([good + miss * (average - good), bad + miss * (average - bad)])
    rewards, values = (
        torch.zeros(len(TEXTS), TOKENS, dtype=D),
        torch.zeros(len(TEXTS), TOKENS, dtype=D),
    )
    for i, text in enumerate(TEXTS):
        rewards[i, -1] = text[-1] == "r"
        values[i] = torch.tensor(
            [critic[t]["rw".index(("r" + text)[t])] for t in range(TOKENS)], dtype=D
        )
    advantages = gae(
        rewards, values, torch.ones_like(rewards, dtype=torch.bool), gamma=gamma, lam=lam
    )[0][:, 0]
    means, variance = [], 0.0
    for first in "rw":
        of = torch.tensor([text[0] == first for text in TEXTS])
        p = torch.tensor([chance(text, 1) for text in TEXTS], dtype=D)[of]
        mean = p @ advantages[of]
        means.append(float(mean))
        variance += float(p @ (advantages[of] - mean) ** 2)
    # Noise alone, by the estimator itself: the gradient of an advantage in the rewards is what each
    # noise counts.
    noisy = torch.zeros(1, TOKENS, dtype=D, requires_grad=True)
    gae(
        noisy,
        torch.zeros_like(noisy),
        torch.ones(1, TOKENS, dtype=torch.bool),
        gamma=gamma,
        lam=lam,
    )[0][0, 0].backward()
    variance += 2 * noise**2 * float(noisy.grad.square().sum())
    truth = value(1, "r", 1.0) - value(1, "w", 1.0)
    bias, scatter = means[0] - means[1] - truth, (variance / pairs) ** 0.5
    return {
        "values": exact,
        "critic": critic,
        "texts": dict(zip(TEXTS, advantages.tolist(), strict=True)),
        "difference": {
            "mean": means[0] - means[1],
            "bias": bias,
            "scatter": scatter,
            "error": math.hypot(bias, scatter),
        },
        "truth": truth,
    }


def test_values_estimates_bias_and_scatter_are_those_of_trlib(sources):
    got = sources("gae/maths.js", JS, GRID)
    near = {"rel": 1e-9, "abs": 1e-9}
    assert got["truth"] == pytest.approx(0.8**5, **near)
    for settings, found in zip(GRID, got["found"], strict=True):
        want = wanted(*settings)
        assert want["truth"] == pytest.approx(got["truth"], **near)
        for name in ("values", "critic"):
            for ours, theirs in zip(want[name], found[name], strict=True):
                assert theirs == pytest.approx(ours, **near), (name, settings)
        for text, share, estimate in found["texts"]:
            assert share == pytest.approx(chance(text, 1), **near)
            assert estimate == pytest.approx(want["texts"][text], **near), (text, settings)
        for name, number in want["difference"].items():
            close = (
                near if name in ("mean", "bias") else {"rel": 1e-9, "abs": 1e-7}
            )  # a root of a rounded 0
            assert found["difference"][name] == pytest.approx(number, **close), (name, settings)
