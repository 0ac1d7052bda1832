"""Moved; this says where to, for one release."""

raise ImportError("trlib.pages.NAME has moved: trbook.NAME (outcomes: trlab.outcomes; what drew: trlab.drawing)")
