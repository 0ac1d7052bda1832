"""Figures of recorded runs: `sweeps` draws arms on matplotlib's axes, `recorded` the figures of the
records' pages, `looks` says how a method looks.
"""

from trlab.drawing.looks import COLOURS, DASHES, HUES, INK, LOOKS, MARKERS, look, note
from trlab.drawing.sweeps import bands, curves, intervals

__all__ = [
    "COLOURS",
    "DASHES",
    "HUES",
    "INK",
    "LOOKS",
    "MARKERS",
    "bands",
    "curves",
    "intervals",
    "look",
    "note",
]
