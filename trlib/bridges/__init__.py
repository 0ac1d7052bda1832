"""Our objectives inside other people's trainers: one function registered, or one method overridden,
never a copy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trlib import algorithms
from trlib.algorithms.method import TokenLoss
from trlib.divergences import TopK

TOKEN_LOSS = "(logp, logp_old, *, advantages, mask)"
TOPK_LOSS = "(logp, old, *, tokens, advantages, mask)"


def as_token_loss(result: Any) -> Any:
    """What a loss returned as a TokenLoss: a plain tensor [B, T] is one without diagnostics."""
    return TokenLoss(result) if isinstance(result, Tensor) else result


def _instead(function: str, wanted: str) -> str:
    """For a loss of whole distributions: its twin of the K most likely tokens, and the trainer that
    calls it."""
    twin = f"{function.removesuffix('_loss').removesuffix('_sparse')}_sparse_loss"
    if not hasattr(algorithms, twin) or (function == twin and wanted == TOPK_LOSS):
        return ""
    where = "" if wanted == TOPK_LOSS else ", in DistributionTrainer"
    return f"; for the old policy's most likely tokens it is {twin}{where}"


def check_loss(
    name: str, loss: Callable[..., Any], wanted: str = TOKEN_LOSS, device: Any = None
) -> None:
    """Call a loss once on two completions of three tokens, so that a loss which cannot work fails
    before you pay for the first rollout.

    Args:
        name: its name in errors.
        wanted: the arguments that it is called with: TOKEN_LOSS, [B, T] each, or TOPK_LOSS, whose
            logp is [B, T, K] and `old` a TopK.
        device: where training will call it; None: the accelerator, if there is one.
    Raises TypeError: the call fails, changes its arguments, or returns neither a TokenLoss whose
    per_token is [B, T] with a gradient nor such a tensor."""
    b, t, k = 2, 3, 4
    device = device or (
        torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    )
    ones = torch.ones(b, t, device=device)
    full = (
        torch.linspace(-1, 1, k, device=device)
        .log_softmax(-1)
        .expand(b, t, k)
        .clone()
        .requires_grad_()
    )
    ids = torch.arange(k, device=device).expand(b, t, k).clone()
    given: dict[str, Any] = {"advantages": ones.clone(), "mask": ones.bool()}
    logp = full.clone() if wanted == TOPK_LOSS else full[..., 0].clone()
    second: Any = logp.detach().clone()
    if wanted == TOPK_LOSS:
        second, given["tokens"] = TopK(ids, second), torch.zeros_like(ids[..., 0])
    function = getattr(getattr(loss, "func", loss), "__name__", repr(loss))
    start = (
        f"{name}: expected a function of {wanted} that returns a TokenLoss of [B, T], got "
        f"{function}, which"
    )
    tensors = {
        "logp": logp,
        **(vars(second) if isinstance(second, TopK) else {"logp_old": second}),
        **given,
    }
    versions = {key: value._version for key, value in tensors.items()}
    try:
        result = loss(logp, second, **given)
    except Exception as error:
        fails = f"{start} fails on [{b}, {t}] tokens on {device}: {error}"
        raise TypeError(fails + _instead(function, wanted)) from error
    changed = [key for key, value in tensors.items() if value._version != versions[key]]
    if changed:
        raise TypeError(f"{start} changes its argument {', '.join(changed)} in place")
    per_token = getattr(as_token_loss(result), "per_token", None)
    if not isinstance(per_token, Tensor):
        raise TypeError(
            f"{start} returns a {type(result).__name__}; TokenLoss(per_token) is enough, and so "
            "is per_token alone"
        )
    if per_token.shape != (b, t):
        raise TypeError(
            f"{start} returns per_token of shape {list(per_token.shape)} for [{b}, {t}] tokens; "
            "each token's own loss is wanted, and the trainer takes the mean"
        )
    if per_token.device != logp.device:
        raise TypeError(
            f"{start} returns per_token on {per_token.device} for tokens on {logp.device}"
        )
    if (
        not per_token.requires_grad
        or torch.autograd.grad(per_token.sum(), full, allow_unused=True)[0] is None
    ):
        raise TypeError(f"{start} returns per_token without a gradient in logp")
