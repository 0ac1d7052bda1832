"""Moved; this says where to, for one release."""

raise ImportError("trlib.lab has moved: its NAME is now trlab.NAME (bandit, moons, states, precision, scale: trbook)")
