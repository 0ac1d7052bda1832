"""What the lines on the cards of the main line mean: the helpers that they call, and how they are run.

R                 [P, G, 1] rewards: P prompts, G answers each
logp, old, ref    [P, G, T] log-probs of the sampled tokens: now, before the batch, of the reference
mu                the same of the policy that sampled
new, q            [P, G, T, V] log-probs of every token: now, before the batch
y                 [P, G, T] the sampled tokens
mask              [P, G, T] bool: tokens that the policy wrote
limit             the most tokens that an answer may have
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, clip, minimum, sigmoid, where

import trlib.advantages
import trlib.algorithms.critic as critics
from trlib.algorithms.dual import solve_dual
from trlib.algorithms.projection import project
from trlib.algorithms.trpo import conjugate_gradient
from trlib.divergences import kl


def mean(R: Tensor) -> Tensor:
    """[P, 1, 1] of a prompt's answers."""
    return R.mean(1, keepdim=True)


def std(R: Tensor) -> Tensor:
    """[P, 1, 1] of a prompt's answers."""
    return R.std(1, keepdim=True)


def sg(x: Tensor) -> Tensor:
    """The same number without a gradient."""
    return x.detach()


def total(x: Tensor, mask: Tensor) -> Tensor:
    """[P, G, 1] the sum over an answer's tokens."""
    return (x * mask).sum(-1, keepdim=True)


def pick(x: Tensor, y: Tensor) -> Tensor:
    """[P, G, T] the log-probs of the sampled tokens."""
    return x.gather(-1, y.unsqueeze(-1)).squeeze(-1)


def gae(R: Tensor, V: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Advantages and returns [P, G, T] from a reward at an answer's end, with λ = 0.95."""
    last = mask & (mask.flip(-1).cumsum(-1).flip(-1) == 1)
    found = trlib.advantages.gae(
        (R * last).flatten(0, 1), V.flatten(0, 1), mask.flatten(0, 1), gamma=1.0, lam=0.95
    )
    return found[0].view_as(V), found[1].view_as(V)


def whiten(A: Tensor, mask: Tensor) -> Tensor:
    """Less the batch's mean, over its standard deviation."""
    return critics.whiten(A.flatten(0, 1), mask.flatten(0, 1)).view_as(A)


def value_loss(V: Tensor, V_old: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """The critic's clipped squared error."""
    flat = [x.flatten(0, 1) for x in (V, V_old, returns)]
    return critics.value_loss(*flat, mask=mask.flatten(0, 1)).view_as(V)


def dual(R: Tensor, delta_kl: float) -> tuple[Tensor, Tensor]:
    """A prompt's multiplier [P, 1, 1], and each answer's target log-ratio [P, G, 1]."""
    solved = solve_dual(R.squeeze(-1), delta_kl=delta_kl)
    return solved.multiplier[:, None, None], solved.target.unsqueeze(-1)


BOX = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def changed(card: Any) -> tuple[str, str]:
    """The lines of the method that a card changes, and its own: a `diff` without those after `+`, and
    without those after `-`."""
    (box,) = BOX.findall(card.text)
    lines = box.splitlines()
    assert {line[:2] for line in lines} <= {"- ", "+ ", "  "}, box
    assert any(line.startswith("+ ") for line in lines), box
    before, after = (
        "\n".join(line[2:] for line in lines if not line.startswith(sign)) for sign in "+-"
    )
    return before, after


def run(code: str, **given: Any) -> dict[str, Any]:
    """The names that lines of a card leave behind."""
    known = {
        one.__name__: one
        for one in (mean, std, sg, total, pick, gae, whiten, value_loss, dual, project, kl)
    }
    known |= {one.__name__: one for one in (clip, minimum, sigmoid, where, conjugate_gradient)}
    exec(code, found := known | given)
    return found
