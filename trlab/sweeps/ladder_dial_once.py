"""Is the order of nine losses an effect of the reused batch? `dial` at 1e-4, one update per batch."""

from trlab.sweeps._ladder import asked_once

SWEEP = asked_once("dial", range(12880, 12892))
