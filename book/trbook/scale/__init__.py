"""What changes when the model is large: bytes, settings of other libraries, and more than one
process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def smollm2() -> dict[str, Any]:
    """What `python -m benchmarks.smollm2.run` recorded: the reward of each batch of its one run of
    GRPO, and the share of held-out sums that are right `before` and `after`, sampled."""
    return json.loads(Path(__file__).with_name("smollm2.json").read_text(encoding="utf-8"))
