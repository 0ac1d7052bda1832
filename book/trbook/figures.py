"""Figures of matplotlib as the book shows them: whatever a cell draws with `pyplot`, in any notebook
that imports `trbook`.

    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    ax.plot(rewards, label="the loop above")
    ax.set(xlabel="batch", ylabel="reward")
    ax.legend()

The output holds a layout for a page and one for a phone, in the colours of a light or a dark page.
`ax.legend()` names lines at their ends where there is room; with a `loc` it stays a legend, which
moves if it would cover something. The alternative text is read off the axes (`described`), or it is
what `fig.set_label("...")` says. Without this package the same cell shows matplotlib's own figure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trbook.drawing import Drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("page.mplstyle")
EACH = 8  #: As many bars at most are told one by one.


def connect() -> None:
    """Use the book's style, and have the notebook's kernel show every figure as the book does;
    without a kernel, or without matplotlib, nothing happens."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or find_spec("matplotlib") is None:
        return
    shell.run_line_magic("matplotlib", "inline")  # first: it throws away what shows a Figure
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    plt.style.use(STYLE)
    formatters = shell.display_formatter.formatters
    for formatter in formatters.values():
        formatter.pop(Figure, None)
    formatters["text/html"].for_type(Figure, lambda figure: drawing(figure).html())


def drawing(figure: Figure) -> Drawing:
    """A figure as the book shows it."""
    many = len(_panels(figure)) >= 6
    return Drawing(figure, str(figure.get_label()) or described(figure), stacked=2 if many else 1)


def taken(shown: Any) -> Any:
    """A figure as the book shows it, taken from the end of its cell; anything else as it is."""
    figures = sys.modules.get("matplotlib.figure")
    if figures is None or not isinstance(shown, figures.Figure):
        return shown
    import matplotlib.pyplot as plt

    plt.close(shown)
    return drawing(shown)


