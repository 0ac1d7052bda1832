"""The laboratory: sweeps that are declared, run, recorded and read with intervals.

A sweep is a short Python file with one `SWEEP = Sweep(...)`; those of the book are in
`trlab/sweeps`, what they found in `trlab/records`. `trlib sweep NAME` runs one, `recorded(NAME)`
reads one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trlab.sweep import Axis, Budget, Prediction, Sweep, Variant
from trlib.name_clash import check

check()

__all__ = ["Axis", "Budget", "Prediction", "Sweep", "Variant", "recorded"]

if TYPE_CHECKING:
    from trlab.record import recorded


def __getattr__(name: str) -> Any:
    """`recorded`, when it is first used: it needs numpy, which `trlib --help` can do without."""
    if name != "recorded":
        raise AttributeError(f"module 'trlab' has no attribute {name!r}")
    from trlab.record import recorded

    return recorded
