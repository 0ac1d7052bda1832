"""Is what separates R from A the pull? The exact pull added to A and taken away from R: `dial` at 3e-4.

If it is, A with the pull ends as R does and R without it as A does, under both samplers. A rival: what
helps is that no sampled completion becomes less likely; then A with the pull, which still decreases
some, ends below R.
"""

from trlab.sweeps._one_setting import ROUNDED, STALE, above, asked, samplers, trained
from trlab.sweeps._pull import A_PULLED, ARMS, KNOWN, QUESTION, R_FREED


def crossing():
    """What the pull predicts under either sampler."""
    return [
        *above(STALE, A_PULLED, "A", "sampled", "greedy"),
        *above(STALE, "R", R_FREED, "sampled", "greedy"),
        *above(ROUNDED, "A", A_PULLED, "sampled", "greedy"),
        *above(ROUNDED, R_FREED, "R", "sampled", "greedy"),
    ]


SWEEP = asked(
    title="the exact pull, dial",
    text="Is what separates plain rewards from advantages the pull towards the sampler? `dial` at 3e-4.",
    question=QUESTION,
    known=KNOWN,
    variants=ARMS,
    axes=samplers(STALE, ROUNDED),
    seeds=range(12300, 12312),
    train=trained(3e-4),
    predictions=crossing(),
)
