"""Is the order of nine losses an effect of the reused batch? `spend` at 1e-4, one update per batch, where
every loss with a ratio has the gradient of the advantages."""

from trlab import Prediction
from trlab.sweeps._ladder import asked_once

SWEEP = asked_once(
    title="one update per batch, spend",
    text="Plain rewards, advantages and PPO with one update per batch of 16 x 8 completions, 256 batches. "
    "`spend` at 1e-4.",
    task="spend",
    seeds=range(12900, 12912),
    predictions=[
        Prediction("advantages end above plain rewards, sampled", "advantages", "plain rewards"),
    ],
)
