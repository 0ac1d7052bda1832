"""Packs the recorded sweeps for the run explorer: `python -m tools.packs`. A test compares the file with the records.

A sweep whose record has not changed since is taken from the file as it stands.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from trlib.pages.explorables import presets, runs
from trlib.pages.explorables.modules import BUILT

FILE = BUILT / "run_explorer.data.json"


def pack(before: dict[str, Any]) -> dict[str, Any]:
    """The whole file, with the sweeps of `before` that are made from today's records."""
    names, made = runs.names(), {sweep["name"]: sweep for sweep in before.get("sweeps", ())}
    same = before.get("format") == runs.format_of_packs()
    sweeps = []
    for name in names:
        found = made.get(name, {}) if same else {}
        sweeps.append(found if found.get("record") == runs.digest(name) else runs.packed(name))
    return {"format": runs.format_of_packs(), "presets": presets.available(names), "question": presets.QUESTION,
            "sweeps": sweeps}


def main() -> int:
    before = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    text = json.dumps(pack(before), separators=(",", ":"), ensure_ascii=False)
    FILE.write_text(f"{text}\n", encoding="utf-8")
    print(f"packed: {FILE.name} ({len(text)} characters)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
