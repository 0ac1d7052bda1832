"""The loop in one line: its four stages from rollout to update, those that a chapter changes filled.

    strip("objective", changed="r · A only inside the clip")

Chapter 1 shows the whole loop (`trbook.explorables.Loop`); every other chapter shows this strip.
"""

from __future__ import annotations

import html

STAGES = ("rollout", "advantage", "objective", "update")
WHOLE = "01_policies_that_write.ipynb"
"""Where the whole loop stands, beside every chapter; the book turns it into a link to the page."""
# Fixed blue and white for notebooks outside the book, which lack its colours; legible on light and
# on dark.
STYLE = """
.trbook-strip{max-width:46rem;font:400 .875rem/1.4 var(--book-sans,system-ui,sans-serif)}
.trbook-strip ol{display:flex;list-style:none;margin:0;padding:0}
.trbook-strip li{flex:1 1 auto;margin:0 0 0 1.1rem;padding:.28rem 0;position:relative;text-align:center;
border:1px solid var(--book-quiet,#8a8f94);border-radius:.3rem}
.trbook-strip li:first-child{margin-left:0}
.trbook-strip li+li::before{content:"→" / "";position:absolute;right:100%;width:1.1rem;font-weight:400;
color:var(--book-quiet,#8a8f94)}
.trbook-strip li.lit{font-weight:650;background:var(--book-accent,#0072b2);border-color:var(--book-accent,#0072b2);
color:var(--book-paper,#fff)}
.trbook-strip .back{height:.45rem;margin:.15rem 12.5% 0;border:1px solid var(--book-quiet,#8a8f94);border-top:0;
border-radius:0 0 .3rem .3rem;position:relative}
.trbook-strip .back::before{content:"";position:absolute;left:-.29rem;top:-.1rem;border:.26rem solid transparent;
border-top:0;border-bottom-color:var(--book-quiet,#8a8f94)}
.trbook-strip p{margin:.3rem 0 0;color:var(--book-quiet,inherit);font-size:.8125rem}
.trbook-strip a{color:var(--book-accent,inherit)}
.trbook-strip p b{color:var(--book-ink,inherit);font-weight:600}
@media (max-width:30rem){.trbook-strip{font-size:.75rem}.trbook-strip li{margin-left:.8rem}
.trbook-strip li+li::before{width:.8rem}}
@media print{.trbook-strip li.lit{border-width:2px;-webkit-print-color-adjust:exact;print-color-adjust:exact}}
""".replace("\n", "")


class Strip:
    """What `strip` returns; a notebook shows it."""

    def __init__(self, lit: tuple[str, ...], changed: str) -> None:
        self.lit, self.changed = lit, changed

    def html(self) -> str:
        """The strip as an element of a page, with its style: other notebooks lack the book's style
        sheet."""
        # the second is for readers who do not see the colour
        mark = ' class="lit" aria-current="step"'
        stages = "".join(f"<li{mark if stage in self.lit else ''}>{stage}</li>" for stage in STAGES)
        changed = (
            f"<b>{' and '.join(self.lit)}:</b> {html.escape(self.changed)} · "
            if self.changed
            else ""
        )
        return (
            '<div class="trbook-strip" role="group" '
            f'aria-label="{html.escape(self.alt)}"><style>{STYLE}</style>'
            f'<ol>{stages}</ol><div class="back" aria-hidden="true"></div>'
            f'<p>{changed}<a href="{WHOLE}">the whole loop</a></p></div>'
        )

    @property
    def alt(self) -> str:
        """What the strip shows, in words."""
        changed = f": {self.changed}" if self.changed else ""
        return (
            f"The loop, {', '.join(STAGES)}, and again. This chapter changes the "
            f"{' and the '.join(self.lit)}{changed}."
        )

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        stages = " -> ".join(stage.upper() if stage in self.lit else stage for stage in STAGES)
        return f"{stages}  ({self.changed})" if self.changed else stages


def strip(*lit: str, changed: str = "") -> Strip:
    """The four stages of the loop in one line, with those that a chapter changes filled.

    Args:
        lit: the stages that the chapter changes, at least one of `STAGES`; drawn in the loop's order.
        changed: what it changes there, in a few words.

    Raises:
        ValueError: no stage, or one that the loop does not have.
    """
    unknown = [stage for stage in lit if stage not in STAGES]
    if unknown or not lit:
        came = ", ".join(map(repr, unknown)) or "none"
        raise ValueError(f"lit: {came}; expected one or more of {', '.join(STAGES)}")
    return Strip(tuple(stage for stage in STAGES if stage in lit), changed)
