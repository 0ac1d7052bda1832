"""Every metric of a run's history, defined once, in `metrics.json`, from which the book's glossary is
printed.

`mu` is the distribution that sampled (its temperature, precision, lag and noise included), `pi` the
policy after the batch's last update. Exact metrics sum over the vocabulary on the batch's probe: a
fixed number of completions, spread evenly over its prompts. They take a forward pass of their own:
the batch's passes came before the last update."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trlib.algorithms.method import Batch, TokenLoss
from trlib.divergences import kl, tv
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.tasks.task import Prompt, Verdict, rewards_of

AT_ONCE = 4_000_000
"""How many numbers of a probe's distributions are processed at a time: if the vocabulary is large,
a few tokens'."""


@dataclass(frozen=True)
class Metric:
    """What a column of the history holds."""

    unit: str
    text: str


# A new column is described in `metrics.json` and gets its value from `summarise` (what updates
# show), `measure` (after the batch), `of_completions` or the method's `batch.memory`.
METRICS: dict[str, Metric] = {
    name: Metric(**one)
    for name, one in json.loads(
        Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    ).items()
}
SHOWN = ("drift", "covariance", "kl_ref", "kl_ref_seq")
"""Columns that only some runs have: what a method computes itself and hands to `Step.show`, and how
far the policy is from a reference."""
AVERAGED = ("kept", "kept_pos", "kept_neg", "push", "drift", "covariance")
"""Columns that are means over the updates that show them."""


@dataclass(frozen=True)
class Update:
    """One update, reduced to numbers that are cheap to keep."""

    loss: float
    grad_norm: float
    ratios: np.ndarray | None
    """Ratios of the unmasked tokens; None where the objective shows none."""
    means: dict[str, float]
    """The columns of `AVERAGED` that the objective or the method shows."""
    kl_sampler: float = math.nan
    """Measured where this was the batch's first update."""
    ess_seq: float = math.nan


def sampler_kl(logp: Tensor, logp_rollout: Tensor, mask: Tensor) -> float:
    """`kl_sampler` of log-probs [B, T] of the policy and of what sampled; NaN where the mask [B, T]
    is empty.

    r - 1 - log r is at least 0 and has the mean KL(mu || pi) under mu (Schulman's k3)."""
    log_ratio = (logp.detach() - logp_rollout)[mask].double()
    return float((torch.expm1(log_ratio) - log_ratio).mean()) if log_ratio.numel() else math.nan


def observe(
    loss: float, grad_norm: float, token_loss: TokenLoss | None, batch: Batch, *more: float
) -> Update:
    """The record of one update from its objective's diagnostics (None: the update computed no
    loss).

    more: `kl_sampler`, then `ess_seq`, of the `Update`."""
    mask, diagnostics = batch.mask, {} if token_loss is None else token_loss.diagnostics
    means: dict[str, float] = {}
    if "kept" in diagnostics:
        kept = diagnostics["kept"][mask]
        means["kept"] = _average(kept)
        if batch.advantages is not None:
            sign = batch.advantages.sign().expand_as(mask)[mask]
            means |= {"kept_pos": _average(kept[sign > 0]), "kept_neg": _average(kept[sign < 0])}
    push = diagnostics.get("push", diagnostics.get("weight"))
    if push is not None:
        means["push"] = _average(push[mask])
    ratio = diagnostics.get("ratio")
    ratios = None if ratio is None else ratio[mask].double().cpu().numpy()
    return Update(loss, grad_norm, ratios, means, *more)


@torch.no_grad()
def on_probe(
    policy: Policy,
    c: Completions,
    rows: Tensor,
    reference: Policy | None = None,
    *,
    temperature: float,
    at_once: int | None = None,
) -> tuple[dict[str, float], dict[int, float]]:
    """The exact columns of the history, on a probe of some rows, and `kl_seq_back` by prompt."""
    probe = c.rows(rows.to(policy.device))
    log_mu = c.full[torch.searchsorted(c.full_rows, rows.to(c.full_rows.device))]

    def whole(of: Policy) -> Tensor:
        if not len(rows):
            return log_mu
        return of.score(probe, temperature=temperature, full=True, at_once=at_once).full

    log_pi = whole(policy)
    exact, back = measure(log_mu, log_pi, probe.tokens, probe.mask)
    if reference is not None:
        log_ref, mask = whole(reference), probe.mask
        far = kl(log_pi[mask], log_ref[mask]) if bool(mask.any()) else torch.zeros(0)
        exact["kl_ref"] = _average(far)
        exact["kl_ref_seq"] = float(far.sum() / mask.any(1).sum())
    return exact, means_by_group(probe.group, back)


def of_completions(c: Completions, verdicts: Sequence[Verdict]) -> dict[str, float]:
    """The columns of the history that the completions and their verdicts show."""
    free, age = ~c.forced.any(1), c.age
    return {
        "reward": float(rewards_of(verdicts, c.tokens)[free].mean()),
        "right": float(
            torch.tensor([v.right for v in verdicts], device=free.device)[free].float().mean()
        ),
        "length": float(c.lengths.float().mean()),
        "distinct": distinct_right(c, verdicts),
        "age": 0.0 if age is None else float(age[c.mask].float().mean()),
    }


