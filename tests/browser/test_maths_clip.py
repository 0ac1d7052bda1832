"""The curves of `clip` against the losses of trlib, value and gradient."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import torch

from trbook.explorables.files import SOURCES
from trlib.algorithms import pg_is_loss, ppo_loss
from trlib.algorithms.kl_penalty import add_penalty

JS = """async ([source, vectors]) => {
    const m = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    return vectors.map(([r, q]) => Object.fromEntries([1, -1].map(sign => [sign, {
        plain: m.plain(r, sign), ppo: m.clipped(r, sign, .2, .28), dual: m.clipped(r, sign, .2, .28, 3),
        penalty: m.penalised(r, sign, .7, q) }])));
}"""


@pytest.mark.parametrize("sign", [1, -1])
def test_objective_and_weight_are_those_of_the_losses(chromium: Any, sign: int) -> None:
    pick = random.Random(3)
    vectors = [
        (ratio, pick.uniform(0.02, 0.24)) for ratio in (pick.uniform(0.01, 4.1) for _ in range(80))
    ]
    page = chromium.new_page()
    got = page.evaluate(JS, [(SOURCES / "clip" / "maths.js").read_text(encoding="utf-8"), vectors])
    page.close()
    ratio, q = torch.tensor(vectors, dtype=torch.float64).T
    logp, old = (ratio * q).log()[None].requires_grad_(), q.log()[None]
    given = {
        "advantages": torch.full_like(logp, sign).detach(),
        "mask": torch.ones_like(logp, dtype=torch.bool),
    }
    p = logp.exp()
    kl = q * (old - logp) + (1 - q) * (torch.log1p(-q) - torch.log1p(-p))
    losses = {
        "plain": pg_is_loss(logp, old, **given),
        "ppo": ppo_loss(logp, old, eps_high=0.28, **given),
        "dual": ppo_loss(logp, old, eps_high=0.28, dual_clip=3.0, **given),
        "penalty": add_penalty(
            pg_is_loss(logp, old, **given), logp, old, kl, mask=given["mask"], beta=0.7
        ),
    }
    for name, loss in losses.items():
        rows = [row[str(sign)][name] for row in got]
        for part, wanted in (
            ("objective", -loss.per_token[0].detach()),
            ("weight", loss.diagnostics["weight"][0]),
        ):
            found = torch.tensor([row[part] for row in rows], dtype=torch.float64)
            torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_the_preset_about_pulling_back_pulls_back(chromium: Any) -> None:
    """Its words say that PPO's weight is 0 and the penalty's negative."""
    source = (SOURCES / "clip.js").read_text(encoding="utf-8")
    preset = re.search(
        r"does not pull back[^}]*ratio: ([\d.]+)[^}]*beta: ([\d.]+),\s*old_p: ([\d.]+)", source
    )
    assert preset
    page = chromium.new_page()
    weights = page.evaluate(
        """async ([source, [r, beta, q]]) => {
            const m = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
            return [m.clipped(r, 1, .2, .2).weight, m.penalised(r, 1, beta, q).weight]; }""",
        [
            (SOURCES / "clip" / "maths.js").read_text(encoding="utf-8"),
            [float(number) for number in preset.groups()],
        ],
    )
    page.close()
    assert weights[0] == 0 and weights[1] < -0.5
