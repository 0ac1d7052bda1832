"""Explorables: figures that you can drag. One class each, drawn by one JavaScript module.

    from trbook.explorables import RatioMap
    RatioMap(eps_high=0.28)

In Jupyter an explorable is a live widget whose settings Python reads and sets; on a built page and
in Colab the same module runs without a kernel. The classes load anywidget when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Basin": "basin",
    "Clip": "clip",
    "Diagnose": "diagnose",
    "GAE": "gae",
    "Loop": "loop",
    "Memory": "memory",
    "NaturalGradient": "natural_gradient",
    "Playground": "playground",
    "Projection": "projection",
    "GradientWeight": "gradient_weight",
    "QueryDual": "query_dual",
    "RatioMap": "ratio_map",
    "RunExplorer": "run_explorer",
    "Simplex": "simplex",
    "Staleness": "staleness",
    "Survival": "survival",
    "TokenMicroscope": "token_microscope",
    "TrSFT": "trsft",
    "Unifier": "unifier",
    "VocabularyStep": "vocabulary_step",
}

__all__ = [
    "GAE",
    "Basin",
    "Clip",
    "Diagnose",
    "GradientWeight",
    "Loop",
    "Memory",
    "NaturalGradient",
    "Playground",
    "Projection",
    "QueryDual",
    "RatioMap",
    "RunExplorer",
    "Simplex",
    "Staleness",
    "Survival",
    "TokenMicroscope",
    "TrSFT",
    "Unifier",
    "VocabularyStep",
]

if TYPE_CHECKING:
    from trbook.explorables.basin import Basin
    from trbook.explorables.clip import Clip
    from trbook.explorables.diagnose import Diagnose
    from trbook.explorables.gae import GAE
    from trbook.explorables.gradient_weight import GradientWeight
    from trbook.explorables.loop import Loop
    from trbook.explorables.memory import Memory
    from trbook.explorables.natural_gradient import NaturalGradient
    from trbook.explorables.playground import Playground
    from trbook.explorables.projection import Projection
    from trbook.explorables.query_dual import QueryDual
    from trbook.explorables.ratio_map import RatioMap
    from trbook.explorables.run_explorer import RunExplorer
    from trbook.explorables.simplex import Simplex
    from trbook.explorables.staleness import Staleness
    from trbook.explorables.survival import Survival
    from trbook.explorables.token_microscope import TokenMicroscope
    from trbook.explorables.trsft import TrSFT
    from trbook.explorables.unifier import Unifier
    from trbook.explorables.vocabulary_step import VocabularyStep


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
    return sorted(__all__)
