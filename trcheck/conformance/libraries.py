"""The libraries of which the book's dated pages speak: names, and the versions and commits that were
read."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from trlib.errors import TrlibError

NAMES = {
    "verl": "verl",
    "trl": "TRL",
    "torchrl": "torchrl",
    "torch": "torch",
    "skyrl": "SkyRL",
    "prime-rl": "prime-rl",
    "slime": "slime",
    "openrlhf": "OpenRLHF",
    "nemo-rl": "NeMo-RL",
    "areal": "AReaL",
    "unsloth": "Unsloth",
    "tinker": "Tinker",
}
"""What the pages call them."""
WRITTEN_FOR = {"verl": "0.9.1", "trl": "1.16.0", "torchrl": "0.14.1"}
"""The versions that were read of those that are installed."""
RELEASED = {"verl": "2026-09-20", "trl": "2026-10-15", "torchrl": "2026-10-10"}
"""The days on which their wheels were built."""
INSTALL = {
    **{library: f"pip install {library}=={at}" for library, at in WRITTEN_FOR.items()},
    "verl": "pip install --no-deps --ignore-requires-python verl==0.9.1, beside ray tensordict "
    "omegaconf hydra-core codetiming orjson pandas",
}


@dataclass(frozen=True)
class Source:
    """A library that is read from a clone."""

    title: str
    repository: str
    """Its address on GitHub: owner/name."""
    commit: str
    """The commit that was read, or the tag of a release."""
    date: str
    """The commit's day, or the one on which the release was built."""

    @property
    def clone(self) -> str:
        """The command that brings the source."""
        return f"git clone https://github.com/{self.repository}"


SOURCES = {
    "skyrl": Source(
        "SkyRL", "NovaSky-AI/SkyRL", "a9564572eb8e91076be43c1bd5e4615e3de17265", "2026-08-21"
    ),
    "prime-rl": Source(
        "prime-rl",
        "PrimeIntellect-ai/prime-rl",
        "559b44772e471d1538537b8805cc77f3824a5e64",
        "2026-08-21",
    ),
    "slime": Source(
        "slime", "THUDM/slime", "624b824a898ab0ec1fcb4d373004c7f3852bf515", "2026-08-21"
    ),
    "openrlhf": Source(
        "OpenRLHF", "OpenRLHF/OpenRLHF", "3c3be6234e0cb353e76bb8019947db9dfe99fca7", "2026-08-13"
    ),
    "nemo-rl": Source(
        "NeMo-RL", "NVIDIA-NeMo/RL", "7ea279abfbeb698b092856d0dab61e7cf39bc909", "2026-08-22"
    ),
    "ms-swift": Source(
        "ms-swift", "modelscope/ms-swift", "3602360a562313afbf2ef6065fdf61f271a2c5b9", "2026-08-22"
    ),
    "areal": Source(
        "AReaL", "inclusionAI/AReaL", "4aef98d8d818af55b43621aaadba047ae10f4e77", "2026-05-21"
    ),
}
"""What the losses were run at."""
NEWER = {
    "openrlhf": Source("OpenRLHF", "OpenRLHF/OpenRLHF", "v0.11.2", "2026-09-14"),
    "ms-swift": Source("ms-swift", "modelscope/ms-swift", "v4.6.0", "2026-10-13"),
    "areal": Source(
        "AReaL", "areal-project/AReaL", "cbff54d645d2cd8ee1f1c358a82f3f473588433d", "2026-08-22"
    ),
}
"""What their settings were read in, where that is newer."""


def read_in(library: str) -> Source:
    """The source in which a library's settings were read."""
    return NEWER.get(library) or SOURCES[library]


def installed(library: str) -> str:
    """The version that is installed, without the name of its build.

    Raises:
        TrlibError: the library is not installed; says how to.
    """
    try:
        return version(library).split("+")[0]
    except PackageNotFoundError:
        raise TrlibError(
            f"{library} is not installed (written for {WRITTEN_FOR[library]}): {INSTALL[library]}"
        ) from None


def commit_of(folder: Path) -> str | None:
    """The commit that a clone stands at; None: no git here."""
    words = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        run = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()
