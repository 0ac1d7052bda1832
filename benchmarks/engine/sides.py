"""One run of either side: the engine in a Worker of Chromium, or `trlib.train` in torch, with the
same settings.

Both learn `dial` by GRPO in batches of 16 prompts x 8 completions, with exact metrics on 32
completions of every batch. The engine's weights are those that the page ships, in half precision;
torch's are the checkpoint's, in float32. Each side draws its prompts and tokens from random numbers
of its own.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import psutil
import torch

import trlib
from benchmarks.loop.sides import Clock, Timed
from tools.browser import browser
from tools.serve import served
from trbook.explorables.engine import HERE as ENGINE
from trbook.explorables.engine import packed
from trlib.algorithms import GRPO

PROMPTS, GROUP = 16, 8
REGIMES: dict[str, dict[str, Any]] = {
    "gentle": {"lr": 3e-4, "minibatches": 1, "epochs": 1},
    "stale": {"lr": 1e-4, "minibatches": 8, "epochs": 4},
}
LABELS = {"gentle": "1 update per batch", "stale": "8 minibatches x 4 epochs"}
WARM = 3
"""Batches before the clock starts."""

OPEN = """async ({ card, weights, settings }) => {
    const wasm = await (await fetch("/built/engine.wasm")).arrayBuffer();
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
    window.lane?.terminate();
    window.lane = new Worker("/js/worker.js", { type: "module" });
    lane.postMessage({ load: { wasm, bytes, card }, settings });
}"""
BATCHES = """(count) => new Promise((done, fail) => {
    const rewards = [], began = performance.now();
    lane.onerror = (event) => fail(new Error(event.message));
    lane.onmessage = ({ data }) => {
        if (data.error) fail(new Error(data.error));
        if (data.event !== "batch") return;
        rewards.push(data.row.reward);
        if (rewards.length === count) done({ rewards, took: performance.now() - began });
    };
    for (let k = 0; k < count; k++) lane.postMessage({ once: "batch" });
})"""


class Page:
    """Chromium with the engine beside it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        card, data = packed(trlib.load_policy("dial"))
        self.given = {"card": card.json(), "weights": base64.b64encode(data).decode()}

    def run(self, regime: str, batches: int, seed: int) -> dict[str, Any]:
        """Reward of every batch, and milliseconds per batch after the first ones, by wall and
        processor time."""
        settings = {
            **REGIMES[regime],
            "method": "grpo",
            "prompts": PROMPTS,
            "group": GROUP,
            "seed": seed,
        }
        self.page.evaluate(OPEN, {**self.given, "settings": settings})
        first = self.page.evaluate(BATCHES, WARM + 1)
        began = children_seconds()
        rest = self.page.evaluate(BATCHES, batches - WARM - 1)
        used, counted = children_seconds() - began, batches - WARM - 1
        return {
            "side": "page",
            "regime": regime,
            "seed": seed,
            "rewards": first["rewards"] + rest["rewards"],
            "wall_ms": rest["took"] / counted,
            "cpu_ms": 1000 * used / counted,
        }


@contextmanager
def chromium_page() -> Iterator[Page]:
    """The engine's folder, served on loopback and opened."""
    with served(ENGINE) as address, browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{address}/js/")
        yield Page(page)


def in_torch(regime: str, batches: int, seed: int) -> dict[str, Any]:
    """The same of `trlib.train`, one thread."""
    torch.set_num_threads(1)
    clock = Clock()
    trlib.train(
        trlib.load_policy("dial"),
        Timed(trlib.load_task("dial"), clock, PROMPTS * GROUP),
        GRPO(),
        steps=batches,
        seed=seed,
        prompts=PROMPTS,
        group=GROUP,
        anchor="recomputed",
        progress=False,
        **REGIMES[regime],
    )
    counted = batches - WARM - 1
    return {
        "side": "torch",
        "regime": regime,
        "seed": seed,
        "rewards": clock.reward,
        "wall_ms": 1000 * (clock.wall[-1] - clock.wall[WARM]) / counted,
        "cpu_ms": 1000 * (clock.cpu[-1] - clock.cpu[WARM]) / counted,
    }


def children_seconds() -> float:
    """Processor seconds of this process's living descendants: Chromium and its driver."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(spent.user + spent.system for spent in times)
