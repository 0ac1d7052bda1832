"""The playground: the embedded policy learns in the page, by one to four methods side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable
from trlib.errors import unknown

HERE = Path(__file__).parent
SEEDS = HERE / "playground.seeds.json"
"""How every preset ended with eight seeds, as `book.build.pack.presets` recorded it."""
FIRST = HERE / "playground.first.json"
"""By preset a whole run of every lane, with which the page compares what learns in it."""
MOST = 4
AT_FIRST = 4
"""Batches of it that are seen before the reader's own run has come so far, where the page asks how it ends."""
LANE = ("method", "checkpoint", "threshold", "lr", "epochs", "minibatches", "group", "difficulty")
"""Settings that a lane may name; the others keep their defaults."""
BESIDE = {
    **dict.fromkeys(("reinforce", "ppo"), ("advantage", "shift")),
    "pg_is": ("beta", "advantage", "shift"),
    "centered": ("weight", "advantage", "shift"),
    "bapo": ("high_most", "count"),
    "minpro": ("eps_low",),
    "cpgd": ("alpha", "cap"),
    "r2vpo": ("lam", "dual_lr"),
}
"""Settings of a method that a lane may name besides its threshold."""
OWN = ("formula", "constants", "advantage", "aggregation")
"""The settings of a lane whose method is the reader's own, `own`: a formula for the gradient
weight, its constants, and two that every method of trlib has."""
PAGES = ("quickstart", "opening", "groups", "clipping", "r2vpo")
"""Presets that chapters of the book begin with: each has its still. The bench has pages of its own, with the first preset
and with `own`."""
VIEWS = ("completions", "map", "ratios", "openers", "bands")


@cache
def presets() -> dict[str, dict[str, Any]]:
    """By name: title, what to notice, lanes, batches, and mostly a question with its answer."""
    return json.loads((HERE / "playground.json").read_text(encoding="utf-8"))["presets"]


class Playground(Explorable):
    """A language model that learns by reinforcement while you look: on a page, without a kernel or
    a server.

    In a chapter it shows the reward, *Play* and one slider; `bench=True` shows all settings.
    One to four lanes learn from the same random numbers; each has its method, threshold, learning
    rate, epochs per batch, minibatches, completions per prompt, checkpoint, and how hard its prompts
    are (`difficulty`: the moves of a dial, or the amount to spend); some of the gallery's methods
    have a setting or two beside the threshold. What is dragged acts from the next batch on.
    The policy is computed by `trbook.explorables.engine`, which is tested against
    trlib's own loop; the page loads it when *Play* is pressed.

        Playground(preset="clipping")
        Playground(lanes=[
            {"method": "ppo", "threshold": 0.1, "epochs": 8},
            {"method": "troll", "epochs": 8},
        ])
        Playground(lanes=[{
            "method": "own", "formula": "A*r*(abs(p-q) < d)", "constants": {"d": 0.15}, "epochs": 16,
        }])

    Raises:
        ValueError: an unknown preset, view, setting, or setting of a lane; the nearest is
            suggested.
        traitlets.TraitError: a trait of the wrong type.
    """

    module = "playground"
    fallback = (
        "Playground: the embedded language model learns in this page, by up to four methods side "
        "by side. It needs JavaScript and WebAssembly."
    )
    shown: ClassVar[dict[str, dict[str, Any]]] = {
        **{name: {"preset": name} for name in PAGES},
        "bench": {"bench": True},
        "own": {"preset": "own", "bench": True},
    }

    preset = t.Unicode("", help="What the page begins with, such as `clipping`; empty: the first.")
    lanes = t.List(t.Dict(), help="One to four lanes in place of the preset's, each a dict.")
    bench = t.Bool(
        False,
        help="All settings at once; else the reward, *Play* and one slider, and a press opens them.",
    )
    seed = t.CInt(0, help="The seed of prompts and draws, the same for every lane.")
    view = t.Unicode(
        "", help=f"The picture beside the curves: one of {VIEWS}; empty: the preset's."
    )
    prompt = t.Unicode(
        "", help="The prompt that eight completions are sampled for; empty: an example."
    )
    _parts = t.Dict()

    @t.default("_parts")
    def _shipped(self) -> dict[str, str]:
        from trbook.explorables.parts import parts  # reads checkpoints: torch is loaded here

        return parts()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for what, name, names in (("preset", self.preset, presets()), ("view", self.view, VIEWS)):
            if name and name not in names:
                raise unknown(f"Playground, {what}", name, names)
        if len(self.lanes) > MOST:
            raise ValueError(f"lanes: expected at most {MOST}, got {len(self.lanes)}")
        for lane in self.lanes:
            beside = BESIDE.get(lane.get("method", ""), ())
            for name in lane:
                if name not in (
                    known := (*LANE, *(OWN if lane.get("method") == "own" else beside))
                ):
                    raise unknown("Playground, setting of a lane", name, known)

    def _differs(self) -> dict[str, Any]:
        differs = super()._differs()
        if differs.get("preset") == next(iter(presets())):
            del differs["preset"]
        return differs

    def _more(self) -> dict[str, Any]:
        """The lanes as they will be, and what learns when *Play* is pressed."""
        name = self.preset or next(iter(presets()))
        batches = 0 if set(self._differs()) - {"preset", "bench"} else recorded(name)
        light = lines(list(self.lanes) or presets()[name]["lanes"], batches)
        return {"parts": self._parts, "light": light}


def recorded(preset: str) -> int:
    """How many batches of each lane a page shows at first."""
    shown = json.loads(FIRST.read_text(encoding="utf-8")).get(preset, {"lanes": [{"rows": []}]})
    rows = min(len(lane["rows"]) for lane in shown["lanes"])
    return min(rows, AT_FIRST) if "question" in presets()[preset] else rows


def lines(lanes: Sequence[dict[str, Any]], batches: int) -> str:
    """The lanes as text on the page, before any has done a batch of its own."""
    message = f"{batches} recorded batches" if batches else "no batch yet"
    return "".join(
        f'<div slot="lane-{name}" data-lane="{name}" '
        f'data-method="{escape(lane.get("method", "ppo"))}" data-batch="0" data-reward="">'
        f"{message}</div>"
        for name, lane in zip("abcd", lanes, strict=False)
    )
