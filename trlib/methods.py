"""Every method by its name: on the command line, in a sweep, in a file of your own."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from trlib.algorithms import ALGORITHMS, Batch, Method, Scores, TokenLoss
from trlib.algorithms.needs import Needs
from trlib.algorithms.settings import check_declared
from trlib.bridges import as_token_loss, check_loss
from trlib.relatives import RELATIVES
from trlib.relatives.optimizers import RELATIVES as OPTIMIZERS
from trlib.user_files import is_own, named

CLASSES_OWN = ("advantage", "aggregation")
"""Settings of every method whose default a class may replace without being more than a loss."""


def is_objective(entry: Any) -> bool:
    """Whether an entry is a method, or a preset of one."""
    kind = getattr(entry, "func", entry)
    return isinstance(kind, type) and issubclass(kind, Method)


OBJECTIVES: dict[str, Any] = ALGORITHMS | {
    name: entry for name, entry in RELATIVES.items() if is_objective(entry)
}
"""Everything that the loop can train with: the book's methods, and those relatives that are
objectives."""


def method_kind(name: str) -> Any:
    """The class or preset of a method's name, or of FILE.py:NAME.
    Raises ValueError: an unknown name (the nearest is suggested), a relative that is not an
    objective, or a file without it; TypeError: a class whose settings Python would ignore, because
    its decorator is missing."""
    if not is_own(name) and name in RELATIVES and name not in OBJECTIVES:
        if name in OPTIMIZERS:
            raise ValueError(
                f"method: {name} is an optimiser: expected it as optimizer={name!r}, beside a "
                "method"
            )
        entry = RELATIVES[name]
        raise ValueError(
            f"method: {name} is not an objective: expected it called as "
            f"{entry.__module__}.{entry.__qualname__}{inspect.signature(entry)}"
        )
    kind = named("method", name, OBJECTIVES, is_objective)
    check_declared(getattr(kind, "func", kind))
    return kind


@functools.cache
def token_loss(name: str, **settings: Any) -> Callable[..., TokenLoss]:
    """A method's loss for somebody else's trainer: a function of (logp, logp_old, *, advantages,
    mask), [B, T] each, that returns a TokenLoss, 0 where masked, with `kept` among its diagnostics
    (everything, where the method does not say). Its attribute `anchor` says for whose log-probs as
    `logp_old` the method is made: "rollout", the sampler's, or "recomputed".

    Args:
        name: a method's name, or FILE.py:NAME.
        settings: the method's own. Advantages, aggregation and penalties are the trainer's.
    Raises ValueError, TypeError: an unknown name or setting; a method that is more than a loss of
        sampled tokens, because it plans, prepares or updates a batch itself, or needs whole groups,
        whole distributions, a reference or a critic."""
    method = method_kind(name)(**settings)
    kind = type(method)
    stages = ("plan", "prepare", "update")
    more = [
        *(f"a {x} of its own" for x in stages if getattr(kind, x) is not getattr(Method, x)),
        *(
            f"{f.name}={getattr(method, f.name)!r}, the trainer's business"
            for f in fields(Method)
            if getattr(method, f.name) != getattr(kind if f.name in CLASSES_OWN else Method, f.name)
        ),
        *(
            f"a need of {f.name}"
            for f in fields(Needs)
            if getattr(method.needs(method.anchor), f.name) != f.default
        ),
    ]
    if more:
        raise ValueError(
            f"method: expected one that is a loss of sampled tokens and no more, got {name!r}, "
            f"which has {more[0]}"
        )

    def loss(logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor) -> TokenLoss:
        none: Any = None  # what a trainer's loss does not know
        batch = Batch(
            tokens=none,
            mask=mask,
            forced=torch.zeros_like(mask),
            rewards=none,
            group=none,
            ended=none,
            horizon=none,
            # A trainer may have anything under the mask, and a loss in a reader's file may read it.
            logp_rollout=logp_old.where(mask, logp.detach()),
            advantages=advantages.where(mask, 0.0),
            memory=none,
        )
        found = as_token_loss(method.objective(Scores(logp), batch))
        return TokenLoss(found.per_token.where(mask, 0.0), {"kept": mask} | found.diagnostics)

    check_loss(f"method {name!r}", loss)
    loss.__dict__["anchor"] = method.anchor
    return loss
