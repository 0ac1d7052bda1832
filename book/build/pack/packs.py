"""Packs what explorables draw: `python -m book.build.pack.packs [NAME ...]`. Tests compare the files with
what they are made from.

The sweeps over learning rates for the basin explorer, the ends under two samplers, the completions
that the loop carries, and the answers of three runs, batch by batch.
The batches of `staleness` and `token_microscope` are recorded only where they are named: another
processor rounds them otherwise.
"""

from __future__ import annotations

import json
import sys

from trbook.explorables import (
    basins,
    loop_batch,
    rare_batch,
    recording,
    two_samplers,
    wall_runs,
)
from trbook.explorables.files import BUILT

USUAL = {
    "basin": basins.pack,
    "loop": loop_batch.batch,
    "two_samplers": two_samplers.pack,
    "wall": wall_runs.pack,
}
MADE = {**USUAL, "staleness": recording.record, "token_microscope": rare_batch.record}
"""What makes the data of an explorable, by its name."""


def main() -> int:
    for name in sys.argv[1:] or USUAL:
        text = json.dumps(MADE[name](), separators=(",", ":"), ensure_ascii=False)
        (BUILT / f"{name}.data.json").write_text(f"{text}\n", encoding="utf-8")
        print(f"packed: {name} ({len(text)} characters)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
