"""Moved; this says where to, for one release."""

raise ImportError("trlib.pages has moved: its NAME is now trbook.NAME (outcomes, plots, figures: trlab)")
