"""Moved; this says where to, for one release."""

raise ImportError(
    "trlib.lab has moved: trlib.lab.NAME is now trlab.NAME (bandit, moons, states, precision and scale: trbook.NAME)"
)
