"""A figure of matplotlib as SVG for a page, in the page's text colour and font, laid out for a wide
page and for a phone. `trbook.figures` shows every figure so."""

from __future__ import annotations

import html
import io
import re
import textwrap
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trbook.labels import clear_legends, names_at_ends
from trlab.drawing.looks import HUES, INK, TABLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

PLAIN = ("#808080", "#000000")
"""matplotlib's gray and black, which become the page's text colour too."""
NARROW = 3.5  #: A figure's width on a phone, inches: its words stay at nine pixels or more.
SMALL = 3.9  #: So wide a figure suits a page and a phone alike, in one layout.
LETTERS = 40  #: As many fit into a line of that width.
KEY = 2  #: As many fewer beside the key of a legend, whose letters are smaller.
DARK = ";".join(f"--{name}:{dark}" for name, (_, dark) in TABLE["hues"].items())
STYLE = (
    "@media not print{:is([data-theme=dark],[data-jp-theme-light=false],"
    f"[data-vscode-theme-kind*=dark]) .trlib-drawing{{{DARK}}}}}"
    ".trlib-drawing{container-type:inline-size;font-family:var(--book-sans,inherit)}"
    ".trlib-drawing>.drawn-narrow{display:none}.trlib-drawing "
    "svg{display:block;max-width:100%;height:auto}"
    "@container (max-width:30rem){.trlib-drawing>.drawn-wide{display:none}"
    ".trlib-drawing>.drawn-narrow{display:block}}"
)
"""Shows one of the two layouts, in the hues of a dark page where it is one. It is part of the figure,
because other notebooks lack the book's style sheet."""


ALONE = f'color="{INK}" font-family="sans-serif"'
THEMED = f"<style>@media(prefers-color-scheme:dark){{svg{{{DARK}}}}}</style>"
"""What an SVG in a file of its own needs, and one in a page has from the page."""


def narrow_of(path: Path) -> Path:
    """The file of a drawing for a phone, beside that for a page."""
    return path.with_name(f"{path.stem}-narrow.svg")


def is_drawing(path: Path) -> bool:
    """Whether a file holds a drawing that `Drawing.files` wrote."""
    if path.suffix != ".svg":
        return False
    with path.open(encoding="utf-8") as file:
        return ALONE in file.read(200)


def layouts_of(path: Path) -> list[Path]:
    """The files of a drawing: two, or one where it is small."""
    return [file for file in (path, narrow_of(path)) if file.exists()]


def from_files(path: Path) -> str:
    """The HTML of a drawing's files in a page."""
    return _html(
        file.read_text(encoding="utf-8")
        .replace(f" {ALONE}", "", 1)
        .replace(THEMED, "", 1)
        .removesuffix("\n")
        for file in layouts_of(path)
    )


def _html(layouts: Iterable[str]) -> str:
    """One layout, or a wide and a narrow one."""
    svgs = list(layouts)
    names = ("drawn-wide", "drawn-narrow") if len(svgs) == 2 else ("drawn",)
    divs = (f'<div class="{name}">{svg}</div>' for name, svg in zip(names, svgs, strict=True))
    return f'<div class="trlib-drawing"><style>{STYLE}</style>{"".join(divs)}</div>'


