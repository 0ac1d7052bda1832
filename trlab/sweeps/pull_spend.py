"""The exact pull added to A and taken away from R: `spend` at 1e-4, where four bits ruin advantages and
spare plain rewards. If that is the pull, A with it ends as R does there, too."""

from trlab.sweeps._one_setting import ROUNDED, STALE, above, asked, samplers, trained
from trlab.sweeps._pull import A_PULLED, ARMS, KNOWN, QUESTION, R_FREED

SWEEP = asked(
    title="the exact pull, spend",
    text="Is what separates plain rewards from advantages the pull towards the sampler? `spend` at 1e-4.",
    question=QUESTION,
    known=KNOWN,
    variants=ARMS,
    task="spend",
    axes=samplers(STALE, ROUNDED),
    seeds=range(12320, 12332),
    train=trained(1e-4),
    predictions=[
        *above(STALE, A_PULLED, "A", "sampled", "greedy"),
        *above(STALE, "R", R_FREED, "sampled", "greedy"),
        *above(ROUNDED, A_PULLED, "A", "sampled", "greedy"),
        *above(ROUNDED, "R", R_FREED, "sampled", "greedy"),
    ],
)
