"""Moved; this says where to, for one release."""

raise ImportError(
    "trlib.pages has moved: trlib.pages.NAME is now trbook.NAME (plots, outcomes, figures and tradeoffs: trlab)"
)
