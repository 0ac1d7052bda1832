"""Argument checks for losses, in one place; those of plain numbers and words are in
`trlib.arguments`.

Shape and type checks always run: they cost nothing. Value checks (is every unmasked number finite?)
read the tensor back and so synchronise a GPU; `value_checks(False)` switches them off, as the
training loop does after its first batch.

Every error names the argument, what was expected and what came:
`advantages: expected [B, T] = [8, 32], got [8]`."""

import math
from contextvars import ContextVar

import torch
from torch import Tensor

from trlib.arguments import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    choice,
    flag,
    number,
    plain,
    setting,
    validate,
    whole,
)

Shape = tuple[int | None, ...] | None
"""The sizes of a tensor's dimensions, None for any size; or None for any shape."""
LOG_RATIO_CAP = 20.0
"""The largest log-ratio of a token that is exponentiated, nats; verl's."""
_values: ContextVar[bool] = ContextVar("trlib_value_checks", default=True)


class value_checks:
    """Switch the checks that read tensor values on or off, for this thread: `value_checks(False)`
    once, before a loop; `with value_checks(False):` until the block ends. Shape and type checks
    stay on."""

    def __init__(self, enabled: bool) -> None:
        self._before = _values.set(flag("enabled", enabled))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _values.reset(self._before)


def values_checked() -> bool:
    """Whether value checks are on here; never inside torch.compile, which cannot look at values."""
    return not torch.compiler.is_compiling() and _values.get()


def floating(name: str, value: object, shape: Shape = None, letters: str = "") -> Tensor:
    """`value` unchanged, after checking that it is a float tensor, of `shape` (None: any size) when
    given.
    Raises TypeError: not a tensor, or not of a floating type; ValueError: another shape, or a
    dimension of size 0."""
    return _typed(name, value, shape, letters, "a floating type", FLOATING)


def integer(name: str, value: object, shape: Shape = None, letters: str = "") -> Tensor:
    """The same for a tensor of an integer type (bool is not one)."""
    return _typed(name, value, shape, letters, "an integer type", INTEGER)


def boolean(name: str, value: object, shape: Shape = None, letters: str = "") -> Tensor:
    """The same for a boolean tensor."""
    return _typed(name, value, shape, letters, "torch.bool", (torch.bool,))


def finite(name: str, value: Tensor, mask: Tensor | None = None) -> None:
    """Check that `value` has no NaN and no inf (where `mask` is True, when given), if value checks
    are on."""
    if values_checked() and not (mask is None and all(map(math.isfinite, _ends(value)))):
        place = "where the mask is True" if mask is not None else "everywhere"
        refuse(f"{name}: expected finite values {place}", value, ~torch.isfinite(value), mask)


def log_probabilities(name: str, value: Tensor, mask: Tensor | None = None) -> None:
    """Check that log-probabilities over the last dimension are neither NaN nor +inf (-inf is
    probability 0) and sum to one within the rounding of their type (where `mask` is True, when
    given), if value checks are on."""
    if not values_checked():
        return
    if not _ends(value)[1] < math.inf:
        kept = None if mask is None else mask.unsqueeze(-1)
        refuse(f"{name}: expected log-probabilities", value, ~(value < math.inf), kept)
    total = torch.logsumexp(value.detach().to(wide(value)), -1)
    wanted = f"{name}: expected normalised log-probabilities (probabilities that sum to 1)"
    off = ~(total.abs() <= _rounding(value))
    if mask is not None:
        off &= mask
    if bool(off.any()):
        place = _first(off)
        raise ValueError(f"{wanted}, got a sum of {float(total[place].exp()):.6g} at {list(place)}")


def token_log_probabilities(name: str, value: Tensor, mask: Tensor | None = None) -> None:
    """Check that log-probabilities of single tokens are not NaN and are at most 0 (up to rounding;
    -inf is probability 0), where `mask` is True when given, if value checks are on."""
    if values_checked():
        beyond = ~(value <= _rounding(value))
        refuse(f"{name}: expected log-probabilities at most 0", value, beyond, mask)


