"""Moved. For one release, this module says where to."""

raise ImportError(
    "trlib.lab has moved: its NAME is now trlab.NAME (bandit, moons, states, precision, scale: "
    "trbook)"
)
