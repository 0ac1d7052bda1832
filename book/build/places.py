"""The first figure of *Conformance*: where a library computes another loss than its documentation
says, a curve of each, by the definitions that `trcheck` holds losses against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from trbook.figures import plain
from trcheck.conformance.aggregations import coefficients
from trcheck.conformance.definitions import cispo, dppo, pg_is, ppo
from trlab.drawing import HUES

RATIOS = torch.linspace(0.5, 2, 301, dtype=torch.float64)
TOKENS = 2 ** torch.arange(4, 11)
Curves = tuple[Tensor, Tensor, Tensor]
"""What is varied, and what the documentation promises and the code computes at each of it."""


def pushes(
    loss: Callable[..., Tensor], of: Tensor, old: Tensor, mu: Tensor, **choices: Any
) -> Tensor:
    """How hard a right token of probability `of` is pushed up, for each of these."""
    logp = of.log().requires_grad_()
    rows = {"logp_old": old.log(), "logp_rollout": mu.log(), "advantages": torch.ones_like(of)}
    loss(rows, logp, **choices).sum().backward()
    return -torch.as_tensor(logp.grad)


def at_ratios(loss: Callable[..., Tensor], **choices: Any) -> Tensor:
    """The same over the ratio to a policy that wrote the token with probability 0.1."""
    before = torch.full_like(RATIOS, 0.1)
    return pushes(loss, RATIOS * 0.1, before, before, clamp=None, **choices)


def lengths() -> Curves:
    """The weight of a token in a short answer, beside one of 16 tokens."""
    short = torch.arange(1, 17)
    masks = [torch.arange(16)[None] < torch.tensor([[n], [16]]) for n in short.tolist()]
    says, does = (
        torch.stack([coefficients(how, mask, 16.0)[0, 0] for mask in masks])
        for how in ("token-mean", "seq-mean-token-mean")
    )
    return short, says, does


def anchors() -> Curves:
    """A push on a word that the sampler wrote at 0.3, where the learner had it at 0.5."""
    now = torch.linspace(0.2, 0.8, 301, dtype=torch.float64)
    old, mu = torch.full_like(now, 0.5), torch.full_like(now, 0.3)
    mask = {"measure": "tv", "delta": 0.15, "cap": None, "clamp": "none", "side": "outward"}
    says, does = (
        pushes(dppo, now, old, mu, anchors=(by, by), form="log", **mask)
        for by in ("logp_rollout", "logp_old")
    )
    return now, says, does


def window(anchor: str) -> Curves:
    """CISPO, and its bounded weight differentiated."""
    bounds = {"anchor": anchor, "low": 0.8, "high": 1.2}
    return RATIOS, at_ratios(cispo, form="log", **bounds), at_ratios(cispo, form="ratio", **bounds)


def covariances() -> Curves:
    """The share of tokens that are clipped, at most a tenth of those in the window."""

    def share(count: int, scale: float) -> float:
        logp = -torch.arange(float(count)) * 8 / count
        centred = torch.where(logp > -4, 2.0, -2.0) * scale * (logp - logp.mean())
        inside = ((centred >= 1) & (centred <= 5)).sum()
        return min(float(inside), count // 10) / count

    says = torch.tensor([share(n, 1.0) for n in TOKENS.tolist()])
    does = torch.tensor([share(n, 1.0 / n) for n in TOKENS.tolist()])
    return TOKENS, says, does


def clamped() -> Curves:
    """A token's correction, where another token of its answer makes up for it."""
    ratios = torch.linspace(0, 20, 201)
    return ratios, ratios.clamp(max=5.0), ratios


def point() -> Curves:
    """M2PO inside its mask, and PPO with a window of no width."""
    says = at_ratios(pg_is, anchor="logp_old", cap=None, form="ratio")
    does = at_ratios(ppo, anchor="logp_old", window=(0.0, 0.0), dual=None, side="min")
    return RATIOS, says, does


PANELS: tuple[tuple[str, str, str, Callable[[], Curves]], ...] = (
    ("verl: sapo", "tokens of the answer", "weight of each", lengths),
    ("verl: dppo_tv", "probability now", "push", anchors),
    ("torchrl: CISPOLoss", "ratio", "push", lambda: window("logp_old")),
    ("SkyRL: rollout_is", "ratio to sampler", "push", lambda: window("logp_rollout")),
    ("SkyRL: clip_cov", "tokens of a batch", "share clipped", covariances),
    (
        "SkyRL: kl_cov",
        "tokens of a batch",
        "weight of the KL",
        lambda: (TOKENS, 1 / TOKENS, 0 * TOKENS + 1),
    ),
    ("OpenRLHF: seq-mask-tis", "ratio to sampler", "weight", clamped),
    ("AReaL: M2PO", "ratio", "push", point),
)


@plain
def drawn() -> Any:
    """The eight places."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(6.8, 4.2))
    looks = (("documented", HUES["a1"], "--"), ("computed", HUES["a0"], "-"))
    for ax, (title, across, up, curves) in zip(axes.flat, PANELS, strict=True):
        x, *both = curves()
        for y, (name, colour, style) in zip(both, looks, strict=True):
            ax.plot(x, y, style, color=colour, lw=1.8, label=name)
        ax.set_title(title, fontsize="small")
        ax.set(xlabel=across, ylabel=up)
        if x is TOKENS:
            ax.set_xscale("log", base=10)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=2)
    figure.set_label(in_words())
    return figure


def in_words() -> str:
    """What the figure shows, for a reader who cannot see it: each panel at its end."""
    told: Iterator[str] = (
        f"{title}, {up}: {float(says[-1]):.2g} documented, {float(does[-1]):.2g} computed"
        for title, _, up, (_, says, does) in ((*panel[:3], panel[3]()) for panel in PANELS)
    )
    return f"Eight panels, each a documented and a computed curve. At the right end of each: {'; '.join(told)}."
