"""Sweeps that are declared and not yet recorded, a file each: the design and its predictions,
committed before the runs."""
