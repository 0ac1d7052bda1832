"""What the sweeps of the exact pull share: advantages with J KL(μ || π) added, the pull that plain
rewards have on average, and plain rewards with the same term taken away. μ is the sampler and J the
mean reward of a prompt's group; the divergence is exact, over the vocabulary at every token.
"""

from trlab import Variant
from trlab.questions import OWN, RECORDS
from trlab.sweeps._one_setting import ROUNDED, STALE, above

QUESTION = "is it the pull"
A_PULLED, R_FREED = "A, pull", "R, no pull"
PULLED = f"{RECORDS / OWN / '_push.py'}:Pulled"
ARMS = (
    Variant(PULLED, label=A_PULLED),
    Variant(PULLED, {"advantage": "reward", "pull": -1.0}, label=R_FREED),
    Variant("reinforce", label="A"),
    Variant("reinforce", {"advantage": "reward"}, label="R"),
)
KNOWN = (
    "Pilots of A with the exact pull on `dial` at 3e-4, 256 batches, one run per cell with a seed of 80000 "
    "or 80001: 16 updates stale .90 (read greedily .99; A .06), four bits .04 (A .90). None of R less "
    "the pull, of `spend`, or of 8 to 12 moves. Recorded with each batch used sixteen times (`push`, "
    "1e-4): A with the pull .41, between A .05 and R .87."
)


def crossing():
    """What the pull predicts under either sampler."""
    return [
        *above(STALE, A_PULLED, "A", "sampled", "greedy"),
        *above(STALE, "R", R_FREED, "sampled", "greedy"),
        *above(ROUNDED, "A", A_PULLED, "sampled", "greedy"),
        *above(ROUNDED, R_FREED, "R", "sampled", "greedy"),
    ]
