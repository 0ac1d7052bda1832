"""The laboratory: sweeps that are declared, run, recorded and read with intervals.

A sweep is a short Python file with one `SWEEP = Sweep(...)`; those of the book are in
`trlab/sweeps`, what they found in `trlab/records`. `trlib sweep NAME` runs one, `recorded(NAME)`
reads one, and `comparisons(METHOD)` counts what all of them say of a method.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trlab.sweep import Axis, Budget, Prediction, Sweep, Variant
from trlib.name_clash import check

check()

__all__ = ["Axis", "Budget", "Prediction", "Sweep", "Variant", "comparisons", "recorded"]

if TYPE_CHECKING:
    from trlab.counted import comparisons
    from trlab.record import recorded


def __getattr__(name: str) -> Any:
    """What reads records, when it is first used: it needs numpy, which `trlib --help` can do
    without."""
    homes = {"recorded": "trlab.record", "comparisons": "trlab.counted"}
    if name not in homes:
        raise AttributeError(f"module 'trlab' has no attribute {name!r}")
    return getattr(import_module(homes[name]), name)
