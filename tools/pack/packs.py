"""Packs what explorables draw: `python -m tools.pack.packs [NAME ...]`. Tests compare the files with
what they are made from.

The recorded sweeps for the run explorer (a sweep whose record has not changed since is taken from
the file as it stands), the sweeps over learning rates for the basin explorer, and the completions
that the loop carries. The batches of `staleness` and `token_microscope` are recorded only where they
are named: another processor rounds them otherwise.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from trbook.explorables import basins, loop_batch, rare_batch, recording, run_presets, runs
from trbook.explorables.files import BUILT
from trlab.sweep import load_sweep

FILE = BUILT / "run_explorer.data.json"
BASIN = BUILT / "basin.data.json"
LOOP = BUILT / "loop.data.json"


def pack(before: dict[str, Any]) -> dict[str, Any]:
    """The whole file, with the sweeps of `before` that are made from today's records."""
    names, made = runs.names(), {sweep["name"]: sweep for sweep in before.get("sweeps", ())}
    same = before.get("format") == runs.format_of_packs()
    sweeps = []
    for name in names:
        packed = made.get(name, {}) if same else {}
        if packed.get("record") == runs.digest(name):
            sweeps.append({**packed, **runs.described(load_sweep(name))})
        else:
            sweeps.append(runs.packed(name))
    return {
        "format": runs.format_of_packs(),
        "presets": run_presets.available(names),
        "question": run_presets.QUESTION,
        "sweeps": sweeps,
    }


def packed_runs() -> dict[str, Any]:
    return pack(json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {})


USUAL = {"run_explorer": packed_runs, "basin": basins.pack, "loop": loop_batch.batch}
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
