"""Records the batch that the explorable `token_microscope` shows:
`python -m tools.pack.token_microscope`, some seconds."""

from __future__ import annotations

import sys

from tools.pack.packs import write
from trbook.explorables.files import BUILT
from trbook.explorables.rare_batch import record

FILE = BUILT / "token_microscope.data.json"


def main() -> int:
    write(FILE, record())
    return 0


if __name__ == "__main__":
    sys.exit(main())
