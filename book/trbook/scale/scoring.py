"""Scoring tokens of a large vocabulary without ever holding their logits.

At V = 151,936 the logits of 4,096 tokens take 2.5 GB in float32, and log-probs, their gradient and
the entropy as much again each. Training needs only a few numbers per token. So the vocabulary is
read in chunks: a running maximum and sum give log Z and the entropy exactly, and the K most likely
tokens are merged from chunk to chunk.

The gradient does not need the logits again. With u = Σ_v π_v W_v, summed along with Z,
dL/dh = Σ_k g_k W_{y_k} - (Σ_k g_k) u; only where the output weights learn too are the chunks read a
second time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trlib import checks
from trlib.divergences import TopK


@dataclass(frozen=True)
class TokenScores:
    """The scores of every token: in nats, float32 or wider."""

    logp: Tensor
    """Log-probs of `tokens`, in their shape; differentiable in the hidden states and the
    weights."""
    entropy: Tensor
    """[...] of the whole distribution; no gradient."""
    top: TopK | None
    """The most likely tokens, [..., top_k] each, most likely first; no gradient. None: `top_k` is
    0."""


def score_tokens(
    hidden: Tensor,
    weight: Tensor,
    tokens: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    chunk: int = 2048,
) -> TokenScores:
    """Log-probs, entropy and top k of softmax(W h / temperature), a chunk of the vocabulary at a
    time.

    log π(y) = W_y·h - log Z,   H = log Z - Σ_v π_v W_v·h

    Args:
        hidden: [..., H] last hidden states, any floating type, differentiable.
        weight: [V, H] the output layer's weights (no bias), of the same type, differentiable.
        tokens: [...] int, or [..., K] for several tokens of each position (the ids of an old
            policy's top k, for `troll_sparse_loss`).
        temperature: divides the logits, above 0.
        top_k: how many of the most likely tokens to return, 0 to V.
        chunk: columns of the vocabulary at a time; memory is about 6 x positions x chunk numbers.

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
    if tuple(tokens.shape) != shape[:-1] and tuple(tokens.shape[:-1]) != shape[:-1]:
        raise ValueError(
            f"tokens: expected {list(shape[:-1])}, or one dimension more, got {list(tokens.shape)}"
        )
    checks.finite("hidden", hidden)
    checks.finite("weight", weight)
    checks.inside("tokens", tokens, len(weight))
    temperature = checks.number("temperature", temperature, above=0, below=math.inf)
    top_k = checks.whole("top_k", top_k, least=0, most=len(weight))
    chunk = checks.whole("chunk", chunk, least=1)
    flat = hidden.reshape(-1, shape[-1])
    logp, entropy, ids, values = _Scores.apply(
        flat, weight, tokens.reshape(len(flat), -1).long(), temperature, top_k, chunk
    )
    top = TopK(ids.view(*shape[:-1], top_k), values.view(*shape[:-1], top_k)) if top_k else None
    return TokenScores(logp.view(tokens.shape), entropy.view(shape[:-1]), top)


class _Scores(torch.autograd.Function):
    """[N, H], [V, H], [N, K] -> log-probs [N, K], entropy [N], ids and log-probs of the top [N,
    top_k]."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        tokens: Tensor,
        temperature: float,
        top_k: int,
        chunk: int,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        wide = checks.wide(hidden)
        peak = torch.full((len(hidden),), -math.inf, dtype=wide, device=hidden.device)
        total, energy = torch.zeros_like(peak), torch.zeros_like(peak)
        mean = torch.zeros_like(hidden, dtype=wide) if ctx.needs_input_grad[0] else None
        chosen = torch.zeros(tokens.shape, dtype=wide, device=hidden.device)
        values = torch.empty(len(hidden), 0, dtype=wide, device=hidden.device)
        ids = torch.empty(len(hidden), 0, dtype=torch.long, device=hidden.device)
        for first, part in _chunks(weight, chunk):
            logits = _logits(hidden, part, temperature)
            inside = (tokens >= first) & (tokens < first + len(part))
            chosen = torch.where(
                inside, logits.gather(-1, (tokens - first).clamp(0, len(part) - 1)), chosen
            )
            if top_k:
                ids, values = _merge(ids, values, logits, first, top_k)
            # Every sum is of exp(logit - peak), which cannot overflow; where the peak rises, old
            # sums shrink with it.
            higher = torch.maximum(peak, logits.amax(-1))
            shrink = (peak - higher).exp()
            p = (logits - higher.unsqueeze(-1)).exp_()
            total = total * shrink + p.sum(-1)
            energy = energy * shrink + torch.linalg.vecdot(p, logits)
            if mean is not None:
                mean = (mean * shrink.unsqueeze(-1)).addmm_(p, part.to(wide))
            peak = higher
        log_z = peak + total.log()
        if mean is not None:
            mean = mean / total.unsqueeze(-1)
        ctx.save_for_backward(hidden, weight, tokens, log_z, mean)
        ctx.temperature, ctx.chunk = temperature, chunk
        entropy, values = log_z - energy / total, values - log_z.unsqueeze(-1)
        ctx.mark_non_differentiable(entropy, ids, values)
        return chosen - log_z.unsqueeze(-1), entropy, ids, values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, tokens, log_z, mean = ctx.saved_tensors
        grad = grad / ctx.temperature
        summed = grad.sum(-1, keepdim=True)
        to_hidden = to_weight = None
        if ctx.needs_input_grad[0]:
            chosen = torch.nn.functional.embedding_bag(
                tokens, weight, mode="sum", per_sample_weights=grad.to(weight.dtype)
            )
            to_hidden = (chosen - summed * mean).to(hidden.dtype)
        if ctx.needs_input_grad[1]:
            pushed = -summed * hidden.to(grad.dtype)
            to_weight = torch.empty_like(weight)
            for first, part in _chunks(weight, ctx.chunk):
                p = (_logits(hidden, part, ctx.temperature) - log_z.unsqueeze(-1)).exp_()
                to_weight[first : first + len(part)] = p.T @ pushed
            for column, g in zip(tokens.T, grad.T, strict=True):
                to_weight.index_add_(0, column, (g.unsqueeze(-1) * hidden).to(weight.dtype))
        return to_hidden, to_weight, None, None, None, None


def _chunks(weight: Tensor, chunk: int) -> Iterator[tuple[int, Tensor]]:
    """The first id and the rows of each chunk of the vocabulary."""
    return ((first, weight[first : first + chunk]) for first in range(0, len(weight), chunk))


def _logits(hidden: Tensor, part: Tensor, temperature: float) -> Tensor:
    logits = (hidden @ part.T).to(checks.wide(hidden))
    return logits if temperature == 1.0 else logits / temperature


def _merge(
    ids: Tensor, values: Tensor, logits: Tensor, first: int, k: int
) -> tuple[Tensor, Tensor]:
    """The k largest of those so far and of one more chunk."""
    new, at = logits.topk(min(k, logits.shape[-1]), -1)
    values, ids = torch.cat([values, new], -1), torch.cat([ids, at + first], -1)
    values, order = values.topk(min(k, values.shape[-1]), -1)
    return ids.gather(-1, order), values
