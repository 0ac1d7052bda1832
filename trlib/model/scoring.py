"""Moved; this says where to, for one release."""

raise ImportError("trlib.model.scoring has moved: from trlab.scoring import score_tokens")
