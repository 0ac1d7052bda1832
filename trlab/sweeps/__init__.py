"""The recorded sweeps, a file each: the design and its predictions, committed before the runs."""
