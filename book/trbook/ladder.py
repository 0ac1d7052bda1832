"""The ladder: from REINFORCE to TROLL in steps of one changed line, with what was recorded
after each.

A rung is a function that computes the loss [B, T] of every token; its last line is the line that a
page shows beside the same line of the rung before. The tests run every rung against the library's
own loss, value and gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trbook.figures import plain
from trlab.drawing import COLOURS, bands, look
from trlab.drawing.display_names import key_of
from trlib.advantages import group_relative
from trlib.algorithms.dual import solve_groups
from trlib.algorithms.projection import project
from trlib.divergences import kl

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SWEEP = "ladder_dial"
"""The recorded runs of all nine losses."""
LAST = 10
"""Batches over which the final reward of a run is averaged."""


@dataclass(frozen=True)
class Tokens:
    """A batch: B completions of T tokens, from a vocabulary of V."""

    full: Tensor
    """[B, T, V] log-probabilities of the vocabulary now, differentiable."""
    full_old: Tensor
    """[B, T, V] those of the policy that sampled."""
    tokens: Tensor
    """[B, T] the sampled tokens."""
    R: Tensor
    """[B, 1] rewards."""
    group: Tensor
    """[B] which prompt."""
    mask: Tensor
    """[B, T] bool: tokens that the policy has sampled."""

    @property
    def logp(self) -> Tensor:
        """[B, T] log π(y_t)."""
        return self.full.gather(-1, self.tokens.unsqueeze(-1)).squeeze(-1)

    @property
    def old(self) -> Tensor:
        """[B, T] log q(y_t), when it was sampled."""
        return self.full_old.gather(-1, self.tokens.unsqueeze(-1)).squeeze(-1)

    @property
    def r(self) -> Tensor:
        """[B, T] the ratio."""
        return (self.logp - self.old).exp()

    @property
    def A(self) -> Tensor:
        """[B, 1] the reward minus the mean of its group."""
        return group_relative(self.R.squeeze(-1), self.group, scale=None).unsqueeze(-1)

    def total(self) -> Tensor:
        """[B, 1] a completion's log-ratio, without gradient."""
        return ((self.logp - self.old).detach() * self.mask).sum(-1, keepdim=True)


def reinforce(b: Tokens) -> Tensor:
    return -b.R * b.logp


def baseline(b: Tokens) -> Tensor:
    return -b.A * b.logp


def ratio(b: Tokens) -> Tensor:
    return -b.A * b.r


def clip(b: Tokens) -> Tensor:
    return -torch.minimum(b.A * b.r, b.A * b.r.clamp(0.8, 1.2))


def clip_higher(b: Tokens) -> Tensor:
    return -torch.minimum(b.A * b.r, b.A * b.r.clamp(0.8, 1.28))


def sequence(b: Tokens) -> Tensor:
    s = (b.total() / b.mask.sum(-1, keepdim=True)).exp() * (b.logp - b.logp.detach()).exp()
    return -torch.minimum(b.A * s, b.A * s.clamp(0.9997, 1.0004))


def divergence(b: Tokens) -> Tensor:
    moved = b.logp.detach().exp() - b.old.exp()
    return -b.A * (b.r.detach() * (b.A.sign() * moved <= 0.15)) * b.logp


def dual(b: Tokens) -> Tensor:
    lam, target, _ = (
        x.unsqueeze(-1)
        for x in solve_groups(
            b.R.squeeze(-1),
            b.group,
            b.mask.any(-1),
            delta_kl=0.1,
            lambda_min=1e-2,
            direction="backward",
        )
    )
    return -lam * (target - b.total()) * b.r.detach() * b.logp


def projection(b: Tokens) -> Tensor:
    near = project(b.full, b.full_old, delta_kl=0.05).logp
    r = (near.gather(-1, b.tokens.unsqueeze(-1)).squeeze(-1) - b.old).exp()
    return -b.A * r + kl(b.full, near.detach())


@dataclass(frozen=True)
class Rung:
    """A step of the ladder."""

    name: str
    loss: Callable[[Tokens], Tensor]
    chapter: str
    """The notebook that derives it."""
    why: str
    """What the changed line is for."""
    label: str
    """The arm of the recorded sweep."""

    @property
    def line(self) -> str:
        """The last line of the loss, without its `return`."""
        return self._body[-1].strip().removeprefix("return ")

    @property
    def before(self) -> list[str]:
        """The lines of the loss above that one: names that it uses."""
        return [line[4:] for line in self._body[:-1]]

    @property
    def _body(self) -> list[str]:
        return inspect.getsource(self.loss).rstrip().splitlines()[1:]