def summarise(updates: Sequence[Update]) -> dict[str, float]:
    """The columns of the history that come from a batch's updates; a column that no update shows is
    absent."""
    row = {
        "loss": _mean([u.loss for u in updates]),
        "grad_norm": _mean([u.grad_norm for u in updates]),
    }
    ratios_of = [u.ratios for u in updates if u.ratios is not None]
    if ratios_of:
        ratios, last = np.concatenate(ratios_of), ratios_of[-1]
        low, high = np.quantile(ratios, [0.01, 0.99]) if ratios.size else (math.nan, math.nan)
        most = ratios.max() if ratios.size else math.nan
        row |= {"ratio_max": float(most), "ratio_p01": float(low), "ratio_p99": float(high)}
        if last.size:
            row["ess"] = float(last.sum() ** 2 / (last.size * (last**2).sum()))
    if updates and not math.isnan(updates[-1].ess_seq):
        row["ess_seq"] = updates[-1].ess_seq
    measured = [u.kl_sampler for u in updates if not math.isnan(u.kl_sampler)]
    if measured:
        row["kl_sampler"] = measured[0]
    for name in AVERAGED:
        values = [u.means[name] for u in updates if name in u.means]
        if values:
            row[name] = _mean(values)
    return row


def timing(c: Completions, seconds: float) -> dict[str, float]:
    """The columns of a batch that took so long."""
    return {"seconds": seconds, "tokens_per_s": float(c.lengths.float().sum()) / seconds}


def of_prompts(
    batch: int,
    prompts: Sequence[Prompt],
    c: Completions,
    verdicts: Sequence[Verdict],
    divergences: Mapping[int, float],
) -> list[dict[str, Any]]:
    """A row for each of a batch's prompts; `divergences`: `kl_seq_back` of those in the probe."""
    free = ~c.forced.any(1)
    reward, length, unguided = (
        v.view(len(prompts), -1).float().mean(1)
        for v in (rewards_of(verdicts, c.tokens) * free, c.lengths.float(), free)
    )
    means = torch.stack([reward / unguided, length, 1 - unguided], 1).tolist()
    return [
        {
            "batch": batch,
            "prompt": i,
            "text": prompt.text,
            "difficulty": prompt.difficulty,
            **dict(zip(("reward", "length", "guided"), of_prompt, strict=True)),
            # NaN: none of its completions is in the probe.
            "kl_seq_back": divergences.get(i, math.nan),
        }
        for i, (prompt, of_prompt) in enumerate(zip(prompts, means, strict=True))
    ]


def _average(values: Tensor) -> float:
    return float(values.float().mean()) if values.numel() else math.nan


def measure(
    log_mu: Tensor, log_pi: Tensor, tokens: Tensor, mask: Tensor
) -> tuple[dict[str, float], Tensor]:
    """The exact columns of the history on a probe, and each probe completion's term of
    `kl_seq_back`; NaN for one with no sampled tokens.

    Args: log_mu, log_pi [F, T, V] log-probs of the whole vocabulary; tokens [F, T]; mask [F, T]
    bool."""
    if not bool(mask.any()):
        names = ("entropy", "kl", "kl_back", "kl_seq_back", "tv", "tv_max")
        return dict.fromkeys(names, math.nan), torch.full((len(mask),), math.nan)
    parts = [part.unbind(1) for part in mask.nonzero().split(max(1, AT_ONCE // log_mu.shape[-1]))]
    terms = []
    for at in parts:
        mu, pi = log_mu[at], log_pi[at]
        sampled = (pi - mu).gather(-1, tokens[at].unsqueeze(-1)).squeeze(-1)
        entropy = torch.special.entr(pi.exp()).sum(-1)
        terms.append((entropy, kl(mu, pi), kl(pi, mu), tv(mu, pi), sampled))
    entropy, forth, back, distance, ratio = (torch.cat(term) for term in zip(*terms, strict=True))
    log_ratio = torch.zeros(mask.shape, dtype=ratio.dtype, device=ratio.device)
    log_ratio[mask] = ratio
    # exp(l) l - exp(l) + 1 loses every digit near l = 0; l + (l - 1) expm1(l) is the same and does
    # not
    whole = log_ratio.double().sum(-1)
    of_sequences = (whole + (whole - 1) * torch.expm1(whole)).where(mask.any(1), math.nan)
    means = {
        "entropy": entropy,
        "kl": forth,
        "kl_back": back,
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


def distinct_right(completions: Completions, verdicts: Sequence[Verdict]) -> float:
    """`distinct` of a batch: different right completions of a prompt, mean over prompts."""
    answers: dict[int, set[tuple[int, ...]]] = {g: set() for g in completions.group.tolist()}
    guided = completions.forced.any(1)
    columns = (completions.group, completions.tokens, completions.lengths, guided)
    rows = zip(verdicts, *(column.tolist() for column in columns), strict=True)
    for verdict, g, tokens, length, begun in rows:
        if verdict.right and not begun:
            answers[g].add(tuple(tokens[:length]))
    return sum(map(len, answers.values())) / len(answers) if answers else math.nan


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan
