"""The objectives and gradient weights that `clip` draws are those of trlib's losses."""

import math
import random

import pytest
import torch

from tests.book.browser.double import close, double
from trlib.algorithms import (
    cispo_loss,
    dppo_loss,
    gmpo_loss,
    gspo_loss,
    pg_is_loss,
    ppo_loss,
    pspo_loss,
    reinforce_loss,
    sapo_loss,
)
from trlib.algorithms.kl_penalty import add_penalty
from trlib.algorithms.quatro import pull_to_target

pytestmark = pytest.mark.test_all("one figure's own mathematics")

SETTINGS = {
    "eps_low": 0.23,
    "eps_high": 0.31,
    "dual_clip": 3.0,
    "beta": 0.7,
    "tau_pos": 1.0,
    "tau_neg": 1.3,
    "eps_log": 0.4,
    "eps_seq": 0.07,
    "alpha": 0.15,
    "delta_tv": 0.12,
    "delta_kl": 0.05,
    "multiplier": 0.6,
}


JUDGED = """(m, [names, points, settings]) => Object.fromEntries(names.map(name => [name,
    points.map(([r, q]) => m.judged(name, r, { ...settings, old_p: q }))]))"""


def points():
    """Ratio and old probability of tokens: rare and likely, near the old policy and far from it."""
    draw = random.Random(5)
    found = [(1.0, 0.3), (100.0, 1e-5), (0.81, 0.99), (1.2, 0.5)]
    while len(found) < 400:
        q, r = (
            1 / (1 + math.exp(-draw.uniform(-12, 5))),
            math.exp(draw.gauss(0, draw.choice([0.2, 1, 2.5]))),
        )
        if r * q < 0.999:
            found.append((r, q))
    return found


def reported(ratio, old, sign):
    """By name, every method's own loss of [N, 1] tokens, each a completion of its own."""
    s, logp_old = SETTINGS, old.log()
    logp, mask = logp_old + ratio.log(), torch.ones_like(ratio, dtype=torch.bool)
    same = {"advantages": torch.full_like(ratio, sign), "mask": mask}
    window = {"eps_low": s["eps_low"], "eps_high": s["eps_high"]}
    plain = pg_is_loss(logp, logp_old, **same)
    count = torch.full_like(ratio[:, 0], sign)
    p = logp.exp()
    kl = old * (logp_old - logp) + (1 - old) * (torch.log1p(-old) - torch.log1p(-p))
    return {
        "reinforce": reinforce_loss(logp, **same),
        "plain": plain,
        "ppo": ppo_loss(logp, logp_old, **same, **window),
        "dual": ppo_loss(logp, logp_old, **same, **window, dual_clip=s["dual_clip"]),
        "penalty": add_penalty(plain, logp, logp_old, kl, mask=mask, beta=s["beta"]),
        "gspo": gspo_loss(logp, logp_old, **same, eps_low=s["eps_seq"], eps_high=s["eps_seq"]),
        "cispo": cispo_loss(logp, logp_old, **same, **window),
        "sapo": sapo_loss(logp, logp_old, **same, tau_pos=s["tau_pos"], tau_neg=s["tau_neg"]),
        "gmpo": gmpo_loss(logp, logp_old, **same, eps_log=s["eps_log"]),
        "pspo": pspo_loss(logp, logp_old, **same, alpha=s["alpha"]),
        "dppo_tv": dppo_loss(logp, logp_old, **same, delta_tv=s["delta_tv"]),
        "dppo_kl": dppo_loss(logp, logp_old, **same, delta_kl=s["delta_kl"]),
        "quatro": pull_to_target(
            logp, logp_old, multiplier=count.abs() * s["multiplier"], push=count, mask=mask
        ),
    }


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_objectives_and_weights_agree_with_trlib(sources, sign):
    given = points()
    ratio, old = (double(column)[:, None] for column in zip(*given, strict=True))
    wanted = reported(ratio, old, sign)
    got = sources("clip/maths.js", JUDGED, [list(wanted), given, {**SETTINGS, "sign": sign}])
    for name, loss in wanted.items():
        parts = {"weight": loss.diagnostics["weight"]}
        if name in ("plain", "ppo", "dual", "penalty"):
            parts["objective"] = -loss.per_token
        for part, want in parts.items():
            close([row[part] for row in got[name]], want[:, 0], of=f"{name}, {part}")
