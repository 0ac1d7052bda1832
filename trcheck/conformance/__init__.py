"""Anybody's loss held against golden vectors: agreement, or the exact point of deviation, in plain
words."""
