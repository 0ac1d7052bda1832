"""How often each fault is named and how often a healthy dump is accused:
`python tests/instruments/diagnose/power.py`.

Writes `power.json` beside itself, which the book's page shows. Seeds are 0, 1, 2, ...; a dump is
made by `faults.py`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from faults import FAULTS, GROUP, HEALTHY, named

RECORD = Path(__file__).with_name("power.json")


def rate(fault: str, completions: int, dumps: int) -> dict[str, int]:
    """Of so many dumps, half of them without `logp_old`: how often the cause is among those named,
    and alone."""
    wanted = FAULTS[fault]
    found = [named(seed, completions, fault, old=seed % 2 == 0) for seed in range(dumps)]
    return {
        "dumps": dumps,
        "named": sum(wanted in each for each in found),
        "alone": sum(each == (wanted,) for each in found),
    }


def accused(completions: int, dumps: int) -> dict[str, object]:
    """Of so many healthy dumps of all kinds: how many are accused, and of what."""
    found = {}
    for seed in range(dumps):
        kind = HEALTHY[seed % len(HEALTHY)]
        names = named(seed, completions, kind, old=seed // len(HEALTHY) % 2 == 0)
        if names:
            found[f"{kind}, seed {seed}"] = list(names)
    return {"dumps": dumps, "accused": len(found), "which": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--dumps", type=int, nargs=3, default=(60, 40, 1), help="a fault, at 32, 512 and 20,000"
    )
    parser.add_argument("--healthy", type=int, nargs=3, default=(1000, 1000, 11))
    parser.add_argument("--out", type=Path, default=RECORD)
    parser.add_argument("--faults", nargs="*", default=FAULTS)
    args = parser.parse_args()
    sizes = (32, 512, 20_000)
    assert all(size % GROUP == 0 for size in sizes)
    rows = []
    for fault in args.faults:
        row = {
            str(n): rate(fault, n, dumps)
            for n, dumps in zip(sizes, args.dumps, strict=True)
            if dumps
        }
        print(fault, row, flush=True)
        rows.append({"fault": fault, "cause": FAULTS[fault], "sizes": row})
    healthy = {
        str(n): accused(n, dumps) for n, dumps in zip(sizes, args.healthy, strict=True) if dumps
    }
    print("healthy", healthy)
    record = {
        "command": "python tests/instruments/diagnose/power.py",
        "seeds": "0, 1, 2, ...",
        "faults": rows,
        "healthy": healthy,
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
