"""Figures of recorded runs: `sweeps` draws arms on matplotlib's axes, `recorded` the figures of the
records' pages, `figure` has looks and what turns a figure into SVG for a page.
"""

from trlab.drawing.figure import (
    COLOURS,
    DASHES,
    HUES,
    INK,
    LEGEND,
    LOOKS,
    MARKERS,
    NARROW,
    WIDE,
    Drawing,
    legend,
    legend_above,
    look,
    panels,
)
from trlab.drawing.labels import name_lines
from trlab.drawing.sweeps import bands, curves, intervals

__all__ = [
    "COLOURS",
    "DASHES",
    "HUES",
    "INK",
    "LEGEND",
    "LOOKS",
    "MARKERS",
    "NARROW",
    "WIDE",
    "Drawing",
    "bands",
    "curves",
    "intervals",
    "legend",
    "legend_above",
    "look",
    "name_lines",
    "panels",
]
