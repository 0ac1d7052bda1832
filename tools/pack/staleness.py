"""Records the batch that the explorable `staleness` shows: `python -m tools.pack.staleness`, about
half a minute."""

from __future__ import annotations

import sys

from tools.pack.packs import write
from trbook.explorables.files import BUILT
from trbook.explorables.recording import record

FILE = BUILT / "staleness.data.json"


def main() -> int:
    write(FILE, record())
    return 0


if __name__ == "__main__":
    sys.exit(main())
