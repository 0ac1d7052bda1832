"""The first figure of *Conformance*: where a library computes another loss than its documentation
says, a curve of each. A weight is what the loss's gradient gives a right token's log-prob."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trbook.figures import plain
from trlab.drawing import HUES

RATIOS = torch.linspace(0.5, 2, 301, dtype=torch.float64)
TOKENS = 2 ** torch.arange(4, 11)
Curves = tuple[Tensor, Tensor, Tensor]
"""What is varied, and what the documentation promises and the code computes at each of it."""


def lengths() -> Curves:
    """The weight of a token in a short completion, beside one of 16 tokens: a mean over tokens,
    and one over each completion's and then over completions."""
    short = torch.arange(1, 17)
    return short, 1 / (short + 16), 1 / (2 * short)


def anchors() -> Curves:
    """DPPO's weight of a token that was sampled at 0.3, where the learner had it at 0.5."""
    now = torch.linspace(0.2, 0.8, 301, dtype=torch.float64)
    says, does = ((now / old).where(now - old <= 0.15, 0.0) for old in (0.3, 0.5))
    return now, says, does


def window() -> Curves:
    """CISPO, and its bounded weight differentiated."""
    bounded = RATIOS.clamp(0.8, 1.2)
    return RATIOS, bounded, RATIOS.where(bounded == RATIOS, 0.0)


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
    """A token's correction, where another token of its completion makes up for it."""
    ratios = torch.linspace(0, 20, 201)
    return ratios, ratios.clamp(max=5.0), ratios


def point() -> Curves:
    """M2PO inside its mask, and PPO with a window of no width."""
    return RATIOS, RATIOS, RATIOS.where(RATIOS <= 1, 0.0)


PANELS: tuple[tuple[str, str, str, Callable[[], Curves]], ...] = (
    ("verl: sapo", "tokens of the completion", "weight of each", lengths),
    ("verl: dppo_tv", "probability now", "weight", anchors),
    ("torchrl: CISPOLoss", "ratio", "weight", window),
    ("SkyRL: rollout_is", "ratio to sampler", "weight", window),
    ("SkyRL: clip_cov", "tokens of a batch", "share clipped", covariances),
    (
        "SkyRL: kl_cov",
        "tokens of a batch",
        "weight of the KL",
        lambda: (TOKENS, 1 / TOKENS, 0 * TOKENS + 1),
    ),
    ("OpenRLHF: seq-mask-tis", "ratio to sampler", "weight", clamped),
    ("AReaL: M2PO", "ratio", "weight", point),
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
    return figure
