"""The engine's formulas in Chromium against trlib, in double precision."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.book.browser.double import double
from trlib.advantages import ADVANTAGES
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import (
    ALGORITHMS,
    center_scores,
    cispo_loss,
    dppo_loss,
    gmpo_loss,
    gspo_loss,
    pg_is_loss,
    ppo_loss,
    pspo_loss,
    quatro_loss,
    reinforce_loss,
    sapo_loss,
    troll_loss,
    weighted_loss,
)
from trlib.algorithms.centering import WEIGHTS
from trlib.algorithms.grpo import overlong_penalty

pytestmark = pytest.mark.test_all("the playground's engine")

EXACT = {"rtol": 1e-9, "atol": 1e-12}
LENGTHS = [1, 2, 7, 16, 5, 3, 9, 4, 6, 12, 8, 11]
OBJECTIVES = {
    "reinforce": ("reinforce", {}, lambda logp, old, **given: reinforce_loss(logp, **given)),
    "pg_is": ("pg_is", {}, pg_is_loss),
    "ppo": ("ppo", {"eps_low": 0.2, "eps_high": 0.28}, ppo_loss),
    "ppo with a dual clip": ("ppo", {"dual_clip": 1.5}, ppo_loss),
    "gspo": ("gspo", {}, gspo_loss),
    "gspo with a wide window": ("gspo", {"eps_low": 0.1, "eps_high": 0.3}, gspo_loss),
    "cispo": ("cispo", {"eps_low": 0.3, "eps_high": 0.2}, cispo_loss),
    "cispo without a lower bound": ("cispo", {"eps_low": None}, cispo_loss),
    "sapo": ("sapo", {"tau_pos": 1.2, "tau_neg": 3.0}, sapo_loss),
    "gmpo": ("gmpo", {"eps_log": 0.2}, gmpo_loss),
    "pspo": ("pspo", {"alpha": 0.3}, pspo_loss),
    "dppo": ("dppo", {"delta_tv": 0.05}, dppo_loss),
    "dppo by KL": ("dppo", {"delta_kl": 0.01}, dppo_loss),
    "dppo by KL, capped": ("dppo", {"delta_kl": 0.002, "max_ratio": 1.1}, dppo_loss),
}
"""Its name in the engine, settings, and the loss in trlib."""
JS = """
    const { method } = await import("/engine/js/methods.js");
    const { objective, survey } = method(given.name, given.settings), shared = survey?.(given.completions);
    return given.completions.map(one => objective({ ...one, ...shared }));
