"""Writes the tables of benchmarks/README.md from the records beside it.

python -m benchmarks.readme
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.record import placed, refill

HERE = Path(__file__).parent


RECORDS = {
    "loop/loop.json": ("loop.run", "summary"),
    "objectives/run.json": ("objectives.run", "summary"),
}
"""Every record, the module whose `table` shows it, and what of it that takes."""


def made(record: dict[str, Any]) -> str:
    """The line under a table: how, when and on what it was measured."""
    h, v = record["hardware"], record["versions"]
    names = ", ".join(
        f"{name} {v[name]}" for name in ("torch", "transformers", "trl") if v.get(name)
    )
    load = (
        h["load_before"]
        if "load_after" not in record
        else f"{h['load_before']} to {record['load_after']}"
    )
    return (
        f"`{record['command']}`, {record['date']}, commit {record['commit']}; {h['processor']}, "
        f"{h['cores']} cores (load {load}), one thread; Python {v['python']}, {names}"
    )


def filled(text: str) -> str:
    """The README with every table as its record has it."""
    for name, (module, key) in RECORDS.items():
        record = json.loads((HERE / name).read_text(encoding="utf-8"))
        table = import_module(f"benchmarks.{module}").table(record[key])
        text = placed(text, name, f"{table}\n\n{made(record)}")
    return text


if __name__ == "__main__":
    sys.exit(refill(HERE / "README.md", filled))
