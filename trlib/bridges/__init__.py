"""Our objectives inside other people's trainers: one function registered, or one method overridden, never a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def check_token_loss(name: str, loss: Callable[..., Any]) -> None:
    """Call a loss once on a single token, so that one that cannot work fails before the first rollout is paid for.

    Args:
        name: what errors call it.
        loss: a function of (logp, logp_old, *, advantages, mask), [B, T] each, that returns a TokenLoss.

    Raises:
        TypeError: the call fails, or does not return a TokenLoss of [B, T].
    """
    logp, ones = torch.full((1, 1), -1.0), torch.ones(1, 1)
    function = getattr(getattr(loss, "func", loss), "__name__", repr(loss))
    wanted = f"{name}: expected a function of (logp, logp_old, *, advantages, mask) that returns a TokenLoss of [B, T]"
    try:
        result = loss(logp, logp, advantages=ones, mask=ones.bool())
    except Exception as error:
        raise TypeError(f"{wanted}, got {function}, which fails on one token: {error}") from error
    per_token = getattr(result, "per_token", None)
    if not isinstance(per_token, Tensor) or per_token.shape != (1, 1):
        got = f"per_token of shape {list(per_token.shape)}" if isinstance(per_token, Tensor) else type(result).__name__
        raise TypeError(f"{wanted}, got {function}, which returns {got} for one token")