@dataclass(frozen=True)
class Drawing:
    """A figure with its alternative text, for readers who cannot see it."""

    figure: Figure
    alt: str
    stacked: int = 1  #: Panels per row on a phone.

    def svg(self) -> str:
        """The figure as an inline SVG element."""
        for ax in self.figure.axes:
            if spec := ax.get_subplotspec():
                ax.set_subplotspec(spec)  # the layout begins anew, whatever was drawn before
        return self._drawn(*self.figure.get_size_inches())

    def narrow(self) -> str:
        """The same for a phone: panels stacked, words as large as on a page."""
        with self._broken(), self._rearranged() as height:
            return self._drawn(NARROW, height)

    def layouts(self) -> list[str]:
        """For a page and for a phone; one where the figure is small."""
        if self.figure.get_size_inches()[0] > SMALL:
            return [self.svg(), self.narrow()]
        with self._broken():
            return [self.svg()]

    def html(self) -> str:
        """Its layouts; the page shows the one that fits."""
        return _html(self.layouts())

    def files(self, path: Path) -> dict[Path, str]:
        """What its files hold, this one and beside it `NAME-narrow.svg` for a phone: words in a grey
        that is legible on light and dark, lines as the viewer's theme is. `from_files` makes a
        page's figure of them."""
        return {
            file: svg.replace("<svg", f"<svg {ALONE}", 1).replace(">", f">{THEMED}", 1) + "\n"
            for file, svg in zip((path, narrow_of(path)), self.layouts(), strict=False)
        }

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"Drawing: {self.alt}"

    @contextmanager
    def _broken(self) -> Iterator[None]:
        """Inside a `with` block words that are too long for a phone stand in several lines."""
        before = [(text, text.get_text(), letters) for text, letters in self._words()]
        for text, words, letters in before:
            text.set_text(textwrap.fill(words, letters))
        try:
            yield
        finally:
            for text, words, _ in before:
                text.set_text(words)

    @contextmanager
    def _rearranged(self) -> Iterator[float]:
        """Inside a `with` block the panels are arranged as on a phone; yields the figure's height
        then."""
        from matplotlib.gridspec import GridSpec

        height = self.figure.get_size_inches()[1]
        before = [
            (ax, spec) for ax in self.figure.axes if (spec := ax.get_subplotspec()) is not None
        ]
        if len(before) < 2:
            yield height
            return
        rows = before[0][1].get_gridspec().nrows
        shown = [(ax.xaxis.get_tick_params(), ax.yaxis.get_tick_params()) for ax, _ in before]
        # Numbers at the outer panels only.
        shared = not all(
            across.get("labelbottom", True) and along.get("labelleft", True)
            for across, along in shown
        )
        # On a page a row's first panel carries the y label for the others; stacked, each needs its
        # own.
        unlabelled = [ax for ax, spec in before if spec.colspan.start and not ax.get_ylabel()]
        for i, (ax, _) in enumerate(before):
            if ax in unlabelled and i:
                label = before[i - 1][0].yaxis.label
                ax.set_ylabel(
                    label.get_text(), color=label.get_color(), fontsize=label.get_fontsize()
                )
        grid = GridSpec(-(-len(before) // self.stacked), self.stacked, figure=self.figure)
        for i, (ax, _) in enumerate(before):
            ax.set_subplotspec(grid[i // self.stacked, i % self.stacked])
            if shared:
                ax.tick_params(
                    labelbottom=rows == 1 or i + self.stacked >= len(before),
                    labelleft=i % self.stacked == 0,
                )
        try:
            yield 0.95 * height * grid.nrows / rows
        finally:
            for (ax, spec), (across, along) in zip(before, shown, strict=True):
                ax.set_subplotspec(spec)
                ax.tick_params(
                    labelbottom=across.get("labelbottom", True),
                    labelleft=along.get("labelleft", True),
                )
            for ax in unlabelled:
                ax.set_ylabel("")

    def _words(self) -> Iterator[tuple[Text, int]]:
        """What stands along the width of a panel or of the figure, and how many letters fit there on
        a phone."""
        if self.figure._supxlabel is not None:  # type: ignore[attr-defined]
            yield self.figure._supxlabel, LETTERS  # type: ignore[attr-defined]
        for ax in self.figure.axes:
            yield ax.xaxis.label, LETTERS // self.stacked
            yield ax.title, LETTERS // self.stacked
        for legend in self.figure.legends:
            columns = legend._ncols  # type: ignore[attr-defined]
            yield from ((text, LETTERS // columns - KEY) for text in legend.get_texts())

    def _drawn(self, width: float, height: float) -> str:
        import matplotlib as mpl
        from matplotlib.text import Text

        _write_powers(self.figure)
        buffer, size = io.StringIO(), self.figure.get_size_inches()
        self.figure.set_size_inches(width, height)
        salt = f"{self.alt}{width}{height}"
        with (
            names_at_ends(self.figure, width, alone=width == NARROW),
            mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}),
            clear_legends(self.figure) as more,
        ):
            for words in self.figure.findobj(Text):
                # Nobody chose it, or it is what an SVG leaves out.
                if str(words.get_color()) in (mpl.rcParams["text.color"], "black", "k", "#000000"):
                    words.set_color(INK)
            self.figure.set_size_inches(width, height + more)
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        self.figure.set_size_inches(*size)
        return _named(self._inline(buffer.getvalue()), salt)

    def _inline(self, text: str) -> str:
        """An SVG file as an element of a page: its font and colour, the alternative text, no unused
        ids."""
        text = text[text.index("<svg") :]
        # Releases of matplotlib differ in which of the two properties they write.
        text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
        text = re.sub(r"(; )?font-family: [^;\"]*", "", text)  # the page's, which is inherited
        text = re.sub(r"(?<=[> =(])-(?=[\d.]+[^<>\"]*</)", "−", text)  # of a number in words
        for ink in (INK, *PLAIN):
            text = text.replace(ink, "currentColor")
        for name, colour in HUES.items():
            text = text.replace(colour, f"var(--{name}, {colour})")
        used = set(re.findall(r"#([\w-]+)", text))
        text = re.sub(r' id="([^"]+)"', lambda name: name[0] if name[1] in used else "", text)
        label = (
            f'<svg role="img" aria-label="{html.escape(self.alt)}" style="max-width: 100%; '
            'height: auto; fill: currentColor"'  # matplotlib leaves out a black that fills
        )
        return _compact(text.replace("<svg", label, 1))


def _named(text: str, salt: str) -> str:
    """The drawing with ids that are its own on a page, and the same on every processor: matplotlib
    makes them from coordinates, of which another one rounds the last digit."""
    own = f"p{zlib.crc32(salt.encode()):08x}"
    for number, name in enumerate(dict.fromkeys(re.findall(r' id="([^"]+)"', text))):
        text = re.sub(f'(?<=[#"]){re.escape(name)}(?=[)"])', f"{own}-{number}", text)
    return text


def _write_powers(figure: Figure) -> None:
    """Numbers along a logarithmic axis as the pages write them, 1e-4: matplotlib's exponents are too
    small for a phone."""
    from matplotlib.ticker import LogFormatterSciNotation

    class Powers(LogFormatterSciNotation):
        def __call__(self, x: float, pos: Any = None) -> str:
            return _power(x) if super().__call__(x, pos) else ""

    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
        if type(major) is LogFormatterSciNotation:
            axis.set_major_formatter(Powers())
        if type(minor) is LogFormatterSciNotation:
            axis.set_minor_formatter(Powers(labelOnlyBase=minor.labelOnlyBase))


def _power(value: float) -> str:
    """0, 0.01, 1, 1000 as they are, 1e-3 and 1e6 in powers."""
    text = f"{value:g}" if value == 0 or abs(value) >= 1e-2 else f"{value:e}"
    return re.sub(r"\.?0*e\+?(-?)0*(\d+)", r"e\1\2", text)


_FILLED = re.compile(r'<path id="(\w+)" d="M (0|-[\d.]+) ([\d.]+)\s+(C|L) [^"]*z')
"""A marker's closed path: a circle begins at its lowest point, a square at a corner."""
_USE = r'<use xlink:href="#(\w+)" x="([-\d.]+)" y="([-\d.]+)" style="([^"]*)"/>\s*'
_ALONE = re.compile(
    r"<g>(<(\w+)[^<>]*(?:/>|>[^<]*</\2>)|<(\w+)[^<>]*>(?:<tspan[^<>]*>[^<]*</tspan>)+</\3>)</g>|<g></g>"
)
"""A group that says nothing of the one element in it."""
_MANY, _LAYERS = 60, 24
"""From how many dots on a scatter is drawn as paths, and how many: dots of one path do not darken
each other."""


_NUMBER = re.compile(r'aria-label="[^"]*"|-?\d+\.\d{3,}')
"""A number of the geometry; words are matched whole, so that theirs are passed over."""


def _hundredths(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith("aria-label") else f"{float(match[0]):.2f}"


def _compact(text: str) -> str:
    """The same drawing in fewer letters: hundredths of a point, no element that says
    nothing, and the dots of a scatter as a few paths of points with round or square ends."""
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^<>]*>", lambda tag: _NUMBER.sub(_hundredths, tag[0]), text)
    text = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", text)
    ends = {
        name: (float(radius), "round" if curve == "C" else "square")
        for name, left, radius, curve in _FILLED.findall(text)
        if (float(left) == 0 if curve == "C" else float(left) == -float(radius))
    }
    text = re.sub(f"(?:{_USE})+", lambda run: _dots(run[0], ends), text)
    text = re.sub(r' d="([^"]*)"', lambda path: f' d="{_line(path[1])}"', text)
    text = re.sub(r">\s+<", "><", re.sub(r"\s+", " ", text))
    count = 1
    while count:
        text, count = _ALONE.subn(lambda group: group[1] or "", text)
    return text


def _dots(run: str, ends: dict[str, tuple[float, str]]) -> str:
    """Markers in a row; many filled circles or squares of one look become paths."""
    found = re.findall(_USE, run)
    name, *_, style = found[0]
    look = dict(part.split(": ") for part in style.split("; "))
    alike = all((other, its) == (name, style) for other, _, _, its in found)
    if len(found) < _MANY or name not in ends or not alike or look.get("fill") != look["stroke"]:
        return run
    radius, end = ends[name]
    wide = 2 * radius + float(look.get("stroke-width", 1))
    paths = "".join(
        f'<path d="{"".join(f"M{x} {y}h0" for _, x, y, _ in found[i::_LAYERS])}" '
        f'style="stroke-linecap: {end}"/>'
        for i in range(_LAYERS)
    )
    return (
        f'<g style="fill: none; stroke: {look["stroke"]}; stroke-width: {wide:g}; stroke-opacity: '
        f'{look.get("stroke-opacity", 1)}">{paths}</g>'
    )


def _line(path: str) -> str:
    """A path without the letters that repeat; a long one to tenths of a point."""
    if len(path) > 600:
        path = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}", path)
    return re.sub(r"(?<=\d)\s+L (?=[-\d])", " ", path).strip()
