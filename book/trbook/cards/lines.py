"""The lines that a method of the main line changes, as its card shows them.

Each is a function whose body is what a page prints, beside the body of the method that it changes.
The tests run every body against the library's own method, value and gradient, so no line can go
stale.

    R                 [P, G, 1] rewards: P prompts, G answers each
    logp, old, ref    [P, G, T] log-probs of the sampled tokens: now, before the batch, of the reference
    mu                the same of the policy that sampled
    new, q            [P, G, T, V] log-probs of every token: now, before the batch
    y                 [P, G, T] the sampled tokens
    mask              [P, G, T] bool: tokens that the policy wrote
    limit             the most tokens that an answer may have
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


# fmt: off
def reinforce(R, logp, mask):
    A = R - mean(R)  # less the mean of the prompt's answers
    token = -A * logp
    return token[mask].mean()


def pg_is(R, logp, old, mask):
    A = R - mean(R)  # less the mean of the prompt's answers
    r = (logp - old).exp()
    token = -r * A
    return token[mask].mean()


def ppo(R, logp, old, mask):
    A = R - mean(R)  # less the mean of the prompt's answers
    r = (logp - old).exp()
    token = -minimum(r * A, clip(r, 0.8, 1.2) * A)
    return token[mask].mean()


def trpo(theta, g, fisher, surrogate, mean_kl):
    x = conjugate_gradient(fisher, g)  # F x = g
    step = (2 * 0.01 / (x @ fisher(x))).sqrt() * x
    while mean_kl(theta + step) > 0.01 or surrogate(theta + step) <= surrogate(theta):
        step = 0.8 * step
    return theta + step


def ppo_penalty(R, logp, old, new, q, mask, beta):
    A = R - mean(R)  # less the mean of the prompt's answers
    r = (logp - old).exp()
    token = -r * A + beta * kl(q, new)  # then beta doubles or halves
    return token[mask].mean()


def ppo_critic(R, logp, old, mask, V, V_old):
    A, returns = gae(R, V_old, mask)  # a critic V instead of the mean
    A = whiten(A, mask)
    r = (logp - old).exp()
    token = -minimum(r * A, clip(r, 0.8, 1.2) * A)
    token = token + 0.5 * value_loss(V, V_old, returns, mask)
    return token[mask].mean()


def grpo(R, logp, old, ref, mask, beta):
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    r = (logp - old).exp()
    token = -minimum(r * A, clip(r, 0.8, 1.2) * A)
    token = token + beta * ((ref - logp).exp() - (ref - logp) - 1)
    return ((token * mask).sum(-1) / mask.sum(-1)).mean()


def grpo_without_kl(R, logp, old, mask):
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    r = (logp - old).exp()
    token = -minimum(r * A, clip(r, 0.8, 1.2) * A)
    return ((token * mask).sum(-1) / mask.sum(-1)).mean()


def dr_grpo(R, logp, old, mask, limit):
    A = R - mean(R)  # of the prompt's answers
    r = (logp - old).exp()
    token = -minimum(r * A, clip(r, 0.8, 1.2) * A)
    return ((token * mask).sum(-1) / limit).mean()


def dapo(R, logp, old, mask, limit):
    mask = mask & (std(R) > 0)  # groups that teach something
    R = R - clip((total(mask, mask) / limit - 0.8) / 0.2, 0, 1)  # length
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    r = (logp - old).exp()
    token = -minimum(r * A, clip(r, 0.8, 1.28) * A)
    return token[mask].mean()


def gspo(R, logp, old, mask):
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    s = (total(logp - old, mask) / total(mask, mask)).exp()
    token = -minimum(s * A, clip(s, 0.9997, 1.0004) * A)
    return ((token * mask).sum(-1) / mask.sum(-1)).mean()


def cispo(R, logp, old, mask):
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    r = (logp - old).exp()
    token = -sg(clip(r, 0.8, 1.2)) * A * logp
    return token[mask].mean()


def sapo(R, logp, old, mask):
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    r = (logp - old).exp()
    tau = where(A > 0, 1.0, 1.05)
    token = -4 / tau * sigmoid(tau * (r - 1)) * A
    return ((token * mask).sum(-1) / mask.sum(-1)).mean()


def gmpo(R, logp, old, mask):
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    d = logp - old
    d = where(A > 0, clip(d, max=0.4), clip(d, min=-0.4))
    token = -A * (total(d, mask) / total(mask, mask)).exp()
    return ((token * mask).sum(-1) / mask.sum(-1)).mean()


def pspo(R, logp, old, mask):
    A = (R - mean(R)) / (std(R) + 1e-6)  # of the prompt's answers
    r = (logp - old).exp()
    token = -(0.9 * r + 0.1) * A
    return ((token * mask).sum(-1) / mask.sum(-1)).mean()


def dppo(R, logp, mu, mask, limit):
    A = R - mean(R)  # less the mean of the prompt's answers
    r = (logp - mu).exp()  # to the policy that sampled
    keep = A.sign() * (logp.exp() - mu.exp()) <= 0.15
    token = -sg(r * keep) * A * logp
    return ((token * mask).sum(-1) / limit).mean()


def quatro(R, logp, mu, mask):
    lam, target = dual(R, delta_kl=0.1)  # of each prompt
    r = (logp - mu).exp()  # to the policy that sampled
    w = lam * (target - total(logp - mu, mask)) * r
    token = -sg(w) * logp
    return (token * mask).sum(-1).mean()


def troll(R, new, q, y, mask):
    A = R - mean(R)  # less the mean of the prompt's answers
    near = project(new, q, delta_kl=0.05).logp  # KL(near, q) <= 0.05
    r = (pick(near, y) - pick(q, y)).exp()
    token = -r * A + kl(new, sg(near))
    return token[mask].mean()


def sft(logp, mask, limit):
    token = -logp  # on the expert's tokens
    return ((token * mask).sum(-1) / limit).mean()


def trapo(logp, mask, limit):
    p = logp.exp()
    token = -p / sg(clip(p, min=0.1))  # on the expert's tokens
    return ((token * mask).sum(-1) / limit).mean()
# fmt: on


@dataclass(frozen=True)
class Lines:
    """The lines of a method, and those of the method that it changes."""

    loss: Callable[..., Tensor]
    base: Callable[..., Tensor] | None
    """None: the lines of `instead`."""
    beside: str
    """What the base is called, for a sentence."""
    instead: tuple[str, ...] = ()
    """What it does in place of a loss's lines."""


