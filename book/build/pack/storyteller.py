"""Records what the storyteller begins with, a run without a penalty: `python -m
book.build.pack.storyteller`.

The page's own engine learns, in Node, so that a run that a reader trains beside the recorded one is
made by the same arithmetic from the same draws. `built/storyteller.data.json` holds the rows of its
history, and after each batch the story that most of eight are like.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from book.build.pack import in_node
from trbook.explorables.files import BUILT
from trbook.explorables.storyteller import BATCHES, PROMPT, packed

LEARN = Path(__file__).with_suffix(".mjs")


def learn(settings: dict[str, Any], batches: int = BATCHES) -> dict[str, Any]:
    """Rows of a run and its stories, one before every batch."""
    return in_node.learn(LEARN, "tales", settings, batches, PROMPT)


def main() -> int:
    text = json.dumps(packed(learn), separators=(",", ":"), ensure_ascii=False)
    (BUILT / "storyteller.data.json").write_text(text + "\n", encoding="utf-8")
    print(f"storyteller: {BATCHES} batches, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
