"""Explorables: figures that you can drag. One class each, drawn by one JavaScript module.

    from trbook.explorables import RatioMap
    RatioMap(eps_high=0.28)

Some have openers, smaller forms for a chapter's first screen: one control and a verdict in large
type, at most 420 pixels high on a desk and 600 on a phone, without a title or a frame.

    Staleness(opener="promise")       # the surrogate promises more than the highest possible reward
    Staleness(opener="hold")          # tokens that the clip has clipped, and that move on
    TokenMicroscope(opener="words")   # the careful openers that the clip strikes out
    RatioMap(opener="map")            # the map of ratios; its dot is dragged
    Projection(opener="out")          # the network runs out, its projection stays
    TrSFT(opener="expert")            # an expert with one favourite mistake, or many rare ones
    Basin(opener="rate")              # the learning rate at which each method's run dies

Others are small by themselves:

    NaturalGradient()                 # one step of a parameter, two distances of the policy
    QueryDual()                       # a fence and a price, for two prompts
    TwoLosses()                       # two rewards that rise, and a token that tells which loss is wrong
    TwoSamplers()                     # stale and quantised samplers: two curves that cross
    Dial()                            # one answer drawn on a dial, before and after; Train it here
    Dial(view="eight")                # the eight answers of a prompt, which change while it trains
    Dial(view="group")                # the same with their advantages: a group that grades itself
    Storyteller()                     # two large numbers, a story, three buttons that train

A setting that is given beside the opener's name replaces that of `shown`. Openers have no state in
the address: links move the whole figure, where a page has both.

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
    "Dial": "dial",
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
    "TwoLosses": "two_losses",
    "TwoSamplers": "two_samplers",
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
