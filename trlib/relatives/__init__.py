"""The gallery: every relative of the book's methods, one module per branch.

    from trlib.relatives import RELATIVES
    trlib.train(policy, task, RELATIVES["r2vpo"]())

A relative takes its paper's form: an objective (a `Method`, trained like those of
`trlib.algorithms`), an optimiser (`trlib.train(..., optimizer="muon")`), or a function with a small
problem of its own."""

from typing import Any

from trlib.relatives import (
    asynchrony,
    classical,
    constraints,
    finetuning,
    optimizers,
    preferences,
    ratios,
    regression,
    transport,
    values,
)

_ORDER = (
    ratios,
    constraints,
    regression,
    preferences,
    transport,
    values,
    optimizers,
    finetuning,
    classical,
    asynchrony,
)
BRANCHES = {branch.__name__.rpartition(".")[2]: branch for branch in _ORDER}
"""The branches of the family, in the order of the book."""
RELATIVES: dict[str, Any] = {
    name: entry for branch in BRANCHES.values() for name, entry in branch.RELATIVES.items()
}
"""From name to class, preset, optimiser or function."""