"""


def a_batch(seed, spread=0.4):
    """Completions of several lengths with ratios far and near, certain and rare tokens, advantages
    of every sign."""
    draw = torch.Generator().manual_seed(seed)
    shape = (len(LENGTHS), max(LENGTHS))
    old = torch.rand(shape, generator=draw, dtype=torch.float64).pow(3).log().clamp(-14, -1e-9)
    step = spread * torch.randn(shape, generator=draw, dtype=torch.float64)
    logp = (old + step).clamp(max=-1e-10)
    advantages = torch.randn(len(LENGTHS), generator=draw, dtype=torch.float64)
    advantages[3] = 0.0
    mask = torch.arange(shape[1]) < torch.tensor(LENGTHS).unsqueeze(-1)
    return SimpleNamespace(logp=logp.requires_grad_(), old=old, advantages=advantages, mask=mask)


def rows(values, mask):
    return [row[keep].tolist() for row, keep in zip(values.detach(), mask, strict=True)]


def completions(batch):
    return [
        {"logp": logp, "old": old, "advantage": a}
        for logp, old, a in zip(
            rows(batch.logp, batch.mask),
            rows(batch.old, batch.mask),
            batch.advantages.tolist(),
            strict=True,
        )
    ]


def flat(found, name):
    return np.array([x for one in found for x in one[name]])


def assert_weights_and_masks(ask, objective, spread):
    name, settings, loss = objective
    batch = a_batch(4, spread)
    found = ask(JS, name=name, settings=settings, completions=completions(batch))
    wanted = loss(
        batch.logp,
        batch.old,
        advantages=batch.advantages.unsqueeze(-1).expand_as(batch.logp),
        mask=batch.mask,
        **settings,
    )
    np.testing.assert_allclose(
        flat(found, "weight"), wanted.diagnostics["weight"][batch.mask].numpy(), **EXACT
    )
    assert flat(found, "kept").tolist() == wanted.diagnostics["kept"][batch.mask].tolist()


@pytest.mark.parametrize("case", OBJECTIVES)
@pytest.mark.parametrize("spread", [1e-5, 0.4])
def test_weights_and_masks_are_those_of_the_losses(ask, case, spread):
    assert_weights_and_masks(ask, OBJECTIVES[case], spread)


def assert_overflowing_ratios(ask, objectives):
    logp, old = (
        double([[-0.1, -0.2]] * 4),
        torch.tensor([[-800.0, -0.2]] * 4).double(),
    )
    advantages, mask = (
        torch.tensor([0.0, -1.0, 1.0, 0.0]).double(),
        torch.ones(4, 2, dtype=torch.bool),
    )
    batch = SimpleNamespace(logp=logp, old=old, advantages=advantages, mask=mask)
    for name, settings, loss in objectives.values():
        found = ask(
            JS.replace("shared })", "shared }).weight.map(String)"),
            name=name,
            settings=settings,
            completions=completions(batch),
        )
        wanted = loss(
            logp, old, advantages=advantages.unsqueeze(-1).expand(4, 2), mask=mask, **settings
        )
        got = [[float(x.replace("Infinity", "inf")) for x in row] for row in found]
        np.testing.assert_allclose(got, wanted.diagnostics["weight"].numpy(), err_msg=name, **EXACT)


def test_overflowing_ratios_are_as_in_trlib(ask):
    assert_overflowing_ratios(ask, OBJECTIVES)


def test_aggregations_scale_a_token_as_trlib_does(ask):
    mask = a_batch(1).mask.clone()
    mask[2] = False
    for how in AGGREGATIONS:
        values = torch.ones(mask.shape, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(aggregate(values, mask, how, horizon=20), values)
        found = ask(
            """const { factors } = await import("/engine/js/aggregation.js");
            return factors(given.how, given.lengths, 20);""",
            how=how,
            lengths=mask.sum(-1).tolist(),
        )
        np.testing.assert_allclose(
            np.where(mask, np.array(found)[:, None], 0), slope.numpy(), err_msg=how, **EXACT
        )


def test_advantages_are_those_of_trlib(ask):
    pick = random.Random(2)
    groups = [[float(pick.random() < 0.4) for _ in range(8)] for _ in range(6)] + [
        [1.0] * 8,
        [0.1, 0.1, 0.3] * 2,
    ]
    lengths = [[pick.randrange(0, 9) for _ in rewards] for rewards in groups]
    lengths[0] = [0] * 8
    for name, advantage in ADVANTAGES.items():
        found = ask(
            """const { ADVANTAGES } = await import("/engine/js/advantages.js");
            return given.groups.map((rewards, i) => ADVANTAGES[given.name](rewards, given.lengths[i]));""",
            name=name,
            groups=groups,
            lengths=lengths,
        )
        for rewards, sizes, got in zip(groups, lengths, found, strict=True):
            batch = SimpleNamespace(
                rewards=double(rewards),
                lengths=torch.tensor(sizes),
                group=torch.zeros(len(rewards), dtype=torch.long),
            )
            np.testing.assert_allclose(got, advantage(batch).numpy(), err_msg=name, **EXACT)
            if len(set(rewards)) == 1 and name not in ("reward", "plus-minus"):
                assert set(got) == {0}


def test_the_soft_limit_of_dapo(ask):
    for buffer in (0.0, 0.2, 1.0):
        mask = torch.arange(16) < torch.arange(17).unsqueeze(-1)
        batch = SimpleNamespace(
            rewards=torch.zeros(17).double(), mask=mask, forced=~mask & False, horizon=16
        )
        found = ask(
            """const { overlongPenalty } = await import("/engine/js/advantages.js");
            return Array.from({ length: 17 }, (_, n) => overlongPenalty(n, 16, given.buffer));""",
            buffer=buffer,
        )
        np.testing.assert_allclose(found, overlong_penalty(batch, buffer).numpy(), **EXACT)


def test_quatro_pulls_towards_the_target(ask):
    batch = a_batch(8)
    rewards = double([1.0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1])
    group = torch.arange(12) // 4
    settings = {"delta_kl": 0.2, "lambda_min": 0.01}
    found = ask(
        """
        const { method } = await import("/engine/js/methods.js"), { solveDual } = await import("/js/maths/dual.js");
        const { objective, settings } = method("quatro", given.settings), out = [];
        for (let g = 0; g < 3; g++) {
            const { multiplier, target } = solveDual(given.rewards.slice(4 * g, 4 * g + 4), settings);
            target.forEach((target, i) => out.push(objective({ ...given.completions[4 * g + i], multiplier, target })));
        }
        return out;""",
        settings=settings,
        rewards=rewards.tolist(),
        completions=completions(batch),
    )
    wanted = quatro_loss(
        batch.logp, batch.old, rewards=rewards, group=group, mask=batch.mask, **settings
    )
    np.testing.assert_allclose(
        flat(found, "weight"), wanted.diagnostics["weight"][batch.mask].numpy(), **EXACT
    )
    assert flat(found, "kept").tolist() == wanted.diagnostics["kept"][batch.mask].tolist()


@pytest.mark.parametrize(
    "settings",
    [{}, {"delta_kl": 0.01, "alpha": 0.5}, {"delta_kl": 0.0}],
    ids=["default", "close", "no radius"],
)
def test_troll_weighs_a_token_by_its_projection(ask, settings):
    """Its gradient in every logit is `test_maths_projection.py`'s."""
    draw = torch.Generator().manual_seed(6)
    shape = (6, 5, 30)
    old = torch.log_softmax(3 * torch.randn(shape, generator=draw, dtype=torch.float64), -1)
    size = double([0.0, 0.05, 0.3, 1.0, 2.0, 6.0])[:, None, None]
    noise = torch.randn(shape, generator=draw, dtype=torch.float64)
    logp = torch.log_softmax(old + size * noise, -1)
    tokens = torch.distributions.Categorical(logits=old).sample()
    advantages = double([1.0, -1.0, 0.5, -2.0, 0.0, 1.5])
    given = {
        "advantages": advantages.unsqueeze(-1).expand(6, 5),
        "mask": torch.ones(6, 5, dtype=torch.bool),
    }
    wanted = troll_loss(logp, old, tokens=tokens, **given, **settings).diagnostics
    columns = {"logp": logp, "old": old, "tokens": tokens, "advantage": advantages}
    rows = [column.tolist() for column in columns.values()]
    found = ask(
        """const { method } = await import("/engine/js/methods.js"), { objective } = method("troll", given.settings);
        return given.completions.map(objective).map(({ weight, kept, gradient }) =>
            ({ weight, kept, outside: gradient.map(Boolean) }));""",
        settings=settings,
        completions=[dict(zip(columns, one, strict=True)) for one in zip(*rows, strict=True)],
    )
    assert [one["outside"] for one in found] == wanted["projected"].tolist()
    assert [one["kept"] for one in found] == wanted["kept"].tolist()
    weights = [one["weight"] for one in found]
    np.testing.assert_allclose(weights, wanted["weight"].numpy(), **EXACT)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_centered_scores_have_trlibs_gradient_in_every_logit(ask, weight):
    draw = torch.Generator().manual_seed(7)
    old = torch.log_softmax(2 * torch.randn(6, 5, 30, generator=draw, dtype=torch.float64), -1)
    noise = torch.randn(6, 5, 30, generator=draw, dtype=torch.float64)
    logits = (old + double([0.0, 0.05, 0.3, 1.0, 2.0, 6.0])[:, None, None] * noise).requires_grad_()
    logp = torch.log_softmax(logits, -1)
    tokens = torch.distributions.Categorical(logits=old).sample()
    advantages = double([1.0, -1.0, 0.5, -2.0, 0.0, 1.5])
    settings = {"weight": weight, "cap": 1.3, "floor": 0.7, "delta_tv": 0.05}
    given = {"advantages": advantages.unsqueeze(-1).expand(6, 5), **settings}
    given["mask"] = torch.ones(6, 5, dtype=torch.bool)
    chosen = [x.gather(-1, tokens.unsqueeze(-1)).squeeze(-1) for x in (logp, old)]
    wanted = center_scores(weighted_loss(*chosen, **given), logp, old, tokens=tokens, **given)
    wanted.per_token.sum().backward()
    columns = {"logp": logp, "old": old, "tokens": tokens, "advantage": advantages}
    rows = [column.tolist() for column in columns.values()]
    found = ask(
        """const { method } = await import("/engine/js/methods.js");
        const { objective } = method("centered", given.settings);
        return given.completions.map(objective).map(({ weight, kept, gradient }) =>
            ({ weight, kept, gradient: gradient.map((row) => Array.from(row)) }));""",
        settings=settings,
        completions=[dict(zip(columns, one, strict=True)) for one in zip(*rows, strict=True)],
    )
    np.testing.assert_allclose([one["gradient"] for one in found], logits.grad, **EXACT)
    assert [one["kept"] for one in found] == wanted.diagnostics["kept"].tolist()
    weights = [one["weight"] for one in found]
    np.testing.assert_allclose(weights, wanted.diagnostics["weight"], **EXACT)


def test_the_engine_has_these_methods_and_names_what_it_does_not_have(ask):
    found = ask(
        """const { METHODS } = await import("/engine/js/methods.js"); return Object.keys(METHODS);"""
    )
    away = {"trpo", "ppo_critic", "trapo", "sft", "sft_then_rl", "sft_plus_rl"}
    gallery = {"bapo", "minpro", "cpgd", "r2vpo", "trefree"}
    assert {*found} == ALGORITHMS.keys() - away | gallery
    said = ask("""const { method } = await import("/engine/js/methods.js"), said = [];
        for (const args of [["grop"], ["ppo", { eps: 1 }], ["ppo", { advantage: "std" }]])
            try { method(...args); } catch (error) { said.push(error.message); }
        return said;""")
    assert said[0].startswith("method: expected one of reinforce") and said[0].endswith("got grop")
    assert (
        said[1].endswith("eps_low, eps_high, dual_clip, got eps")
        and said[2] == "advantage: got std"
    )
