"""The laboratory: sweeps that are declared, run, recorded and read with intervals.

A sweep is a short Python file with one `SWEEP = Sweep(...)`; those of the book stand in `trlab/sweeps`, what they
found in `trlab/records`. `trlib sweep NAME` runs one, `recorded(NAME)` reads one.
"""

from __future__ import annotations

from trlab.record import recorded
from trlab.sweep import Axis, Budget, Prediction, Sweep, Variant

__all__ = ["Axis", "Budget", "Prediction", "Sweep", "Variant", "recorded"]
