"""A test file of one page, with its numbers, that a maintainer drops into a repository of their
own; it needs torch and pytest.

`trlib conformance --drop-in FOLDER` writes both. The numbers are a part of the golden vectors,
without the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trcheck.conformance.vectors import EMPTY, load

TEST = Path(__file__).with_name("test_policy_losses.txt")
"""The test file. It bears another name here, so that no run of this repository's tests collects
it."""
TEST_NAME, VECTORS_NAME = "test_policy_losses.py", "policy_loss_vectors.json"
VERSION = 2
"""Of the numbers: goes up when one of them, or a name, changes."""
BATCHES = (
    "near",
    "off-policy",
    "two anchors",
    "rare tokens",
    "at the edge",
    "token advantages",
    "an empty row",
    EMPTY,
)
LICENCE = "CC0-1.0: no rights reserved; copy, change and ship it"


def vectors() -> dict[str, Any]:
    """What the JSON file holds."""
    document = load().document
    batches = [
        {k: v for k, v in b.items() if k not in ("rewards", "group")} for b in document["batches"]
    ]
    return {
        "format": "policy-loss-vectors",
        "version": VERSION,
        "licence": LICENCE,
        "made_from": f"golden vectors version {document['version']} of the trust-region book",
        "layout": "logp, logp_old (recomputed), logp_rollout (by the sampler), advantages and mask "
        "are [row][token]; under a 0 of the mask stands junk. gradient is that of the masked sum "
        "of per_token in logp.",
        "batches": {b["name"]: b for b in batches if b["name"] in BATCHES},
        "coefficients": {
            how: {name: numbers[name] for name in BATCHES}
            for how, numbers in document["coefficients"].items()
        },
        "losses": {
            name: {
                **{key: loss[key] for key in ("formula", "source", "settings", "aggregation")},
                "batches": {batch: loss["batches"][batch] for batch in BATCHES},
            }
            for name, loss in document["losses"].items()
        },
    }


def write(folder: Path) -> list[Path]:
    """Write both files.

    Raises:
        FileExistsError: a test file is there already, with its owner's loss in it.
        OSError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"--drop-in: cannot make the folder {str(folder)!r}: {error.strerror}"
        ) from error
    test, numbers = folder / TEST_NAME, folder / VECTORS_NAME
    if test.exists():
        raise FileExistsError(
            f"--drop-in: {test} exists, and your losses may stand in it; remove it first"
        )
    test.write_text(TEST.read_text(encoding="utf-8"), encoding="utf-8")
    numbers.write_text(
        json.dumps(vectors(), allow_nan=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    return [test, numbers]