def plain(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """A function whose figure has the book's style wherever it is called, and is shown by its caller
    alone."""

    @wraps(draw)
    def styled(*given: Any, **named: Any) -> Figure:
        import matplotlib.pyplot as plt

        with plt.style.context(STYLE):
            figure = draw(*given, **named)
        plt.close(figure)
        return figure

    return styled


def described(figure: Figure) -> str:
    """What a figure shows, in words: for every panel its title, its axes, and where each named line,
    band or level begins, peaks and ends, what bars stand for, and how many points there are."""
    shown = _panels(figure)
    count = {1: "", 2: "Two panels. ", 3: "Three panels. ", 4: "Four panels. "}
    sentences = " ".join(_panel(ax, shown) for ax in shown)
    return count.get(len(shown), f"{len(shown)} panels. ") + sentences


def _panels(figure: Figure) -> list[Any]:
    return [ax for ax in figure.axes if ax.has_data() and ax.get_label() != "<colorbar>"]


def _panel(ax: Any, panels: list[Any]) -> str:
    figure = ax.get_figure()
    along = ax.get_shared_x_axes()
    alike = [one for one in panels if along.joined(ax, one) and _column(one) == _column(ax)]
    across = [one.get_xlabel() for one in (ax, *alike)] + [figure.get_supxlabel()]
    up = [one.get_ylabel() for one in (ax, *panels)] + [figure.get_supylabel()]
    title, along, what = ax.get_title(), next(filter(None, across), ""), next(filter(None, up), "")
    what = ax.get_ylabel() if _word(ax.yaxis, 0) else what  # rows with names are no quantity
    axes = f"{what} over {along}" if along and what else what or along
    parts = (*_lines(ax), *_bands(ax), *_points(ax), *_bars(ax))
    named = filter(None, (title if title != what else "", axes, "; ".join(filter(None, parts))))
    text = f"{': '.join(named)}."
    return text[0].upper() + text[1:] if text[0].isascii() else text


def _column(ax: Any) -> Any:
    spec = ax.get_subplotspec()
    return spec and spec.colspan


def _lines(ax: Any) -> Iterator[str]:
    """Lines with names; where none has one, all that have more than two points."""
    import numpy as np

    named = [line for line in ax.lines if _name(line)]
    for line in named or [line for line in ax.lines if len(line.get_xdata()) > 2]:
        points = np.asarray(line.get_xydata(), float)
        x, y = points[np.isfinite(points).all(1)].T
        if not len(y):
            continue
        name = _name(line)
        marks = line.get_linestyle() == "None"
        rows = [_word(ax.yaxis, place) for place in y] if marks else [""]
        if all(rows):
            bars = [f"{row} {_number(size)}" for row, size in zip(rows, x, strict=True)]
            yield (f"{name}: " if name and rows != [name] else "") + ", ".join(bars)
        elif marks and len(y) > EACH:
            yield f"{name} {_cloud(x, y)}".strip()
        else:
            first, last, top, low = map(_number, (y[0], y[-1], y.max(), y.min()))
            if top == low:
                yield f"{name} at {top}".strip()
                continue
            most = f", at most {top} at {_at(ax.xaxis, x[y.argmax()])}"
            least = f", at least {low} at {_at(ax.xaxis, x[y.argmin()])}"
            yield (
                f"{name} from {first} to {last}"
                + (most if top not in (first, last) else "")
                + (least if low not in (first, last) else "")
            ).strip()


def _bands(ax: Any) -> Iterator[str]:
    """Filled bands with names, by where they end."""
    from matplotlib.collections import PolyCollection

    for band in ax.collections:
        if isinstance(band, PolyCollection) and _name(band):
            corners: Any = band.get_paths()[0].vertices
            last = corners[corners[:, 0] == corners[:, 0].max(), 1]
            yield f"{_name(band)} at the end between {_number(last.min())} and {_number(last.max())}"


def _points(ax: Any) -> Iterator[str]:
    """Scattered points, and pictures."""
    import numpy as np
    from matplotlib.collections import PathCollection

    for points in ax.collections:
        if isinstance(points, PathCollection):
            offsets: Any = points.get_offsets()
            x, y = np.ma.filled(offsets.astype(float), np.nan).T
            yield f"{_name(points)} {_cloud(x, y)}".strip()
    for image in ax.images:
        values = np.ma.masked_invalid(image.get_array())
        yield f"a map of {' by '.join(map(str, values.shape[:2]))} values from {_number(values.min())} to {_number(values.max())}"


def _bars(ax: Any) -> Iterator[str]:
    from matplotlib.container import BarContainer

    for bars in ax.containers:
        if not isinstance(bars, BarContainer):
            continue
        lying = bars.orientation == "horizontal"
        axis = ax.yaxis if lying else ax.xaxis
        pairs = [
            (bar.get_y() + bar.get_height() / 2, bar.get_width())
            if lying
            else (bar.get_x() + bar.get_width() / 2, bar.get_height())
            for bar in bars.patches
        ]
        sizes = [size for _, size in pairs]
        if len(pairs) <= EACH:
            text = ", ".join(f"{_number(size)} at {_at(axis, place)}" for place, size in pairs)
        else:
            text = f"{len(pairs)} bars of {_number(min(sizes))} to {_number(max(sizes))}"
        yield f"{_name(bars)}: {text}" if _name(bars) else text


def _name(artist: Any) -> str:
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else " ".join(label.split())


def _at(axis: Any, place: float) -> str:
    """A place on an axis: the word that stands there, or its number."""
    return _word(axis, place) or _number(place)


def _word(axis: Any, place: float) -> str:
    """The word that was set at a place of an axis, or beside it, as groups of bars stand."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.ticker import FuncFormatter

    word = axis.get_major_formatter()
    if not isinstance(word, FuncFormatter | StrCategoryFormatter):
        return ""
    return " ".join(str(word(place) or word(round(place))).split())


def _cloud(x: Any, y: Any) -> str:
    import numpy as np

    return (
        f"{len(x)} points between {_number(np.nanmin(x))} and {_number(np.nanmax(x))} across, "
        f"{_number(np.nanmin(y))} and {_number(np.nanmax(y))} up"
    )


def _number(value: float) -> str:
    """Three digits, and no more than the third decimal of what is not tiny."""
    value = 0.0 if abs(value) < 1e-12 else value
    return f"{round(value, 3) if abs(value) >= 0.1 else value:.3g}"
