"""What a hosted notebook has, as requirements: `python -m tools.release.hosted FREEZE` for the
weekly canary.

Colab publishes the output of its `pip freeze`. Of its hundreds of packages those are printed that
this package and its chapters can meet, at Colab's versions and without the labels of its builds
(`2.11.0+cu128` is `2.11.0`). Needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MET = (
    "torch",
    "transformers",
    "safetensors",
    "filelock",
    "numpy",
    "pandas",
    "scipy",
    "tqdm",
    "matplotlib",
    "anywidget",
    "ipywidgets",
    "peft",
    "datasets",
    "accelerate",
    "pyarrow",
    "ipykernel",
    "ipython",
    "nbclient",
)
NEEDED = ("torch", "transformers", "numpy", "pandas", "matplotlib", "ipywidgets", "ipykernel")
"""Without these a list is not Colab's."""
PIN = re.compile(
    r"([A-Za-z0-9._-]+)(?:==| @ "
    r"\S+/[A-Za-z0-9._]+-)([\w.!]+)(?:\+[\w.]+|%2B[\w.]+)?(?:-\S+\.whl\S*)?"
)
"""`numpy==2.1.3`, or a wheel of Colab's own: `torch @
https://.../torch-2.11.0%2Bcu128-cp313-....whl#sha256=...`."""


def requirements(freeze: str) -> list[str]:
    """The requirements that a frozen list makes.

    Raises:
        ValueError: the list lacks a package that every hosted notebook has.
    """
    pins = {}
    for line in freeze.splitlines():
        match = PIN.fullmatch(line.strip())
        if match:
            pins[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    missing = [name for name in NEEDED if name not in pins]
    if missing:
        raise ValueError(
            "expected the output of a hosted notebook's pip freeze, found no line for "
            f"{', '.join(missing)}"
        )
    return [f"{name}=={pins[name]}" for name in MET if name in pins]


def main() -> int:
    try:
        print("\n".join(requirements(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    except (IndexError, OSError, ValueError) as error:
        print(
            f"hosted: {error}" if sys.argv[1:] else "hosted: name the file with the frozen list",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
