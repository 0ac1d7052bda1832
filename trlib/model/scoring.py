"""Moved. For one release, this module says where to."""

raise ImportError("trlib.model.scoring has moved: from trlab.scoring import score_tokens")
