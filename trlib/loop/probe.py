"""The exact columns of the history: sums over the vocabulary on a batch's probe, a fixed number of
completions, spread evenly over its prompts.

They take a forward pass of their own, because the batch's passes came before its last update. What
sampled is compared with what has learned, so its distributions are held until then. Where the
vocabulary makes them large they are computed again instead, from its weights and a few completions
at a time: then they are what sampled up to rounding."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from trlib.algorithms.needs import Needs
from trlib.divergences import kl, tv
from trlib.loop.metrics import average
from trlib.loop.settings import FilledSettings
from trlib.model.completions import Completions
from trlib.model.policy import Policy

AT_ONCE = 4_000_000
"""How many numbers of a probe's distributions are processed at a time: if the vocabulary is large,
a few tokens'."""
HELD = 250_000_000
"""How many numbers the distributions of what sampled may have if they are held: a gigabyte."""
PIECE = 40_000_000
"""How many numbers each policy's distributions have at a time, where they are computed again."""

Scoring = Callable[[Completions], Tensor]
"""From completions to the whole distribution at their tokens, [B, T, V] log-probs."""


def computed_again(s: FilledSettings, needs: Needs, vocabulary: int) -> bool:
    """Whether the distributions of what sampled are computed again after a batch's updates.

    They cannot be where noise was added to them, or where a completion's policies were of several
    ages; and they need not be where the method asks for them anyway."""
    size = min(s.probe, s.prompts * s.group) * s.max_tokens * vocabulary
    kept = needs.full_anchor and s.anchor == "rollout"
    several = s.logit_noise > 0 or s.segments > 1
    return size > HELD and not kept and not several


def rows_at_once(tokens: int, vocabulary: int) -> int:
    """How many completions of so many tokens a piece has."""
    return max(1, PIECE // (tokens * vocabulary))


@torch.no_grad()
def on_probe(
    policy: Policy,
    c: Completions,
    rows: Tensor,
    reference: Policy | None = None,
    *,
    sampled: Scoring | None = None,
    temperature: float,
    at_once: int | None = None,
) -> tuple[dict[str, float], dict[int, float]]:
    """The exact columns of the history, on a probe of some rows, and `kl_seq_back` by prompt.

    `sampled`: computes the distributions of what sampled again; None: they are held in `c.full`."""
    rows = rows.to(policy.device)
    probe, none = c.rows(rows), c.full[:0]

    def whole(of: Policy, part: Completions) -> Tensor:
        if not len(part):
            return none
        return of.score(part, temperature=temperature, full=True, at_once=at_once).full

    width = rows_at_once(c.tokens.shape[1], policy.vocabulary) if sampled else max(1, len(rows))
    found: list[Terms] = []
    far: list[Tensor] = []
    for some in rows.split(width) or (rows,):
        part = c.rows(some)
        log_mu = sampled(part) if sampled else c.full[torch.searchsorted(c.full_rows, some)]
        log_pi = whole(policy, part)
        found.append(terms(log_mu, log_pi, part.tokens, part.mask))
        del log_mu
        if reference is not None and bool(part.mask.any()):
            log_ref = whole(reference, part)
            far.append(kl(log_pi[part.mask], log_ref[part.mask]))
    every = Terms(*(torch.cat(term) for term in zip(*found, strict=True)))
    exact, back = summary(every, probe.mask)
    if reference is not None:
        distances = torch.cat(far) if far else torch.zeros(0)
        exact["kl_ref"] = average(distances)
        exact["kl_ref_seq"] = float(distances.sum() / probe.mask.any(1).sum())
    return exact, means_by_group(probe.group, back)


class Terms(NamedTuple):
    """What the exact columns are means of: a number for every token of a probe, [N]."""

    entropy: Tensor
    kl: Tensor
    kl_back: Tensor
    tv: Tensor
    log_ratio: Tensor


def terms(log_mu: Tensor, log_pi: Tensor, tokens: Tensor, mask: Tensor) -> Terms:
    """The terms of a probe's tokens, in the order of the mask; arguments as of `measure`."""
    if not bool(mask.any()):
        return Terms(*(log_mu.new_zeros(0) for _ in Terms._fields))
    found = []
    for part in mask.nonzero().split(max(1, AT_ONCE // log_mu.shape[-1])):
        at = part.unbind(1)
        mu, pi = log_mu[at], log_pi[at]
        sampled = (pi - mu).gather(-1, tokens[at].unsqueeze(-1)).squeeze(-1)
        entropy = torch.special.entr(pi.exp()).sum(-1)
        found.append((entropy, kl(mu, pi), kl(pi, mu), tv(mu, pi), sampled))
    return Terms(*(torch.cat(term) for term in zip(*found, strict=True)))


def measure(
    log_mu: Tensor, log_pi: Tensor, tokens: Tensor, mask: Tensor
) -> tuple[dict[str, float], Tensor]:
    """The exact columns of the history on a probe, and each probe completion's term of
    `kl_seq_back`; NaN for one with no sampled tokens.

    Args: log_mu, log_pi [F, T, V] log-probs of the whole vocabulary; tokens [F, T]; mask [F, T]
    bool."""
    return summary(terms(log_mu, log_pi, tokens, mask), mask)


def summary(found: Terms, mask: Tensor) -> tuple[dict[str, float], Tensor]:
    """What `measure` returns, from the terms of all tokens of the mask [F, T]."""
    if not bool(mask.any()):
        names = ("entropy", "kl", "kl_back", "kl_seq_back", "tv", "tv_max")
        return dict.fromkeys(names, math.nan), torch.full((len(mask),), math.nan)
    ratio, distance = found.log_ratio, found.tv
    log_ratio = torch.zeros(mask.shape, dtype=ratio.dtype, device=ratio.device)
    log_ratio[mask] = ratio
    # exp(l) l - exp(l) + 1 loses every digit near l = 0; l + (l - 1) expm1(l) is the same and does
    # not
    whole = log_ratio.double().sum(-1)
    of_sequences = (whole + (whole - 1) * torch.expm1(whole)).where(mask.any(1), math.nan)
    means = {
        "entropy": found.entropy,
        "kl": found.kl,
        "kl_back": found.kl_back,
        "kl_seq_back": of_sequences[mask.any(1)],
        "tv": distance,
    }
    return {name: float(x.mean()) for name, x in means.items()} | {
        "tv_max": float(distance.max())
    }, of_sequences


def means_by_group(group: Tensor, values: Tensor) -> dict[int, float]:
    """The mean of each group's values; NaN is left out, and so is a group of nothing else."""
    known: dict[int, list[float]] = {}
    for g, value in zip(group.tolist(), values.tolist(), strict=True):
        if not math.isnan(value):
            known.setdefault(g, []).append(value)
    return {g: sum(numbers) / len(numbers) for g, numbers in known.items()}
