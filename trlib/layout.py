"""Losses, corrections and aggregations of rows that lie end to end, without padding."""

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from trlib import checks
from trlib.algorithms.method import TokenLoss
from trlib.divergences import TopK

OF_ROWS = ("rewards", "group", "lengths", "multiplier", "push")
"""Arguments with one number per row, [B] in either layout."""


def packed(function: Callable[..., Any], lengths: Sequence[int] | Tensor) -> Callable[..., Any]:
    """A function of [B, T] as one of [N]: `packed(ppo_loss, lengths)(logp, logp_old,
    advantages=advantages)`.

    Row i is the next `lengths[i]` of the N tokens. Every tensor that has a number (or a
    distribution) per token is taken and returned as [N, ...], in a TokenLoss and a TopK too;
    numbers, tensors of one number and OF_ROWS pass unchanged. Without a `mask` all tokens count.
    The rows are padded inside, which costs [B, T] of such numbers: values and gradients are those
    of the padded layout.

    Args:
        function: a token loss, `aggregate`, `truncated_importance` and the like.
        lengths: [B], each at least 0, and one of them above 0; a list, or an integer tensor (read
            back from a GPU).
    Raises TypeError, ValueError: other lengths; a tensor that does not have N rows; what `function`
    raises."""
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    rows = [checks.whole("lengths", size, least=0) for size in sizes]
    total = sum(rows)
    if total == 0:
        raise ValueError(f"lengths: expected rows with a token among them, got {rows}")
    names = tuple(signature(function).parameters)

    def pad(name: str, value: Any) -> Any:
        if isinstance(value, TopK):
            return TopK(pad(f"{name}.ids", value.ids), pad(f"{name}.logp", value.logp))
        if not isinstance(value, Tensor) or value.dim() == 0 or name in OF_ROWS:
            return value
        if len(value) != total:
            raise ValueError(
                f"{name}: expected [N, ...] with N = {total}, the sum of lengths, got "
                f"{list(value.shape)}"
            )
        return pad_sequence(value.split(rows), batch_first=True)

    def pack(value: Any) -> Any:
        if isinstance(value, TokenLoss):
            diagnostics = {name: pack(one) for name, one in value.diagnostics.items()}
            return TokenLoss(pack(value.per_token), diagnostics)
        if not isinstance(value, Tensor) or value.dim() < 2:
            return value
        return torch.cat([row[:size] for row, size in zip(value, rows, strict=True)])

    @wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        named = dict(zip(names, args, strict=False)) | keywords
        device = next((value.device for value in named.values() if isinstance(value, Tensor)), None)
        if "mask" in names and "mask" not in named:
            named["mask"] = torch.ones(total, dtype=torch.bool, device=device)
        positional = [pad(name, named.pop(name)) for name in names[: len(args)]]
        return pack(
            function(*positional, **{name: pad(name, value) for name, value in named.items()})
        )

    return call
