"""Call a function as its library would, on every batch of the vectors, and keep what it gives or
how it fails.

Two signatures: `plain` (logp, logp_old, advantages, mask), by the names of its parameters where it
has ours or a library's; `verl` (old_log_prob, log_prob, advantages, response_mask, loss_agg_mode, config,
rollout_is_weights).
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from trcheck.conformance.bench import NO_GRADIENT, Observed
from trcheck.conformance.vectors import EMPTY, Vectors
from trlib.other_names import TENSORS

Subject = Callable[[dict[str, Tensor], Tensor], Any]
"""(batch, logp as a leaf) -> whatever the function returns."""
ANCHORS: tuple[str, ...] = ("recomputed", "rollout")
COLUMNS = {"recomputed": "logp_old", "rollout": "logp_rollout"}
PLAIN = ("logp", "logp_old", "advantages", "mask")
"""The arguments of a plain function whose parameters have other names, in order."""

ALIASES = {theirs: entry.ours[0] for names in TENSORS.values() for theirs, entry in names.items()}
"""What libraries call the same tensors."""


def parameters_of(function: Callable[..., Any]) -> set[str]:
    """Which tensors a plain function takes, by our names where they are a library's."""
    return {ALIASES.get(name, name) for name in inspect.signature(function).parameters}


def signature_of(function: Callable[..., Any]) -> str:
    """The signature that the names of a function's parameters give away."""
    try:
        names = set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return "plain"
    return "verl" if names >= {"old_log_prob", "log_prob", "config"} else "plain"


def observe(vectors: Vectors, subject: Subject) -> Observed:
    """Call the subject on every batch."""
    observed, written = Observed(), set[str]()
    for name, batch in vectors.batches.items():
        # The function may write into it.
        given, batch = batch, {key: value.clone() for key, value in batch.items()}
        logp = batch["logp"].clone().requires_grad_()
        try:
            # Both are put back, whatever the function switches.
            with torch.enable_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value, gradient = _with_gradient(subject(batch, logp), logp, batch["mask"])
        except _Fault as fault:
            complaint = str(fault)
        except (Exception, SystemExit) as error:  # anything that the function does is a finding
            first = str(error).strip().split("\n")[0]
            complaint = f"raises {type(error).__name__}" + (f" ({first})" if first else "")
        else:
            complaint = NO_GRADIENT if gradient is None else _unusable(value, gradient)
            if name == EMPTY:
                complaint = complaint or _not_zero(value, gradient)
            else:
                observed.single |= value.dtype == torch.float32
                if not complaint or complaint == NO_GRADIENT:
                    observed.values[name] = value
                    observed.gradients[name] = (
                        torch.zeros_like(logp) if gradient is None else gradient
                    )
        written |= {key for key, value in given.items() if not torch.equal(batch[key], value)}
        if complaint and name == EMPTY:
            observed.empty = complaint
        elif complaint:
            observed.faults[name] = complaint
    shapes = {value.dim() for value in observed.values.values()}
    if len(shapes) > 1:
        observed.faults.update(
            dict.fromkeys(
                observed.values,
                "returns a scalar for some batches and a value per token for others",
            )
        )
        observed.values.clear()
    observed.by_token, observed.written = shapes == {2}, tuple(sorted(written))
    return observed


