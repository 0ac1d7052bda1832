"""Log-probs of a few tokens out of a large vocabulary, piece by piece, so that no second tensor as
large as the logits is kept."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

PIECE = 1 << 22
"""Numbers of the logits that are worked on at a time: 16 MB in float32."""


def pick(logits: Tensor, ids: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probs [B, T, K] of the tokens `ids`, and the entropy [B, T] of each whole distribution,
    in float32 and nats, by logits [B, S, V] whose last T positions but one they are (the last says
    what follows the completion). Both are differentiable. The backward pass computes the softmax
    again, and so a second tensor as large as the logits is not kept: there is their gradient."""
    return _Pick.apply(logits, ids, temperature)


@torch.no_grad()
def most_likely(logits: Tensor, tokens: Tensor, k: int) -> Tensor:
    """[B, T, k] the sampled tokens [B, T, 1], then the most likely others, by the same logits."""
    k = min(k, logits.shape[-1])
    found = tokens.new_empty((*tokens.shape[:2], k))
    for here, part in _pieces(logits, tokens.shape[1]):
        first = part.scatter(-1, tokens[:, here], torch.inf)
        found[:, here] = first.topk(k, -1).indices
    return found


def _pieces(logits: Tensor, length: int) -> Iterator[tuple[slice, Tensor]]:
    """Stretches of the completions' `length` positions, and their part of the logits, with PIECE
    numbers each, or of one position."""
    step = max(1, PIECE // (len(logits) * logits.shape[-1]))
    part = logits[:, -length - 1 : -1]
    for start in range(0, length, step):
        here = slice(start, start + step)
        yield here, part[:, here]


def _scored(logits: Tensor, ids: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    logp = (logits.float() / temperature).log_softmax(-1)
    return logp.gather(-1, ids), -(logp.exp() * logp).sum(-1)


class _Pick(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, ids: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(logits, ids)
        ctx.temperature = temperature
        ctx.set_materialize_grads(False)
        picked = logits.new_empty(ids.shape, dtype=torch.float32)
        entropy = picked.new_empty(ids.shape[:2])
        for here, part in _pieces(logits, ids.shape[1]):
            picked[:, here], entropy[:, here] = _scored(part, ids[:, here], temperature)
        return picked, entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None, None]:
        logits, ids = ctx.saved_tensors
        back = torch.zeros_like(logits)
        pieces = zip(_pieces(logits, ids.shape[1]), _pieces(back, ids.shape[1]), strict=True)
        for (here, part), (_, into) in pieces:
            with torch.enable_grad():
                x = part.detach().requires_grad_()
                scored = _scored(x, ids[:, here], ctx.temperature)
            asked = [(y, g[:, here]) for y, g in zip(scored, grads, strict=True) if g is not None]
            ys, gs = zip(*asked, strict=True)
            into.copy_(torch.autograd.grad(ys, x, gs)[0])
        return back, None, None
