"""Scoring tokens of a large vocabulary without ever holding their logits.

At V = 151,936 the logits of 4,096 tokens take 2.5 GB in float32, and log-probs and their gradient as
much again each. Training needs one number per token. So the vocabulary is read in chunks: a running
maximum and sum give log Z exactly.

The gradient does not need the logits again. With u = Σ_v π_v W_v, summed along with Z,
dL/dh = g (W_y - u); only where the output weights learn too are the chunks read a second time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trlib import checks


def score_tokens(hidden: Tensor, weight: Tensor, tokens: Tensor, *, chunk: int = 2048) -> Tensor:
    """Log-probs of tokens under softmax(W h), a chunk of the vocabulary at a time: nats, float32 or
    wider.

    log π(y) = W_y·h - log Z

    Args:
        hidden: [..., H] last hidden states, any floating type, differentiable.
        weight: [V, H] the output layer's weights (no bias), of the same type, differentiable.
        tokens: [...] int.
        chunk: columns of the vocabulary at a time; memory is about 3 x positions x chunk numbers.

    Raises:
        TypeError, ValueError: a wrong type or shape; a token outside the vocabulary; NaN or inf in
            the hidden states or the weights.

    The maximum that is kept while summing: Milakov and Gimelshein 2018 (arXiv 1805.02867). In the
    book: log Z
    :eq:`scale-logz`, the gradient :eq:`scale-gradient`.
    """
    shape = tuple(checks.floating("hidden", hidden).shape)
    if len(shape) < 2:
        raise ValueError(
            f"hidden: expected [..., H] with at least two dimensions, got {list(shape)}"
        )
    checks.floating("weight", weight, (None, shape[-1]), "V, H")
    if weight.dtype != hidden.dtype:
        raise TypeError(f"weight: expected the type of hidden, {hidden.dtype}, got {weight.dtype}")
    checks.integer("tokens", tokens)
    if tuple(tokens.shape) != shape[:-1]:
        raise ValueError(f"tokens: expected {list(shape[:-1])}, got {list(tokens.shape)}")
    checks.finite("hidden", hidden)
    checks.finite("weight", weight)
    checks.inside("tokens", tokens, len(weight))
    chunk = checks.whole("chunk", chunk, least=1)
    logp: Tensor = _Scores.apply(
        hidden.reshape(-1, shape[-1]), weight, tokens.reshape(-1).long(), chunk
    )
    return logp.view(tokens.shape)


class _Scores(torch.autograd.Function):
    """[N, H], [V, H], [N] -> log-probs [N]."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, tokens: Tensor, chunk: int) -> Tensor:
        wide = checks.wide(hidden)
        peak = torch.full((len(hidden),), -math.inf, dtype=wide, device=hidden.device)
        total, chosen = torch.zeros_like(peak), torch.zeros_like(peak)
        mean = torch.zeros_like(hidden, dtype=wide) if ctx.needs_input_grad[0] else None
        for first, part in _chunks(weight, chunk):
            logits = (hidden @ part.T).to(wide)
            inside = (tokens >= first) & (tokens < first + len(part))
            here = (tokens - first).clamp(0, len(part) - 1).unsqueeze(-1)
            chosen = torch.where(inside, logits.gather(-1, here).squeeze(-1), chosen)
            # Every sum is of exp(logit - peak), which cannot overflow; where the peak rises, old
            # sums shrink with it.
            higher = torch.maximum(peak, logits.amax(-1))
            shrink = (peak - higher).exp()
            p = (logits - higher.unsqueeze(-1)).exp_()
            total = total * shrink + p.sum(-1)
            if mean is not None:
                mean = (mean * shrink.unsqueeze(-1)).addmm_(p, part.to(wide))
            peak = higher
        log_z = peak + total.log()
        if mean is not None:
            mean = mean / total.unsqueeze(-1)
        ctx.save_for_backward(hidden, weight, tokens, log_z, mean)
        ctx.chunk = chunk
        return chosen - log_z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, tokens, log_z, mean = ctx.saved_tensors
        grad = grad.unsqueeze(-1)
        to_hidden = to_weight = None
        if ctx.needs_input_grad[0]:
            to_hidden = (grad * (weight[tokens] - mean)).to(hidden.dtype)
        if ctx.needs_input_grad[1]:
            pushed = -grad * hidden.to(grad.dtype)
            to_weight = torch.empty_like(weight)
            for first, part in _chunks(weight, ctx.chunk):
                p = ((hidden @ part.T).to(grad.dtype) - log_z.unsqueeze(-1)).exp_()
                to_weight[first : first + len(part)] = p.T @ pushed
            to_weight.index_add_(0, tokens, (grad * hidden).to(weight.dtype))
        return to_hidden, to_weight, None, None


def _chunks(weight: Tensor, chunk: int) -> Iterator[tuple[int, Tensor]]:
    """The first id and the rows of each chunk of the vocabulary."""
    return ((first, weight[first : first + chunk]) for first in range(0, len(weight), chunk))
