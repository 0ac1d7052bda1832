"""The diagnosis of a dump of rollouts, in the page."""

from __future__ import annotations

from typing import ClassVar

import traitlets

from trbook.explorables.files import parquet_reader
from trbook.explorables.host import Packed
from trbook.explorables.modules import fragment


class Diagnose(Packed):
    """`trlib diagnose` without Python: the reader drops a dump on the page, and a Worker reads it
    and computes.

    Sentences, thresholds and style are those of `trcheck.diagnose`, which `book.build.pack.diagnose_page`
    hands to the module; a test holds its numbers and its page to Python's. Nothing leaves the
    machine.

    Raises:
        ValueError: an unknown setting; it has none.
    """

    module: ClassVar[str] = "diagnose"
    fallback: ClassVar[str] = (
        "Diagnose: a dump of rollouts that you choose is read in this page and diagnosed as the "
        "command trlib diagnose does it. It needs JavaScript."
    )
    room: ClassVar[tuple[int, int]] = (412, 317)

    _parts = traitlets.Dict().tag(sync=True)

    @traitlets.default("_parts")
    def _shipped(self) -> dict[str, str]:
        return parquet_reader()

    def html(self) -> str:
        """A fragment of HTML; the reader of Parquet is loaded only for such a file."""
        return fragment(
            self.module,
            self.settings(),
            fallback=self.fallback,
            room=self.room,
            still=self.still(),
            parts=self._parts,
        )
