"""Moved. For one release, this module says where to."""

raise ImportError(
    "trlib.pages has moved: its NAME is now trbook.NAME (outcomes, plots, figures: trlab)"
)
