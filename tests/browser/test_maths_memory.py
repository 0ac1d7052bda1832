"""The bytes of `memory` against those of trlib."""

from __future__ import annotations

import random
from typing import Any

import pytest

from trbook.scale import memory

JS = "(m, all) => all.map(s => m.bytes(s))"


def test_every_part_is_that_of_trlib(sources: Any) -> None:
    pick = random.Random(5)
    sizes = {
        "prompts": 64,
        "group": 32,
        "prompt": 500,
        "completion": 3000,
        "at_once": 5000,
        "top_k": 100,
        "rank": 64,
    }
    words = {
        "model": list(memory.MODELS),
        "method": memory.METHODS,
        "scoring": memory.SCORING,
        "precision": memory.PRECISIONS,
        "learns": memory.LEARNS,
    }
    setups = [
        memory.Setup(
            **{name: pick.randint(1, most) for name, most in sizes.items()},
            **{name: pick.choice(options) for name, options in words.items()},
            vocabulary=pick.choice([0, 272, 1000, 151_936]),
        )
        for _ in range(300)
    ]
    assert {(s.model, s.method) for s in setups} == {
        (a, b) for a in words["model"] for b in words["method"]
    }
    found = sources("memory/maths.js", JS, [vars(setup) for setup in setups])
    for setup, got in zip(setups, found, strict=True):
        wanted = memory.as_dict(setup)
        assert set(got) == set(wanted)
        for moment in ("updating", "sampling"):
            assert got[moment] == pytest.approx(wanted[moment], rel=1e-12), setup
        for name in ("parameters", "learning", "peak"):
            assert got[name] == pytest.approx(wanted[name], rel=1e-12), setup
