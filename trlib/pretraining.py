"""Moved. For one release, this module says where to."""

raise ImportError("trlib.pretraining has moved: import trlab.pretraining")
