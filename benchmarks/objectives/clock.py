"""Alternating measurement: every contestant once a round, in a rotating order, so that a
disturbance hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any


def alternate(
    contestants: Mapping[str, Callable[[], Any]], rounds: int, *, warm: int = 1
) -> dict[str, list[float]]:
    """Processor seconds of every call, by name; the first `warm` rounds do not count."""
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for count in range(-warm, rounds):
        shift = count % len(names)
        for name in names[shift:] + names[:shift]:
            began = time.process_time()
            contestants[name]()
            if count >= 0:
                seconds[name].append(time.process_time() - began)
    return seconds


def against(seconds: Mapping[str, list[float]], plain: str) -> dict[str, dict[str, float]]:
    """For every name: the median in ms, and the median over rounds of its ratio to `plain` in the
    same round."""
    return {
        name: {
            "ms": 1e3 * median(each),
            "ratio": median(a / b for a, b in zip(each, seconds[plain], strict=True)),
        }
        for name, each in seconds.items()
    }
