"""Every metric of a run's history, defined once, in `metrics.json`, from which the book's glossary is
printed.

`mu` is the distribution that sampled (its temperature, precision, lag and noise included), `pi` the
policy after the batch's last update. The exact metrics, which sum over the vocabulary, are in
`trlib.loop.probe`."""

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
from trlib.model.completions import Completions
from trlib.tasks.task import Prompt, Verdict, rewards_of


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
        means["kept"] = average(kept)
        if batch.advantages is not None:
            sign = batch.advantages.sign().expand_as(mask)[mask]
            means |= {"kept_pos": average(kept[sign > 0]), "kept_neg": average(kept[sign < 0])}
    push = diagnostics.get("push", diagnostics.get("weight"))
    if push is not None:
        means["push"] = average(push[mask])
    ratio = diagnostics.get("ratio")
    ratios = None if ratio is None else ratio[mask].double().cpu().numpy()
    return Update(loss, grad_norm, ratios, means, *more)


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


def average(values: Tensor) -> float:
    """Their mean; NaN of none."""
    return float(values.float().mean()) if values.numel() else math.nan


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
