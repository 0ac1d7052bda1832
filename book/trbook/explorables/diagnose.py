"""The diagnosis of a dump of rollouts, in the page."""

from __future__ import annotations

from typing import ClassVar

from trbook.explorables.host import Packed


class Diagnose(Packed):
    """`trlib diagnose` without Python: the reader drops a dump on the page, and a Worker reads it and computes.

    Sentences, thresholds and style are those of `trlab.diagnose`, which `tools.diagnose_page` hands to the module; a
    test holds its numbers and its page to Python's. Nothing leaves the machine.

    Raises:
        ValueError: an unknown setting; it has none.
    """

    module: ClassVar[str] = "diagnose"
    fallback: ClassVar[str] = (
        "Diagnose: a dump of rollouts that you choose is read in this page and diagnosed as `trlib diagnose` does it. "
        "It needs JavaScript."
    )
    height: ClassVar[str] = "18rem"
