"""Explorables: figures that you can drag. One class each, drawn by one JavaScript module.

    from trbook.explorables import RatioMap
    RatioMap(eps_high=0.28)

In Jupyter an explorable is a live widget whose settings Python reads and sets; on a built page and
in Colab the same module runs without a kernel. The classes load anywidget when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "BaselineRadius": "baseline_radius",
    "Basin": "basin",
    "Clip": "clip",
    "Front": "front",
    "GAE": "gae",
    "Loop": "loop",
    "NaturalGradient": "natural_gradient",
    "Playground": "playground",
    "Projection": "projection",
    "QueryDual": "query_dual",
    "RatioMap": "ratio_map",
    "Simplex": "simplex",
    "Staleness": "staleness",
    "Storyteller": "storyteller",
    "TokenMicroscope": "token_microscope",
    "TrSFT": "trsft",
    "TwoSamplers": "two_samplers",
    "Unifier": "unifier",
    "VocabularyStep": "vocabulary_step",
    "Wall": "wall",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'trbook.explorables' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"trbook.explorables.{_HOME[name]}"), name)
    except ModuleNotFoundError as missing:
        if missing.name not in ("anywidget", "traitlets"):
            raise
        from trlib.errors import MissingExtra

        raise MissingExtra(
            "explorables need anywidget, an optional part of trust-region-book: `pip install "
            "anywidget` installs it"
        ) from missing
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
