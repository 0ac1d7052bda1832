"""Figures: a `Drawing` is one for a page, in the page's text colour and font.

`figure` makes empty ones and turns them into SVG, `labels` names lines; `figure_registry` says
what each figure of a recorded sweep shows, `recorded` draws one from a record, `scores` and `costs` are the
kinds of picture: scores of runs, and what a method pays for them.
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
