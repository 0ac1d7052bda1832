"""What the lines of a figure are called: a name at each line's end, or a legend that covers
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trlab.drawing.looks import INK

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

PLACES = (
    "upper right",
    "upper left",
    "lower right",
    "lower left",
    "center right",
    "center left",
    "upper center",
    "lower center",
    "center",
)
LEGEND_PADDING = 2.5  #: Between a legend and what is drawn, points.
LETTER = 0.06  #: Inches of a letter in a line's name.
NAMED = 5  #: As many lines at most have their names at their ends.


@contextmanager
def names_at_ends(figure: Figure, width: float, *, alone: bool) -> Iterator[None]:
    """Inside a `with` block lines have their names at their ends, where there is room, and no legend.

    Args:
        width: of the figure, inches.
        alone: each panel is as wide as the figure.
    """
    named = [ax for ax in figure.axes if _at_ends(ax, width, alone)]
    texts = [(ax, list(ax.texts)) for ax in named]
    for ax in named:
        ax.get_legend().set_visible(False)  # type: ignore[union-attr]
        name_lines(ax)
    try:
        yield
    finally:
        for ax, before in texts:
            ax.get_legend().set_visible(True)  # type: ignore[union-attr]
            for text in set(ax.texts) - set(before):
                text.remove()


def _at_ends(ax: Any, width: float, alone: bool) -> bool:
    """Whether a panel's legend names lines only, has no place of its own, and each name takes at most
    half of the panel."""
    legend, spec = ax.get_legend(), ax.get_subplotspec()
    if legend is None or legend._loc or spec is None:
        return False
    handles, names = ax.get_legend_handles_labels()
    across = 1 if alone else spec.get_gridspec().ncols / len(spec.colspan)
    return (
        len(handles) <= NAMED
        and all(handle in ax.lines and handle.get_linestyle() != "None" for handle in handles)
        and LETTER * max(map(len, names), default=0) <= width / across / 2
    )


def name_lines(ax: Axes) -> None:
    """The name of every labelled line to the right of its end, in its colour: no legend. The limits
    of the axes stand before."""
    ends = {
        line: end
        for line in ax.lines
        if not str(line.get_label()).startswith("_") and (end := _end(line))
    }
    heights = {line: _share_of(ax, *end) for line, end in ends.items()}
    if any(map(_is_level, ends)):  # it would run through the names of the others
        edge = max(x for x, _ in ends.values())
        ends = {line: (edge, y) for line, (_, y) in ends.items()}
    for line, height in _apart(heights, 0.17 * ax.figure.dpi / ax.bbox.height).items():
        ax.annotate(
            str(line.get_label()),
            (ends[line][0], height),
            xycoords=("data", "axes fraction"),
            xytext=(7, 0),
            textcoords="offset points",
            color=line.get_color(),
            fontsize="small",
            va="center",
            annotation_clip=False,
        )


def _end(line: Any) -> tuple[float, float] | None:
    """The last point of a line that is drawn; of a level (`axhline`), where its panel ends."""
    ax = line.axes
    ax.autoscale_view()  # the limits are found late
    edge = max(ax.get_xlim())
    if _is_level(line):
        return edge, line.get_ydata()[0]
    points = [(x, y) for x, y in line.get_xydata().tolist() if y == y and x <= edge]
    return points[-1] if points else None


def _is_level(line: Any) -> bool:
    return not line.get_transform().contains_branch_seperately(line.axes.transData)[0]


def _share_of(ax: Axes, x: float, y: float) -> float:
    """How far up a point stands in its axes, from 0 to 1."""
    _, up = ax.transAxes.inverted().transform(ax.transData.transform((x, y)))
    return float(min(max(up, 0), 1))


def _apart(heights: dict[Any, float], gap: float) -> dict[Any, float]:
    """The heights in their order, moved as little as keeps each `gap` above the one below and the
    lowest, which has the axis' numbers below it, at 0 or above."""
    order = sorted(heights, key=lambda one: heights[one])
    placed: list[list[Any]] = []  # groups that touch, each a list of what it holds
    centres: list[float] = []
    for one in order:
        placed.append([one])
        centres.append(heights[one])
        while (
            len(placed) > 1
            and centres[-1] - centres[-2] < gap * (len(placed[-1]) + len(placed[-2])) / 2
        ):
            upper = placed.pop()
            placed[-1] += upper
            centres.pop()
            mean = sum(heights[each] for each in placed[-1]) / len(placed[-1])
            centres[-1] = max(mean, gap * (len(placed[-1]) - 1) / 2)
    return {
        one: centre + gap * (i - (len(group) - 1) / 2)
        for group, centre in zip(placed, centres, strict=True)
        for i, one in enumerate(group)
    }


