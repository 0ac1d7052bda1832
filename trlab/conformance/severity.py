"""What two findings of the conformance page do to training: CISPO as written, as torchrl and as
SkyRL ship it.

trlib sweep trlab/conformance/severity.py --out FOLDER        the runs
python -m trlab.conformance.severity FOLDER                   their outcome, into severity.json
"""

from __future__ import annotations

import csv
import json
import lzma
import sys
from pathlib import Path
from typing import Any

from trlab import Budget, Prediction, Sweep, Variant

SEVERITY = Path(__file__).with_name("severity.json")
SHIPPED = Path(__file__).with_name("_as_shipped.py")

SWEEP = Sweep(
    title="CISPO as two libraries ship it",
    text="CISPO keeps a bounded gradient for every token. What does it cost to give the tokens "
    "outside none?",
    policy="dial",
    variants=(
        Variant("cispo", label="as written"),
        Variant(f"{SHIPPED}:TorchRL", label="torchrl CISPOLoss"),
        Variant(f"{SHIPPED}:HardZero", label="SkyRL rollout_is"),
    ),
    axes=[],
    seeds=range(700, 708),
    train={"prompts": 16, "group": 16, "minibatches": 8, "epochs": 2},
    budget=Budget(steps=15, prompts=256),
    predictions=[
        Prediction(
            "a token without a gradient is missed", higher="as written", lower="torchrl CISPOLoss"
        ),
        Prediction(
            "and so it is where the weight is zeroed", higher="as written", lower="SkyRL rollout_is"
        ),
    ],
)


def outcome(folder: Path) -> dict[str, Any]:
    """Each arm's sampled accuracy at the end, seed by seed, and its mean weight of tokens kept."""
    arms: dict[str, list[tuple[int, float, float]]] = {}
    with lzma.open(folder / "runs.csv.xz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["status"] == "done":
                cell = int(row["seed"]), float(row["sampled"]), float(row["kept"])
                arms.setdefault(row["label"], []).append(cell)
    return {
        "task": "dial",
        "steps": 15,
        "uses": 2,
        "minibatches": 8,
        "arms": {
            label: {
                "seeds": [seed for seed, *_ in sorted(cells)],
                "sampled": [round(sampled, 6) for _, sampled, _ in sorted(cells)],
                "kept": [round(kept, 6) for *_, kept in sorted(cells)],
            }
            for label, cells in arms.items()
        },
    }


if __name__ == "__main__":
    SEVERITY.write_text(json.dumps(outcome(Path(sys.argv[1])), indent=1) + "\n")