RUNGS: tuple[Rung, ...] = (
    Rung(
        "REINFORCE with plain rewards",
        reinforce,
        "01_policies_that_write",
        "Increase the log-probability of every token of a completion in proportion to its reward. A "
        "wrong completion has reward 0, so its tokens have no gradient.",
        "plain rewards",
    ),
    Rung(
        "REINFORCE with a baseline",
        baseline,
        "01_policies_that_write",
        "Compare each reward with the mean reward of its group, so that completions below this mean "
        "become less probable. This loss is GRPO without its divisions and without a ratio. From "
        "the second update on, it treats completions of an older policy as if the present one had "
        "sampled them.",
        "advantages",
    ),
    Rung(
        "The ratio",
        ratio,
        "02_why_trust_regions",
        "From the second update on, the batch was sampled by an older policy. The ratio r = π/q "
        "corrects for this: it weights each token by how much more probable the token is now. "
        "Nothing limits this ratio.",
        "pg_is",
    ),
    Rung(
        "PPO's clip",
        clip,
        "04_ppo",
        "A token whose ratio is outside the window from 0.8 to 1.2 gets no gradient that would move "
        "it further out.",
        "ppo",
    ),
    Rung(
        "Clip-higher",
        clip_higher,
        "05_grpo",
        "DAPO extends the window upwards, to 1.28, so that rare tokens can become more probable.",
        "clip-higher",
    ),
    Rung(
        "One ratio for a completion",
        sequence,
        "05_grpo",
        "GSPO clips s, the geometric mean of the ratios of a completion, to a window that is "
        "hundreds of times narrower. Therefore all tokens of a completion are clipped, or none.",
        "gspo",
    ),
    Rung(
        "A divergence instead of the ratio",
        divergence,
        "07_dppo",
        "DPPO measures by how much a token's probability has changed, p − q, and masks the token "
        "if it has moved by more than 0.15 in the direction of its advantage. A rare token can therefore "
        "become a hundred times as probable, whereas a likely one cannot lose a fifth of its probability.",
        "dppo",
    ),
    Rung(
        "A constraint for each prompt",
        dual,
        "08_quatro",
        "QUATRO, as derived in this book, computes for each prompt the best policy within 0.1 nats. "
        "The weight of a completion is its distance to this target. If the completion has passed "
        "the target, the weight is negative and brings it back.",
        "quatro",
    ),
    Rung(
        "A projection",
        projection,
        "09_troll",
        "TROLL replaces the distribution of every token by the nearest one that is within 0.05 nats "
        "of the old one, which is called a projection, and computes the gradient through it. The "
        "second term of the loss draws the network towards the projected policy.",
        "troll",
    ),
)


def changes(rung: Rung, before: Rung | None) -> str:
    """The body of a `diff`: the names that a step defines, the line before it (-) and after it (+)."""
    lines = [f"  {line}" for line in rung.before]
    lines += [f"- {before.line}"] if before else []
    return "\n".join([*lines, f"+ {rung.line}"])


def record() -> pd.DataFrame:
    """Every batch of the recorded runs."""
    from trlab import recorded

    return recorded(SWEEP)[1]


@plain
def curves() -> Figure:
    """The reward over the batches after each step: interquartile means of the recorded runs with 95 %
    intervals. Dashed is the step before it, dotted where the first one ends."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(6.8, 5.6), sharex=True, sharey=True)
    before: Any = None
    history, end = record(), 0.0
    for number, (ax, rung) in enumerate(zip(axes.flat, RUNGS, strict=True), 1):
        key = key_of(rung.label)
        hue = look(key)["color"] if key else COLOURS[1]
        bands(ax, history, {rung.label: rung.name}, band="interval", looks=[hue])
        line = ax.lines[0]
        if before is None:
            end = line.get_ydata()[-LAST:].mean()
        else:
            ax.plot(*before.get_data(), "--", color=before.get_color(), lw=1)
        ax.axhline(end, color="gray", ls=":")
        ax.set(xlabel="", ylabel="")
        ax.set_title(f"{number}. {rung.name}", fontsize="small")
        before = line
    axes[0, 0].set(ylim=(0, 1))
    axes[0, 1].text(39, end - 0.13, "dotted: step 1", ha="right", va="top", fontsize="small")
    figure.supxlabel("batch", fontsize="medium")
    figure.supylabel("reward", fontsize="medium")
    return figure