def inside(
    name: str, ids: Tensor, vocabulary: int, *, mask: Tensor | None = None, distinct: bool = False
) -> None:
    """Check that token ids are at least 0 and below `vocabulary` (where `mask` is True, when
    given), and if `distinct` that no two are equal along the last dimension, if value checks are
    on."""
    if not values_checked():
        return
    refuse(
        f"{name}: expected token ids from 0 to {vocabulary - 1}",
        ids,
        (ids < 0) | (ids >= vocabulary),
        mask,
    )
    if distinct:
        ordered = ids.sort(-1).values
        twice = ordered[..., 1:] == ordered[..., :-1]
        if bool(twice.any()):
            raise ValueError(
                f"{name}: expected different ids along the last dimension, got "
                f"{ordered[..., 1:][twice][0].item()} twice"
            )


def tokens(mask: object, **tensors: object) -> tuple[Tensor, ...]:
    """The [B, T] float arguments of a token loss, checked and made safe.

    Checks `mask` (boolean [B, T], B and T at least 1) and each tensor (floating, [B, T], on the
    mask's device, finite where the mask is True; those named `logp...` are log-probabilities and at
    most 0). Returns the tensors in their common type, float32 or wider, with 0 where the mask is
    False: what is masked (NaN, inf) can leak neither into a value nor into a gradient."""
    first = next(iter(tensors))
    shape = tuple(floating(first, tensors[first], (None, None), "B, T").shape)
    mask = boolean("mask", mask, shape, "B, T")
    checked = [floating(name, value, shape, "B, T") for name, value in tensors.items()]
    for name, value in zip(tensors, checked, strict=True):
        if value.device != mask.device:
            raise ValueError(
                f"{name}: expected a tensor on the mask's device {mask.device}, got one on "
                f"{value.device}"
            )
    dtype = wide(*checked)
    safe = tuple(value.to(dtype).where(mask, 0.0) for value in checked)
    for name, value in zip(tensors, checked, strict=True):
        finite(name, value, mask)
        if name.startswith("logp"):
            token_log_probabilities(name, value, mask)
    return safe


def log_ratios(
    mask: object, logp: object, advantages: object, **logp_old: object
) -> tuple[Tensor, Tensor, Tensor]:
    """What a loss of ratios computes with: log π(y_t), log r = log π - log π_old, `capped`, both
    differentiable in π alone, and the advantages, detached.

    All [B, T], checked and made safe by `tokens`; errors call the old log-probs by the name with
    which they are passed, `logp_old=` or `logp_rollout=`.
    Differs from: verl's clamp at ±20 also stops the gradient beyond; here a token that far away is
    still pulled back, with the weight of a ratio of e^20."""
    new, log_ratio, advantages = exact_log_ratios(mask, logp, advantages, **logp_old)
    return new, capped(log_ratio), advantages


def exact_log_ratios(
    mask: object, logp: object, advantages: object, **logp_old: object
) -> tuple[Tensor, Tensor, Tensor]:
    """`log_ratios` without the cap, where log r is summed, averaged or fitted to a target."""
    new, old, advantages = tokens(mask, logp=logp, **logp_old, advantages=advantages)
    return new, new - old.detach(), advantages.detach()


def capped(log_ratio: Tensor) -> Tensor:
    """A log-ratio with its value kept within ±20, and its gradient: what goes into an exponential,
    so that no ratio is inf and no loss needs to ask."""
    return log_ratio + (log_ratio.clamp(-LOG_RATIO_CAP, LOG_RATIO_CAP) - log_ratio).detach()


def advantages(mask: Tensor, advantages: object) -> Tensor:
    """The advantages [B, T] of a loss whose mask is checked already: checked and made safe by
    `tokens`, and detached."""
    value = floating("advantages", advantages, tuple(mask.shape), "B, T")
    (value,) = tokens(mask, advantages=value)
    return value.detach()