PPO, GRPO = "PPO", "GRPO"
LINES: Mapping[str, Lines] = {
    "reinforce": Lines(reinforce, ppo, PPO),
    "pg_is": Lines(pg_is, ppo, PPO),
    "trpo": Lines(trpo, None, PPO, ("adamw.step()  # as long as the learning rate says",)),
    "ppo_penalty": Lines(ppo_penalty, ppo, PPO),
    "ppo": Lines(ppo, pg_is, "the unclipped run"),
    "ppo_critic": Lines(ppo_critic, ppo, "PPO without a critic"),
    "grpo": Lines(grpo, ppo_critic, "PPO with a critic"),
    "dr_grpo": Lines(dr_grpo, grpo, GRPO),
    "dapo": Lines(dapo, grpo, GRPO),
    "gspo": Lines(gspo, grpo_without_kl, GRPO),
    "cispo": Lines(cispo, grpo_without_kl, GRPO),
    "sapo": Lines(sapo, grpo_without_kl, GRPO),
    "gmpo": Lines(gmpo, grpo_without_kl, GRPO),
    "pspo": Lines(pspo, grpo_without_kl, GRPO),
    "dppo": Lines(dppo, ppo, PPO),
    "quatro": Lines(quatro, ppo, PPO),
    "troll": Lines(troll, ppo, PPO),
    "trapo": Lines(trapo, sft, "SFT"),
}
"""By the name of the card."""


def body(function: Callable[..., Any]) -> list[str]:
    """The lines of a function as a page prints them: what it returns is the loss."""
    told = []
    for line in inspect.getsource(function).rstrip().splitlines()[1:]:
        line = line.removeprefix("    ")
        told.append(
            line.replace("return theta + step", "theta = theta + step").replace(
                "return ", "loss = "
            )
        )
    return told


def diff(name: str) -> list[str]:
    """What a method changes, as the body of a `diff`: `-` before a line of the base, `+` before one
    of its own."""
    lines = LINES[name]
    before = body(lines.base) if lines.base else list(lines.instead)
    told: list[str] = []
    after = body(lines.loss)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, i, j, k, m in matcher.get_opcodes():
        if what == "equal":
            told += [f"  {line}" for line in before[i:j]]
        else:
            told += [*(f"- {line}" for line in before[i:j]), *(f"+ {line}" for line in after[k:m])]
    return told
