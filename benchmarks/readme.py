"""Writes the tables of benchmarks/README.md from the records beside it.

python -m benchmarks.readme
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def _loop(record: dict[str, Any]) -> str:
    from benchmarks.loop.run import table

    return table(record["summary"])


def _stages(record: dict[str, Any]) -> str:
    from benchmarks.loop.stages import table

    return table(record["milliseconds_a_batch"])


def _sampling(record: dict[str, Any]) -> str:
    from benchmarks.loop.sampling import table

    return table(record["summary"])


def _objectives(record: dict[str, Any]) -> str:
    from benchmarks.objectives.run import table

    return table(record["summary"])


def _projection(record: dict[str, Any]) -> str:
    from benchmarks.objectives.projection import table

    return table(record["summary"])


def _scoring(record: dict[str, Any]) -> str:
    from benchmarks.objectives.scoring import table

    return table(record["summary"])


def _curves(record: dict[str, Any]) -> str:
    from benchmarks.engine.curves import table

    return table(record["summary"])


def _speed(record: dict[str, Any]) -> str:
    from benchmarks.engine.speed import table

    return table(record["summary"])


RECORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "loop/loop.json": _loop,
    "loop/stages.json": _stages,
    "loop/sampling.json": _sampling,
    "objectives/run.json": _objectives,
    "objectives/projection.json": _projection,
    "objectives/scoring.json": _scoring,
    "engine/curves.json": _curves,
    "engine/speed.json": _speed,
}
"""Every record and what makes its table."""


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
    for name, table in RECORDS.items():
        record = json.loads((HERE / name).read_text(encoding="utf-8"))
        block = f"<!-- {name} -->\n{table(record)}\n\n{made(record)}\n<!-- end -->"
        text, count = re.subn(
            rf"<!-- {re.escape(name)} -->.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S
        )
        if count != 1:
            raise ValueError(f"README.md: expected one place for {name}, got {count}")
    return text


def main() -> int:
    path = HERE / "README.md"
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
