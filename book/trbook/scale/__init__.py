"""What changes when the model is large: bytes, settings of other libraries, and more than one
process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def smollm2() -> dict[str, Any]:
    """What `python -m benchmarks.smollm2.run` recorded: the reward of each batch of its one run of
    GRPO, and the share of held-out sums that are right `before` and `after`, sampled."""
    return _recorded("smollm2")


def distributed() -> dict[str, Any]:
    """What commands for two processes started, recorded once, on a CPU. Every one of the `ways`
    learned the same four updates from the same batch: by name its command, how many processes there
    were, how many of the 124,224 weights each held, and how far the weights ended from those of one
    process."""
    return _recorded("distributed")


def _recorded(name: str) -> dict[str, Any]:
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
