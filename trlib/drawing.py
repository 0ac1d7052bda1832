"""Figures for pages: an SVG in the ink and font of what stands around it, laid out for a page and for a phone.

    figure, (left, right) = panels(2)
    left.plot(...)
    Drawing(figure, alt="Left: ... Right: ...")

matplotlib draws, and is imported when the first figure is.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlib.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#7b7b7c"
"""Stands for the page's own colour until the SVG is written; where only a bitmap can be shown it reads on both."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", INK)
"""Okabe and Ito's, without those that vanish on white or on the dark page."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDE = 6.8
"""Inches of a figure on a page."""
NARROW = 3.5
"""Inches of a figure that a phone shows without shrinking its words below nine pixels."""
STYLE = (
    ".trlib-drawing{container-type:inline-size;font-family:var(--book-sans,inherit)}"
    ".trlib-drawing>.drawn-narrow{display:none}.trlib-drawing svg{display:block;max-width:100%;height:auto}"
    "@container (max-width:30rem){.trlib-drawing>.drawn-wide{display:none}"
    ".trlib-drawing>.drawn-narrow{display:block}}"
)
"""Which of the two layouts is seen. It travels with the figure: a notebook elsewhere has no style sheet of ours."""


def panels(
    count: int = 1, *, height: float = 2.9, across: int | None = None, width: float = WIDE, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """An empty figure of panels in the page's ink, that matplotlib's windows and notebooks do not show.

    Args:
        count: how many panels.
        height: inches of one row of them.
        across: panels in a row; None: all.
        share: one scale for all panels, with numbers only at the outer ones.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a figure needs matplotlib; `pip install matplotlib` brings it") from error

    across = across or count
    down = -(-count // across)
    figure = Figure(figsize=(width, height * down), layout="constrained", facecolor="none")
    axes = list(figure.subplots(down, across, squeeze=False, sharex=share, sharey=share).flat)
    for ax in axes[count:]:
        ax.remove()
    for i, ax in enumerate(axes[:count]):
        ax.set_facecolor("none")
        ax.spines[["top", "right"]].set_visible(False)
        for spine in ax.spines.values():
            spine.set_color(INK)
        ax.tick_params(which="both", colors=INK, labelsize="small")
        for part in (ax.xaxis.label, ax.yaxis.label, ax.title):
            part.set_color(INK)
            part.set_fontsize("medium")
        if share:
            ax.tick_params(labelbottom=i + across >= count, labelleft=i % across == 0)
    return figure, axes[:count]


def legend(ax: Axes, **options: Any) -> None:
    """A legend in the page's ink, on no background."""
    made = ax.legend(**{"frameon": False, "fontsize": "small", "handlelength": 3.2, **options})
    for text in made.get_texts():
        text.set_color(INK)


@dataclass(frozen=True)
class Drawing:
    """A figure with the sentence that says what it shows to who cannot see it."""

    figure: Figure
    alt: str
    stacked: int = 1
    """Panels in a row on a phone."""

    def svg(self, width: float | None = None) -> str:
        """The figure as an inline SVG element; `width` in inches, None: the figure's own."""
        own, height = self.figure.get_size_inches()
        return self._drawn(width or own, height)

    def narrow(self) -> str:
        """The same for a phone: panels one below the other, words as large as on a page."""
        with self._rearranged() as height:
            return self._drawn(NARROW, height)

    def html(self) -> str:
        """Both layouts, of which the one that fits is seen."""
        return (
            f'<div class="trlib-drawing"><style>{STYLE}</style><div class="drawn-wide">{self.svg()}</div>'
            f'<div class="drawn-narrow">{self.narrow()}</div></div>'
        )

    def save(self, path: str | Path) -> None:
        """Write the SVG to a file of its own, where it is drawn in a grey that reads on light and dark."""
        Path(path).write_text(self.svg().replace("<svg", f'<svg color="{INK}"', 1), encoding="utf-8")

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"Drawing: {self.alt}"

    @contextmanager
    def _rearranged(self) -> Iterator[float]:
        """The panels as a phone shows them, and the figure's height with them; afterwards all is as it was."""
        from matplotlib.gridspec import GridSpec

        height = self.figure.get_size_inches()[1]
        before = [(ax, spec) for ax in self.figure.axes if (spec := ax.get_subplotspec()) is not None]
        if len(before) < 2:
            yield height
            return
        rows = before[0][1].get_gridspec().nrows
        shown = [(ax.xaxis.get_tick_params(), ax.yaxis.get_tick_params()) for ax, _ in before]
        shared = not all(across.get("labelbottom", True) for across, _ in shown)  # numbers at the outer panels only
        grid = GridSpec(-(-len(before) // self.stacked), self.stacked, figure=self.figure)
        for i, (ax, _) in enumerate(before):
            ax.set_subplotspec(grid[i // self.stacked, i % self.stacked])
            if shared:
                ax.tick_params(labelbottom=i + self.stacked >= len(before), labelleft=i % self.stacked == 0)
        try:
            yield 0.95 * height * grid.nrows / rows
        finally:
            for (ax, spec), (across, along) in zip(before, shown, strict=True):
                ax.set_subplotspec(spec)
                ax.tick_params(labelbottom=across.get("labelbottom", True), labelleft=along.get("labelleft", True))

    def _drawn(self, width: float, height: float) -> str:
        import matplotlib as mpl

        buffer, (own, tall) = io.StringIO(), map(float, self.figure.get_size_inches())
        self.figure.set_size_inches(width, height)
        # Without a salt of its own every figure's clip paths have random names, and no two builds agree.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"{self.alt}{width}{height}"}):
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        self.figure.set_size_inches(own, tall)
        return self._inline(buffer.getvalue())

    def _inline(self, text: str) -> str:
        """An SVG file as an element of a page: its font and ink, its words for who cannot see it, no idle names."""
        text = text[text.index("<svg") :]
        text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px; font-family: inherit", text)  # one release's way
        text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)  # and another's
        text = text.replace(INK, "currentColor")
        used = set(re.findall(r"#([\w-]+)", text))
        text = re.sub(r' id="([^"]+)"', lambda name: name[0] if name[1] in used else "", text)
        label = f'<svg role="img" aria-label="{html.escape(self.alt)}" style="max-width: 100%; height: auto"'
        return text.replace("<svg", label, 1)
