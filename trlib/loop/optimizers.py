"""Optimisers: a setting of the run chooses one, whatever the method.

An optimiser is a name below, or a callable of your own. It is called like torch's own: with groups
of parameters and those of `lr`, `betas` and `weight_decay` that it takes. What every optimiser
needs is in `trlib.loop.optimizer_step`: float32 copies of 16-bit weights, clipping, warm-up, saving."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from trlib.user_files import named

Maker = Callable[..., torch.optim.Optimizer]
Groups = list[dict[str, Any]]


def adamw(
    groups: Groups, *, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW, each step in one kernel where the device has it."""
    device = groups[0]["params"][0].device.type
    return torch.optim.AdamW(
        groups, lr=lr, betas=betas, weight_decay=weight_decay, fused=device in ("cpu", "cuda")
    )


def sgd(
    groups: Groups, *, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """Gradient descent with momentum, the first of the betas."""
    return torch.optim.SGD(groups, lr=lr, momentum=betas[0], weight_decay=weight_decay)


TORCHS: dict[str, Maker] = {"adamw": adamw, "sgd": sgd}


def optimizers() -> dict[str, Maker]:
    """Every optimiser by its name: torch's, and those of the gallery, which only now is
    imported."""
    from trlib.relatives.optimizers import RELATIVES

    return TORCHS | RELATIVES


def maker(optimizer: object) -> Maker:
    """The maker of an optimiser: found by its name or in a file (FILE.py:NAME), or the callable
    itself.
    Raises ValueError: an unknown name (the nearest is suggested), or a file without it; TypeError:
    neither a name nor a callable."""
    if isinstance(optimizer, str):
        known = TORCHS if optimizer in TORCHS else optimizers()
        return named("optimizer", optimizer, known, _is_optimizer)
    if not callable(optimizer):
        raise TypeError(
            f"optimizer: expected a name or a callable such as torch.optim.SGD, got {optimizer!r}"
        )
    return optimizer


def name_of(optimizer: object) -> str:
    """The name of an optimiser in a run's settings."""
    if isinstance(optimizer, str):
        return optimizer
    if isinstance(optimizer, partial):
        arguments = [
            *map(repr, optimizer.args),
            *(f"{name}={value!r}" for name, value in optimizer.keywords.items()),
        ]
        return f"{name_of(optimizer.func)}({', '.join(arguments)})"
    return getattr(optimizer, "__qualname__", type(optimizer).__qualname__)


def build(make: Maker, groups: Groups, **settings: Any) -> torch.optim.Optimizer:
    """The optimiser over some groups of parameters, with those of the settings that it takes.
    Raises ValueError, TypeError: it cannot be made this way, or what is made does not step like
    torch's."""
    parameters = inspect.signature(make).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        settings = {name: value for name, value in settings.items() if name in parameters}
    try:
        made = make(groups, **settings)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"optimizer: {name_of(make)} refuses these parameters and settings: {error}"
        ) from error
    if not isinstance(made, torch.optim.Optimizer):
        wanted = f"{name_of(make)} to make a torch.optim.Optimizer"
        raise TypeError(f"optimizer: expected {wanted}, got {type(made).__name__}")
    closure = inspect.signature(made.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        wanted = "one that steps on a gradient"
        raise TypeError(
            f"optimizer: expected {wanted}, got {name_of(make)}, which asks for a closure"
        )
    return made


def _is_optimizer(value: Any) -> bool:
    return callable(value) and (
        not isinstance(value, type) or issubclass(value, torch.optim.Optimizer)
    )
