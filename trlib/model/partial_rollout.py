"""Partial rollouts: completions that several policies write, each from where the one before it
stopped."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from trlib.divergences import TopK
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.model.rollout import sample


def sample_in_segments(
    policies: Sequence[Callable[[], Policy]],
    prompts: Sequence[str],
    *,
    max_tokens: int,
    full_rows: Sequence[int],
    **settings: Any,
) -> tuple[Completions, Tensor]:
    """Completions whose tokens are written by several policies, one after another, and which of
    them wrote each token.

    The token limit is divided into as many parts as there are policies; if it does not divide
    evenly, the first parts are one token longer. A policy reads the prompt and everything written
    so far, like an engine that is restarted with new weights, and samples on to the end of its
    part. Log-probs are those of the policy that wrote the token.

    Args:
        policies: one function for each part; it is called when the part begins.
        prompts, max_tokens, full_rows: as in `sample`.
        settings: the other arguments of `sample`; `seed` is a generator, and `prefixes` are for one
            policy alone.
    Returns the completions, and [B, T] int: the number of the policy, from 0, that wrote each
    token."""
    ends = [max_tokens * (i + 1) // len(policies) for i in range(len(policies))]
    lengths = sorted(
        (end - begin for begin, end in zip([0, *ends], ends, strict=False)), reverse=True
    )
    first, *rest = zip(policies, lengths, strict=True)
    done = sample(first[0](), prompts, max_tokens=first[1], full_rows=full_rows, **settings)
    segment = torch.zeros_like(done.tokens)
    settings = {**settings, "group": 1}
    for number, (policy, length) in enumerate(rest, 1):
        rows = (~done.ended).nonzero().squeeze(-1)
        if not len(rows):
            break
        written = zip(done.group[rows].tolist(), done.tokens[rows].tolist(), strict=True)
        read = [
            [*done.prompt_ids[g][done.prompt_mask[g]].tolist(), *so_far] for g, so_far in written
        ]
        kept = torch.isin(rows, done.full_rows).nonzero().squeeze(-1)
        more = sample(policy(), read, max_tokens=length, full_rows=kept.tolist(), **settings)
        done = _extended(done, rows, more)
        segment = torch.nn.functional.pad(
            segment, (0, done.tokens.shape[1] - segment.shape[1]), value=number
        )
    return done, segment


def _extended(done: Completions, rows: Tensor, more: Completions) -> Completions:
    """`done`, with its rows `rows` continued by the completions `more`. Those rows have filled
    their part."""

    def joined(before: Tensor, after: Tensor, at: Tensor) -> Tensor:
        wide = before.new_zeros(len(before), after.shape[1], *before.shape[2:])
        wide[at] = after
        return torch.cat([before, wide], 1)

    names = ("tokens", "mask", "forced", "logp")
    wide = {name: joined(getattr(done, name), getattr(more, name), rows) for name in names}
    ended = done.ended.clone()
    ended[rows] = more.ended
    topk = None
    if done.topk is not None and more.topk is not None:
        topk = TopK(
            joined(done.topk.ids, more.topk.ids, rows), joined(done.topk.logp, more.topk.logp, rows)
        )
    at = torch.searchsorted(done.full_rows, rows[more.full_rows])
    return replace(done, **wide, ended=ended, topk=topk, full=joined(done.full, more.full, at))
