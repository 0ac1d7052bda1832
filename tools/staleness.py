"""Records the batch that the explorable `staleness` shows: `python -m tools.staleness`, about half a minute."""

from __future__ import annotations

import json
import sys

from trlib.pages.explorables.modules import BUILT
from trlib.pages.explorables.recording import record

FILE = BUILT / "staleness.data.json"


def main() -> int:
    text = json.dumps(record(), separators=(",", ":"), ensure_ascii=False)
    FILE.write_text(f"{text}\n", encoding="utf-8")
    print(f"recorded: {FILE.name} ({len(text)} characters)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