def plain(
    function: Callable[..., Any],
    *,
    settings: Mapping[str, Any] | None = None,
    loss: str | None = None,
    given: Mapping[str, Any] | None = None,
    anchor: str = "recomputed",
) -> Subject:
    """A function of plain tensors. It gets the `settings` of the loss that it has a parameter for,
    and all `given`.

    Raises:
        TypeError: something that is not a function with a signature.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise TypeError(
            f"function: expected a callable with a signature, got {function!r}"
        ) from None
    needed = [
        name
        for name, p in parameters.items()
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    ]
    more = {name: value for name, value in (settings or {}).items() if name in parameters} | dict(
        given or {}
    )
    recomputed = loss is not None and loss.endswith("_recomputed")

    def subject(batch: dict[str, Tensor], logp: Tensor) -> Any:
        known = {**batch, "logp": logp, "logp_old": batch[COLUMNS[anchor]]}
        known |= {theirs: known[ours] for theirs, ours in ALIASES.items()}
        if recomputed:
            known["logp_anchor"] = batch["logp_old"]
        if all(name in known or name in more for name in needed):
            named = {name: known[name] for name in parameters if name in known and name not in more}
            return function(**named, **more)
        return function(*(known[name] for name in PLAIN), **more)

    return subject


def verl(
    function: Callable[..., Any],
    *,
    settings: Mapping[str, Any],
    how: str,
    anchor: str = "recomputed",
) -> Subject:
    """A policy loss with verl's signature. Where verl is loaded, `config` is its own
    ActorConfig."""
    config = _verl_config(settings, how)

    def subject(batch: dict[str, Tensor], logp: Tensor) -> Any:
        return function(
            old_log_prob=batch[COLUMNS[anchor]],
            log_prob=logp,
            advantages=batch["advantages"],
            response_mask=batch["mask"],
            loss_agg_mode=how,
            config=config,
            rollout_is_weights=None,
        )

    return subject


def _verl_config(settings: Mapping[str, Any], how: str) -> Any:
    """The actor's configuration with a loss's thresholds where verl reads them, and verl's defaults
    elsewhere."""
    wanted: dict[str, Any] = {"loss_agg_mode": how}
    for ours, theirs in (
        ("eps_low", "clip_ratio_low"),
        ("eps_high", "clip_ratio_high"),
        ("dual_clip", "clip_ratio_c"),
        ("tau_pos", "tau_pos"),
        ("tau_neg", "tau_neg"),
    ):
        if settings.get(ours) is not None:
            wanted[theirs] = settings[ours]
    for both in ("delta_tv", "delta_kl", "eps_log"):
        if both in settings:
            wanted |= {"clip_ratio_low": settings[both], "clip_ratio_high": settings[both]}
    if "verl" in sys.modules:
        from verl.workers.config import ActorConfig

        return ActorConfig(strategy="fsdp", rollout_n=4, ppo_micro_batch_size_per_gpu=4, **wanted)
    return _Config(
        {
            "clip_ratio": 0.2,
            "clip_ratio_low": 0.2,
            "clip_ratio_high": 0.2,
            "clip_ratio_c": 3.0,
            "tau_pos": 1.0,
            "tau_neg": 1.05,
            "global_batch_info": {},
            "policy_loss": _Config({}),
        }
        | wanted
    )


class _Fault(Exception):
    """The function gave something that cannot be compared."""


class _Config(dict):
    """Settings as attributes, as items and through `get`, like verl's own."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _with_gradient(result: Any, logp: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
    """The value (a scalar, or [B, T] with 0 where masked) and the gradient of its sum, None where
    there is none."""
    value = getattr(result, "per_token", result)
    if isinstance(value, tuple | list) and value:
        value = value[0]
    if not isinstance(value, Tensor):
        raise _Fault(
            f"returns {type(value).__name__}; expected a tensor, or a tuple that begins with one"
        )
    if not value.is_floating_point():
        raise _Fault(f"returns {value.dtype}; expected a floating type")
    if value.dtype in (torch.bfloat16, torch.float16):
        raise _Fault(
            f"returns {value.dtype}, whose rounding hides what is compared; expected float32 or "
            "float64"
        )
    if value.numel() == 1:
        value = value.reshape(())
    elif value.shape == logp.shape:
        value = value.where(mask, torch.zeros((), dtype=value.dtype))
    else:
        raise _Fault(
            f"returns shape {list(value.shape)}; expected a scalar or [B, T] = {list(logp.shape)}"
        )
    if not value.requires_grad:
        return value, None
    (gradient,) = torch.autograd.grad(value.sum(), logp, allow_unused=True)
    return value.detach(), gradient


def _unusable(value: Tensor, gradient: Tensor) -> str:
    for what, numbers in (("returns", value), ("has a gradient of", gradient)):
        if not numbers.isfinite().all():
            return f"{what} {'NaN' if numbers.isnan().any() else 'inf'}"
    return ""


def _not_zero(value: Tensor, gradient: Tensor | None) -> str:
    if value.abs().max() > 0:
        return f"returns {value.abs().max():g}"
    return (
        "has a gradient other than 0" if gradient is not None and gradient.abs().max() > 0 else ""
    )
