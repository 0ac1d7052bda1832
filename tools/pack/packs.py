"""Packs what explorables draw: `python -m tools.pack.packs`. Tests compare the files with what they
are made from.

The recorded sweeps for the run explorer (a sweep whose record has not changed since is taken from
the file as it stands), the sweeps over learning rates for the basin explorer, and the completions
that the loop carries.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from trbook.explorables import basins, loop_batch, presets, runs
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
        "presets": presets.available(names),
        "question": presets.QUESTION,
        "sweeps": sweeps,
    }


def main() -> int:
    before = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    write(FILE, pack(before))
    write(BASIN, basins.pack())
    write(LOOP, loop_batch.batch())
    return 0


def write(path: Path, packed: dict[str, Any]) -> None:
    """A file of one line."""
    text = json.dumps(packed, separators=(",", ":"), ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
    print(f"packed: {path.name} ({len(text)} characters)")


if __name__ == "__main__":
    sys.exit(main())
