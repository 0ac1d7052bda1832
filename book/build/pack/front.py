"""Records what the front page shows: three ways to use a batch, eight seeds of each, and what the
median seed writes: `python -m book.build.pack.front`.

The page's own engine learns, in Node, so that the curve that a reader trains beside the recorded
ones is made by the same arithmetic from the same draws. `built/front.data.json` holds, by lane, how
many of each batch's completions were right, seed by seed, and after each batch of the median seed
one answer to the prompt of the page. Three minutes of one core.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from trbook.explorables import Front
from trbook.explorables.files import BUILT
from trbook.explorables.front import BATCHES, LANES, SEEDS, packed, settings
from trbook.explorables.parts import parts

LEARN = Path(__file__).with_suffix(".mjs")


def learn(lane: str, seed: int, prompt: str = "", batches: int = BATCHES) -> dict[str, Any]:
    """The rewards of a lane's batches; with a prompt also eight answers before the first and after
    each."""
    shipped = parts()
    engine = json.loads(shipped["engine"])
    given = {
        "wasm": engine["wasm"],
        "weights": shipped["dial"],
        "card": engine["cards"]["dial"],
        "settings": settings(lane, seed),
        "batches": batches,
        "prompt": prompt,
    }
    done = subprocess.run(
        ["node", str(LEARN)], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    print(f"front: {lane}, seed {seed}", file=sys.stderr)
    return json.loads(done.stdout)


def main() -> int:
    content = packed(learn)
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    (BUILT / f"{Front.module}.data.json").write_text(text + "\n", encoding="utf-8")
    print(f"front: {SEEDS} seeds of {len(LANES)} lanes, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