@contextmanager
def clear_legends(figure: Figure) -> Iterator[float]:
    """Inside a `with` block no panel's legend covers what is drawn. It stands where it was asked
    for if nothing is drawn there, else at the first of `PLACES` that is free, else outside: above
    the panel, or below it where panels have titles. Yields the height, in inches, by which the
    figure must grow so that its panels stay as large as they were."""
    legends = [ax.get_legend() for ax in figure.axes]
    inside = [(one, one._loc) for one in legends if one and one.get_visible()]  # type: ignore[attr-defined]
    outside: list[Legend] = []
    if inside:
        figure.draw_without_rendering()
    try:
        for legend, asked in inside:
            if not any(_is_clear(legend, place) for place in (asked or PLACES[0], *PLACES)):
                outside.append(_beside(legend))
                legend.set_visible(False)
        yield _grown(outside)
    finally:
        for legend, asked in inside:
            legend.set_loc(asked)
            legend.set_visible(True)
        for legend in outside:
            legend.remove()


def _is_clear(legend: Legend, place: Any) -> bool:
    """Puts a legend at that place; whether it lies within its panel there and covers nothing of any
    panel."""
    legend.set_loc(place)
    box, ax = legend.get_window_extent(), legend.axes
    anchored = legend.get_bbox_to_anchor().bounds != ax.bbox.bounds
    if not anchored and not _holds(ax.bbox, box):
        return False
    box = box.padded(LEGEND_PADDING * ax.figure.dpi / 72)
    return not any(
        _covers(box, artist, one)
        for one in ax.figure.axes
        for artist in one.get_children()
        if artist.get_visible()
    )


def _holds(outer: Bbox, inner: Bbox) -> bool:
    return bool(
        outer.x0 <= inner.x0
        and outer.y0 <= inner.y0
        and inner.x1 <= outer.x1
        and inner.y1 <= outer.y1
    )


def _covers(box: Bbox, artist: Artist, ax: Axes) -> bool:
    """Whether a line, point, bar, band, picture or word of a panel reaches into a box. A shade
    from edge to edge (`axhspan`, `axvspan`) is ground: words may stand on it."""
    import numpy as np
    from matplotlib.collections import Collection, PathCollection
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.spines import Spine
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    if isinstance(artist, Text):
        names = (ax.title, ax._left_title, ax._right_title)  # type: ignore[attr-defined]
        words = artist.get_text() and artist not in names
        return bool(words and box.overlaps(artist.get_window_extent()))
    shown = Bbox.intersection(box, ax.bbox)
    if shown is None or isinstance(artist, Spine) or artist is ax.patch:
        return False
    if isinstance(artist, AxesImage):
        return True
    if isinstance(artist, PathCollection) and np.size(artist.get_offsets()):
        points = artist.get_offset_transform().transform(artist.get_offsets())
        return bool(shown.count_contains(points))
    if isinstance(artist, Line2D):
        path = _drawn(artist.get_path(), artist)
        if artist.get_linestyle() == "None":
            return bool(shown.count_contains(path.vertices))
        return bool(path.intersects_bbox(shown, filled=False))
    if isinstance(artist, Patch):
        path = _drawn(artist.get_path(), artist)
        data = all(artist.get_transform().contains_branch_seperately(ax.transData))
        return bool(data and path.intersects_bbox(shown, filled=artist.get_fill()))
    if isinstance(artist, Collection):
        filled = np.size(artist.get_facecolor()) > 0
        return any(
            _drawn(path, artist).intersects_bbox(shown, filled)
            for path in artist.get_paths()
            if np.size(path.vertices)
        )
    return False


def _drawn(path: Path, artist: Artist) -> Path:
    """A path of an artist where it lies on the figure, without the points that are no numbers."""
    return artist.get_transform().transform_path(path).cleaned(remove_nans=True)


def _beside(legend: Legend) -> Legend:
    """The same legend outside its panel, in as many columns as the panel is wide."""
    from matplotlib.legend import Legend
    from matplotlib.transforms import ScaledTranslation

    ax, figure = legend.axes, legend.axes.figure
    titled = any(one.get_title() for one in figure.axes)
    down = (ax.bbox.y0 - ax.xaxis.get_tightbbox().y0) / figure.dpi if titled else 0  # type: ignore[union-attr]
    words = [text.get_text() for text in legend.get_texts()]
    for columns in range(len(words), 0, -1):
        one = Legend(
            ax,
            [handle for handle in legend.legend_handles if handle],
            words,
            loc="upper left" if titled else "lower left",
            bbox_to_anchor=(0, 0 if titled else 1),
            bbox_transform=ax.transAxes + ScaledTranslation(0, -down, figure.dpi_scale_trans),
            ncols=columns,
            borderaxespad=0.3,
            frameon=False,
            fontsize="small",
            handlelength=legend.handlelength,
            labelcolor=INK,
        )
        ax.add_artist(one)
        one.set_clip_on(False)  # else the layout makes no room for it
        if columns == 1 or one.get_window_extent().width <= ax.bbox.width:
            break
        one.remove()
    return one


def _grown(outside: list[Legend]) -> float:
    """The height of the highest legend in each row of panels, added, in inches."""
    rows: dict[int, float] = {}
    for legend in outside:
        spec = legend.axes.get_subplotspec()
        row = spec.rowspan.start if spec else 0
        rows[row] = max(
            rows.get(row, 0), legend.get_window_extent().height / legend.axes.figure.dpi
        )
    return sum(rows.values())
