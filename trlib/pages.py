"""Moved; this says where to, for one release."""

raise ImportError("trlib.pages has moved: its NAME is now trbook.NAME (outcomes: trlab.outcomes; what drew: trlab.drawing)")
