"""Records what the dial shows: one run, and eight answers before and after it:
`python -m book.build.pack.dial`.

The page's own engine learns, in Node, so that a run in the page repeats it. `built/dial.data.json`
holds how many of each batch's completions were right, and the answers. A minute of one core.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from book.build.pack import in_node
from trbook.explorables.dial import BATCHES, packed
from trbook.explorables.files import BUILT

LEARN = Path(__file__).with_suffix(".mjs")


def learn(settings: dict[str, Any], prompt: str = "", batches: int = BATCHES) -> dict[str, Any]:
    """The rewards of a run's batches; with a prompt also eight answers before the first and after
    each."""
    return in_node.learn(LEARN, "dial", settings, batches, prompt)


def main() -> int:
    text = json.dumps(packed(learn), separators=(",", ":"), ensure_ascii=False)
    (BUILT / "dial.data.json").write_text(text + "\n", encoding="utf-8")
    print(f"dial: {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
