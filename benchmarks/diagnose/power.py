"""How often each fault is named and how often a healthy dump is accused:
`python -m benchmarks.diagnose.power`.

Writes `power.json` beside itself and its table into the book's page, between comments. Seeds are
0, 1, 2, ...; a dump is made by `faults.py`. What the record holds already is not measured again:
delete it to begin anew.
"""

import argparse
import json
import re
from pathlib import Path

from benchmarks.diagnose.faults import FAULTS, HEALTHY, KINDS, UNUSUAL, flat, judged

RECORD = Path(__file__).with_name("power.json")
PAGE = Path(__file__).parents[2] / "book" / "diagnose.md"
PLACE = re.compile(r"(<!--power-->\n).*?(<!--/power-->)", re.DOTALL)


def rate(fault, kind, completions, dumps):
    """Of so many dumps, half of them without `logp_old`: how often the cause is among those named,
    and alone, and how often the verdict is `unusual`."""
    wanted = FAULTS[fault]
    found = [judged(flat(seed, completions, fault, seed % 2 == 0, kind)) for seed in range(dumps)]
    names = [tuple(cause.name for cause in one.causes) for one in found]
    return {
        "dumps": dumps,
        "named": sum(wanted in each for each in names),
        "alone": sum(each == (wanted,) for each in names),
        "unusual": sum(one.verdict == UNUSUAL for one in found),
        "others": sum(bool(set(each) - {wanted}) for each in names),
    }


def accused(kind, completions, dumps):
    """Of so many healthy dumps of all sorts: how many are accused, and of what."""
    which, unusual = {}, 0
    for seed in range(dumps):
        sort = HEALTHY[seed % len(HEALTHY)]
        one = judged(flat(seed, completions, sort, seed // len(HEALTHY) % 2 == 0, kind))
        unusual += one.verdict == "unusual"
        if one.verdict != "healthy":
            which[f"{sort}, seed {seed}"] = one.headline
    return {
        "dumps": dumps,
        "accused": len(which) - unusual,
        "unusual": unusual,
        "which": which,
    }


def table(record):
    """The record as the book's page shows it: of the dumps of each kind, how many are named, and
    how many of the others are amber."""
    heads = "| fault | cause | " + " | ".join(f"`{kind}`" for kind in KINDS) + " |"
    lines = [heads.replace("`softmax`", "softmax"), "|---|---|" + "---|" * len(KINDS)]
    for fault, cause in FAULTS.items():
        each = [record["faults"].get(fault, {}).get(kind) for kind in KINDS]
        cells = []
        for at in each:
            amber = at["unusual"] if at else 0
            cells.append(f"{at['named']} of {at['dumps']}" if at else "–")
            if cause == UNUSUAL and at:
                cells[-1] = f"{amber} of {at['dumps']} amber"
            elif amber:
                cells[-1] += f", {amber} amber"
        name = "amber" if cause == UNUSUAL else f"`{cause}`"
        lines.append(f"| {fault} | {name} | {' | '.join(cells)} |")
    for word in ("accused", "unusual"):
        cells = []
        for kind in KINDS:
            every = [one[kind] for one in record["healthy"].values() if kind in one]
            told = f"{sum(at[word] for at in every)} of {sum(at['dumps'] for at in every)}"
            cells.append(told if every else "–")
        lines.append(f"| healthy | {word} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dumps", type=int, default=20, help="of a fault and a kind of model")
    parser.add_argument("--completions", type=int, default=512)
    parser.add_argument("--healthy", type=int, default=200, help="of a kind, at each of two sizes")
    parser.add_argument("--kinds", nargs="*", default=KINDS, help="of model, some of them")
    parser.add_argument("--out", type=Path, default=RECORD)
    args = parser.parse_args()
    record = {
        "command": "python -m benchmarks.diagnose.power",
        "completions": args.completions,
    }
    record |= {"faults": {}, "healthy": {}}
    if args.out.exists():
        record = json.loads(args.out.read_text(encoding="utf-8"))
    faults, healthy = record["faults"], record["healthy"]
    for kind in args.kinds:
        for size in (96, args.completions):
            of_size = healthy.setdefault(str(size), {})
            if kind not in of_size:
                of_size[kind] = accused(kind, size, args.healthy)
                print(kind, size, of_size[kind], flush=True)
                _write(args.out, record)
        for fault in FAULTS:
            of_fault = faults.setdefault(fault, {})
            if kind not in of_fault:
                of_fault[kind] = rate(fault, kind, args.completions, args.dumps)
                print(kind, fault, of_fault[kind], flush=True)
        _write(args.out, record)
    if args.out == RECORD:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(PLACE.sub(rf"\1\n{table(record)}\n\2", text), encoding="utf-8")


def _write(path, record):
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
