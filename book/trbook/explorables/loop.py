"""The loop: rollout, advantage, objective, update; a recorded group of completions is carried
through them."""

from __future__ import annotations

import re

import traitlets as t

from trbook.explorables.files import still_of
from trbook.explorables.host import Packed
from trbook.strip import STAGES

GROUPS = ("two", "none", "luck")


class Loop(Packed):
    """The four stages of the loop, those that a chapter changes lit: `Loop(lit=["objective"])`.

    A chosen stage says what it does, what goes in and what comes out, with the numbers of four
    completions that the shipped model wrote: `trbook.explorables.loop_batch` computes them.

    Raises:
        traitlets.TraitError: a stage or a group that there is not.
    """

    module = "loop"
    fallback = (
        "The loop: the policy samples completions (rollout), the verifier judges them (advantage), "
        "the loss asks for a change (objective), the parameters move (update), and the new policy "
        "samples the next batch."
    )

    lit = t.List(t.Enum(STAGES), [], help=f"The stages that a chapter changes: any of {STAGES}.")
    box = t.Enum(("", *STAGES), "", help="The stage that is read; empty: the first that is lit.")
    group = t.Enum(
        GROUPS, "two", help="Of four completions, two are right, none is, or one is by a guess."
    )

    def still(self) -> str | None:
        """The first state's picture with these stages lit: which one is lit or read is marked, not
        drawn."""
        still = still_of(self.module)
        if still is None or self._differs().keys() - {"lit"}:
            return None
        read = (self.lit or STAGES)[0]
        still = re.sub(r' (data-lit|data-chosen|checked)=""', "", still)
        for box in self.lit:
            still = still.replace(f'data-box="{box}"', f'data-box="{box}" data-lit=""')
        still = re.sub(rf'(data-card="{read}"[^>]*)>', r'\1 data-chosen="">', still)
        return still.replace(f'value="{read}"', f'value="{read}" checked=""')

    def drawn(self) -> str | None:
        """None: what is shown is no file's whole content."""
        return None
