"""A run of the playground's engine in Node, for what an explorable stores of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from trbook.explorables.parts import parts


def learn(
    script: Path, checkpoint: str, settings: dict[str, Any], batches: int, prompt: str
) -> dict[str, Any]:
    """What a script prints of a run from one of the embedded checkpoints."""
    shipped = parts()
    engine = json.loads(shipped["engine"])
    given = {
        "wasm": engine["wasm"],
        "weights": shipped[checkpoint],
        "card": engine["cards"][checkpoint],
        "settings": settings,
        "batches": batches,
        "prompt": prompt,
    }
    done = subprocess.run(
        ["node", str(script)], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
