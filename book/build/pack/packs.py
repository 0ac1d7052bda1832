"""Packs what explorables draw: `python -m book.build.pack.packs [NAME ...]`. Tests compare the files with
what they are made from.

The sweeps over learning rates for the basin explorer, the ends under two samplers, the completions
that the loop carries, and the answers of three runs, batch by batch.
The batches of `staleness`, `token_microscope` and `two_losses` are recorded only where they are named: another
processor rounds them otherwise. So are the runs of `dial` and `storyteller`, in which the page's own engine
learns, in Node, so that a run in the page repeats it: the dial's one run with eight answers before and after it, and
the storyteller's without a penalty, with the story that most of eight are like after each batch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from trbook.explorables import (
    basins,
    dial,
    loop_batch,
    rare_batch,
    recording,
    storyteller,
    two_losses,
    two_samplers,
    wall_runs,
)
from trbook.explorables.files import BUILT
from trbook.explorables.parts import parts


def learn(
    name: str,
    checkpoint: str,
    settings: dict[str, Any],
    prompt: str = "",
    batches: int = dial.BATCHES,
) -> Any:
    """What `NAME.mjs` prints of a run of the engine from one of the embedded checkpoints."""
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
    script = Path(__file__).with_name(f"{name}.mjs")
    done = subprocess.run(
        ["node", str(script)], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


on_dial = partial(learn, "dial", "dial")
of_tales = partial(
    learn, "storyteller", "tales", prompt=storyteller.PROMPT, batches=storyteller.BATCHES
)

USUAL = {
    "basin": basins.pack,
    "loop": loop_batch.batch,
    "two_samplers": two_samplers.pack,
    "wall": wall_runs.pack,
}
MADE = {
    **USUAL,
    "staleness": recording.record,
    "token_microscope": rare_batch.record,
    "two_losses": two_losses.record,
    "dial": lambda: dial.packed(on_dial),
    "storyteller": lambda: storyteller.packed(of_tales),
}
"""What makes the data of an explorable, by its name."""


def main() -> int:
    for name in sys.argv[1:] or USUAL:
        text = json.dumps(MADE[name](), separators=(",", ":"), ensure_ascii=False)
        (BUILT / f"{name}.data.json").write_text(f"{text}\n", encoding="utf-8")
        print(f"packed: {name} ({len(text)} characters)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
