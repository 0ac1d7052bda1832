"""Moved; this says where to, for one release."""

raise ImportError("trlib.lab.NAME has moved: trlab.NAME (bandit, moons, states, precision and scale: trbook.NAME)")
