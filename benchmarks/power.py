"""How often a verdict is wrong where nothing differs, how often an interval holds the truth, and how
often a difference that is there is found: `python -m benchmarks.power`.

It writes `power.json`; *How we compare* prints its tables. Level and coverage are of drawn runs: of
normal ones, and of runs of which three in ten break. For power, the recorded runs of two arms are
drawn again with replacement, each arm for itself. `before` is the test of the first five rounds, of
pairs with one seed; `today` is the permutation test of independent runs. A verdict also needs its
intervals, so none is found oftener than it says here.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from trlab.record import read
from trlab.significance import ALPHA, improvement_p, paired_p
from trlab.statistics import interval, iqm

FILE = Path(__file__).with_suffix(".json")
COMMAND = "python -m benchmarks.power"
TIMES = 1_000
"""Draws of each number."""
DEALS = 2_000
"""Ways to deal the runs out that a permutation test looks at here."""
SIZES = (6, 8, 12, 16)

Runs = list[np.ndarray]
"""The runs of an arm, an array for each task."""
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(0.8, 0.05, n)


def breaking(rng: np.random.Generator, n: int) -> np.ndarray:
    """Runs of which three in ten break."""
    broken = rng.random(n) < 0.3
    return np.where(broken, rng.normal(0.1, 0.05, n), rng.normal(0.85, 0.03, n))


KINDS: Mapping[str, Draw] = {"normal": normal, "breaking": breaking}


def before(x: Runs, y: Runs) -> float:
    """The p-value of the first five rounds."""
    return paired_p(x, y)


def today(x: Runs, y: Runs) -> float:
    """The p-value of today's test."""
    return improvement_p(x, y, draws=DEALS)


TESTS: Mapping[str, Callable[[Runs, Runs], float]] = {"before": before, "today": today}

EFFECTS: Mapping[str, tuple[str, Sequence[tuple[str, str]], Mapping[str, str]]] = {
    "PPO's clip less none, age 64": (
        "age_regions",
        [("ppo", "unclipped")],
        {"age": "64 at 0.0003"},
    ),
    "relay, 64 prompts less 16, sixteen fits": (
        "families_relay",
        [("64 x 16", "16 x 16")],
        {"lr": "0.0003"},
    ),
    "64 prompts less 16, sixteen fits": ("completions", [("64 x 16", "16 x 16")], {"nats": "0.02"}),
    "the same, pooled over once and sixteen fits": (
        "completions",
        [("64 x 1", "16 x 1"), ("64 x 16", "16 x 16")],
        {"nats": "0.02"},
    ),
}
"""What the book asked: a sweep, the higher and the lower arm of each task, and where."""


def arms(effect: str) -> tuple[Runs, Runs, int]:
    """The recorded runs of both sides, and how many predictions the sweep makes."""
    name, pairs, place = EFFECTS[effect]
    sweep, runs, _ = read(name)
    for axis, point in place.items():
        runs = runs[runs[axis].astype(str) == point]
    higher, lower = (
        [runs[runs["label"] == pair[side]]["sampled"].to_numpy(float) for pair in pairs]
        for side in (0, 1)
    )
    return higher, lower, len(sweep.predictions)


def level(kind: str, test: str, n: int, *, times: int = TIMES, seed: int = 0) -> float:
    """How often two arms that are alike are said to differ, before any correction."""
    rng, draw = np.random.default_rng(seed), KINDS[kind]
    found = [TESTS[test]([draw(rng, n)], [draw(rng, n)]) < ALPHA for _ in range(times)]
    return float(np.mean(found))


def coverage(kind: str, n: int, *, times: int = TIMES, seed: int = 0) -> float:
    """How often the 95 % interval of an interquartile mean holds it."""
    rng, draw = np.random.default_rng(seed), KINDS[kind]
    truth = iqm(draw(rng, 1_000_000))
    found = [interval(draw(rng, n), resamples=2_000) for _ in range(times)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def power(
    effect: str, test: str, n: int, *, times: int = TIMES, seed: int = 0
) -> tuple[float, float]:
    """How often a recorded difference is found in n new runs of each arm: where Holm's correction
    asks it first of all the sweep's predictions, and where last."""
    rng = np.random.default_rng(seed)
    higher, lower, family = arms(effect)
    p = np.array(
        [
            TESTS[test]([rng.choice(a, n) for a in higher], [rng.choice(b, n) for b in lower])
            for _ in range(times)
        ]
    )
    return float(np.mean(p < ALPHA / family)), float(np.mean(p < ALPHA))


def correlation(name: str = "completions") -> float:
    """The mean correlation of two arms of a sweep over the seeds that they share."""
    sweep, runs, _ = read(name)
    axes = [axis.name for axis in sweep.axes]
    found = []
    for _, here in runs.groupby(axes):
        table = here.pivot(index="seed", columns="label", values="sampled").to_numpy(float)
        each = np.corrcoef(table, rowvar=False)
        found += [each[i, j] for i, j in combinations(range(len(each)), 2)]
    return float(np.nanmean(found))


def measured(times: int = TIMES) -> dict[str, Any]:
    """Every number of the tables."""
    return {
        "command": COMMAND,
        "times": times,
        "correlation": round(correlation(), 3),
        "level": {
            f"{kind}, {test}, {n}": level(kind, test, n, times=times)
            for kind in KINDS
            for test in TESTS
            for n in SIZES
        },
        "coverage": {
            f"{kind}, {n}": coverage(kind, n, times=times) for kind in KINDS for n in SIZES
        },
        "power": {
            f"{effect}, {test}, {n}": power(effect, test, n, times=times)
            for effect in EFFECTS
            for test in TESTS
            for n in SIZES[1:3]
        },
    }


def tables(found: Mapping[str, Any]) -> str:
    """The record as Markdown."""

    def percent(share: float) -> str:
        return f"{100 * share:.0f}"

    lines = [
        "| runs of each arm | wrong where nothing differs, pairs | the same, independent runs | "
        "the interval holds the truth |",
        "|---|---|---|---|",
    ]
    for n in SIZES:
        columns = [
            " and ".join(percent(found["level"][f"{kind}, {test}, {n}"]) for kind in KINDS)
            for test in TESTS
        ]
        holds = " and ".join(percent(found["coverage"][f"{kind}, {n}"]) for kind in KINDS)
        lines.append(f"| {n} | {' | '.join(columns)} | {holds} |")
    lines += [
        "",
        "| a recorded difference | size | 8 runs, pairs | 8, independent | 12, pairs | "
        "12, independent |",
        "|---|---|---|---|---|---|",
    ]
    for effect in EFFECTS:
        higher, lower, _ = arms(effect)
        gap = np.mean([iqm(a) - iqm(b) for a, b in zip(higher, lower, strict=True)])
        cells = [
            " to ".join(percent(share) for share in found["power"][f"{effect}, {test}, {n}"])
            for n in SIZES[1:3]
            for test in TESTS
        ]
        lines.append(f"| {effect} | +{gap:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=TIMES, help="draws of each number")
    found = measured(parser.parse_args(argv).times)
    assert all(not math.isnan(share) for share in found["level"].values())
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(tables(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