def distributions(mask: object, ids: object, **tensors: object) -> None:
    """Check the arguments of a loss of whole distributions: each tensor (floating [B, T, V],
    log-probabilities that sum to 1 where the mask is True), `mask` (boolean [B, T]) and the sampled
    tokens `ids` (integer [B, T], inside the vocabulary where the mask is True)."""
    first = next(iter(tensors))
    shape = tuple(floating(first, tensors[first], (None, None, None), "B, T, V").shape)
    checked = {name: floating(name, value, shape, "B, T, V") for name, value in tensors.items()}
    ids = integer("tokens", ids, shape[:2], "B, T")
    mask = boolean("mask", mask, shape[:2], "B, T")
    inside("tokens", ids, shape[2], mask=mask)
    for name, value in checked.items():
        log_probabilities(name, value, mask)


def safe_distributions(mask: Tensor, ids: Tensor, **tensors: Tensor) -> tuple[Tensor, ...]:
    """`distributions` that are finite, checked and made safe: the tensors in their common type,
    float32 or wider, uniform where the mask is False, then the ids as [B, T, 1], 0 there."""
    distributions(mask, ids, **tensors)
    outside, dtype = ~mask.unsqueeze(-1), wide(*tensors.values())
    for name, value in tensors.items():
        finite(name, value, ~outside)
    uniform = -math.log(next(iter(tensors.values())).shape[-1])
    safe = (value.masked_fill(outside, uniform).to(dtype) for value in tensors.values())
    return *safe, ids.unsqueeze(-1).masked_fill(outside, 0).long()


def _ends(value: Tensor) -> list[float]:
    """The smallest and the largest value, or NaN twice if one is NaN. It takes one pass and no
    memory, and a mask of the values a byte for each."""
    return torch.stack(torch.aminmax(value.detach())).tolist() if value.numel() else [0.0, 0.0]


def _first(bad: Tensor) -> tuple[int, ...]:
    """Where the first True is."""
    return tuple(int(i) for i in bad.nonzero()[0])


def refuse(wanted: str, value: Tensor, bad: Tensor, mask: Tensor | None = None) -> None:
    """Raise a ValueError for the first value that is `bad` (where `mask` is True, when given)."""
    if mask is not None:
        bad = bad & mask
    if bool(bad.any()):
        raise ValueError(f"{wanted}, got {value[_first(bad)].item()} at {list(_first(bad))}")


FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGER = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
"""The types that torch computes with everywhere; others (of 8 bits, unsigned and wide) it only
stores."""
COARSE = (torch.bfloat16, torch.float16)  #: Types with fewer digits than float32.


def wide(*tensors: Tensor) -> torch.dtype:
    """The type to compute in: the widest of the tensors' types and float32."""
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def _rounding(value: Tensor) -> float:
    # A log-prob of -log V is at most 12 or so: rounded to bfloat16 it is off by up to .05.
    return max(1e-3, 8 * torch.finfo(value.dtype).eps)


def _typed(
    name: str,
    value: object,
    shape: Shape,
    letters: str,
    wanted: str,
    types: tuple[torch.dtype, ...],
) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: expected a tensor of {wanted}, got {type(value).__name__}")
    odd = _unsupported_kind(value)
    if odd:
        raise TypeError(f"{name}: expected a plain tensor of {wanted}, got {odd}")
    if value.dtype not in types:
        raise TypeError(f"{name}: expected {wanted}, got {value.dtype}")
    if shape is not None:
        got = list(value.shape)
        fits = len(got) == len(shape) and all(
            s is None or s == g for s, g in zip(shape, got, strict=True)
        )
        if not fits:
            known = "" if None in shape else f" = {list(shape)}"
            expected = f"[{letters}]{known}" if letters else str(list(shape))
            raise ValueError(f"{name}: expected {expected}, got {got}")
    if 0 in value.shape:
        raise ValueError(f"{name}: expected no dimension of size 0, got {list(value.shape)}")
    return value


def _unsupported_kind(value: Tensor) -> str:
    """What kind of tensor it is, if most operations do not support that kind; else nothing."""
    if value.is_nested:
        return "a nested one"
    if value.layout != torch.strided:
        return f"one with the layout {value.layout}"
    if value.is_quantized:
        return "a quantised one"
    return "one on the device meta, which holds no numbers" if value.is_meta else ""
