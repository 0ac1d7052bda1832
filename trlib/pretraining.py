"""Moved; this says where to, for one release."""

raise ImportError("trlib.pretraining has moved: import trlab.pretraining")
