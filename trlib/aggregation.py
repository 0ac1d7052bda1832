"""Masked means: how the losses of tokens become one number.

The four differ in who gets an equal say: every token of the batch (`token-mean`), every completion
(`seq-mean-token-mean`: a token of a long completion weighs less), or neither (`seq-mean-token-sum`
and the same over a constant horizon: a completion's say grows with its length, a token's weight
does not depend on its neighbours)."""

import torch
from torch import Tensor

from trlib import checks
from trlib.other_names import names_its_arguments

AGGREGATIONS: tuple[str, ...] = (
    "token-mean",
    "seq-mean-token-mean",
    "seq-mean-token-sum",
    "seq-mean-token-sum-norm",
)


@names_its_arguments
def aggregate(
    per_token: Tensor,
    mask: Tensor,
    how: str,
    *,
    horizon: float | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """One number from a value per token.

    token-mean               Σ_it L_it / number of unmasked tokens
    seq-mean-token-mean      mean_i (Σ_t L_it / |y_i|)                       GRPO
    seq-mean-token-sum       mean_i Σ_t L_it
    seq-mean-token-sum-norm  mean_i Σ_t L_it / horizon                       Dr.GRPO

    Means over completions count those with at least one unmasked token. Nothing unmasked gives 0,
    with gradient 0.

    A batch split into micro-batches or across ranks needs `count`, the divisor of the whole batch:
    the results of the parts then sum to the result of the whole, and so do their gradients. Without
    it every part is divided by its own count, and a mean of those means gives the tokens of a short
    part more weight.

    Args:
        per_token: [B, T], any floating type; summed in float32 or wider. What is masked may be NaN
            or inf.
        mask: [B, T] bool.
        how: one of AGGREGATIONS.
        horizon: the constant divisor of "seq-mean-token-sum-norm", above 0; None: T, the padded
            width. The other three ignore it.
        count: over all micro-batches and ranks, the number of unmasked tokens ("token-mean") or of
            completions with at least one (the other three); None: this call's own. A number, or a
            tensor that holds one, such as the result of an all-reduce. "seq-mean-token-sum-norm"
            needs `horizon` too, because minibatches may be padded to different widths. Where ranks
            average their gradients (DDP), multiply the result by their number.
    Raises TypeError, ValueError: a wrong type or shape; an unknown `how`; a horizon that is not
    above 0, or none beside a count; a count below this call's own; NaN or inf where the mask is
    True.
    Source: GRPO arXiv 2402.03300 eq. 3; DAPO arXiv 2503.14476 eq. 8; Dr.GRPO arXiv 2503.20783. In
    the book: "seq-mean-token-mean" is :eq:`grpo-mean`.
    Differs from: verl agrees, but adds 1e-8 to the length in "seq-mean-token-mean". TRL counts
    completions with nothing unmasked in the means over completions and uses the maximal completion
    length as the horizon."""
    checks.choice("how", how, AGGREGATIONS)
    if horizon is not None:
        horizon = checks.number("horizon", horizon, above=0)
    elif count is not None and how == "seq-mean-token-sum-norm":
        raise ValueError(
            f"horizon: expected the divisor of the whole batch beside its count = {count}, got None; "
            "minibatches may be padded to different widths"
        )
    (values,) = checks.tokens(mask, per_token=per_token)
    lengths = mask.sum(-1)
    own_count = lengths.sum() if how == "token-mean" else (lengths > 0).sum()
    divisor = (
        own_count if count is None else _checked_count(count, own_count, how).to(values)
    ).clamp(min=1)
    if how == "token-mean":
        return values.sum() / divisor
    by_completion = values.sum(-1)
    if how == "seq-mean-token-mean":
        by_completion = by_completion / lengths.clamp(min=1)
    elif how == "seq-mean-token-sum-norm":
        by_completion = by_completion / (mask.shape[1] if horizon is None else horizon)
    return by_completion.sum() / divisor


def row_mean(values: Tensor, mask: Tensor) -> Tensor:
    """[B, 1]: the mean of [B, T] over the unmasked tokens of each row, 0 of none; `values` must be
    0 where masked."""
    return values.sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)


def _checked_count(count: float | Tensor, own_count: Tensor, how: str) -> Tensor:
    """The count of the whole batch as a tensor like `own_count`, and checked to be no smaller."""
    if isinstance(count, Tensor):
        if count.numel() != 1:
            raise ValueError(
                f"count: expected one number, got a tensor of shape {list(count.shape)}"
            )
        total = count.detach().reshape(()).to(own_count.device)
    else:
        total = torch.tensor(checks.number("count", count, least=0), device=own_count.device)
    if checks.values_checked() and not bool(total >= own_count):
        what = "unmasked tokens" if how == "token-mean" else "completions"
        raise ValueError(
            f"count: expected at least the {own_count.item()} {what} of this call, got "
            f"{total.item():g}"
        )
    return total
