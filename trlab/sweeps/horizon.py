"""How far a clip widens the range of rates, and whether that holds five times as long: 24 and 120
batches, six rates.

`basin` says where a method falls out of its range from rates half a decade apart, so most of each
edge is a straight line between two points; and all its runs end after 24 batches, on a plateau near
.90. Here six rates lie between 1e-5 and 6.5e-5, and the same design runs for 24 and for 120
batches. Of each method the page shows the highest rate that still ends within a margin of the best
end, for margins from .02 to .20, and the ratio of the two methods' rates as a curve over the
margin, at each length: no single margin is the right one. `horizon_decay` runs rates that fall to
0.

The margin's best end is that of any cell of the same length. An edge is read off the curve of
interquartile means, linear in log10 of the rate. A ratio is not given where one of the two edges
lies outside the rates that were run.

Known beforehand: `basin` (24 batches, sixteen other seeds; at 1e-5, 3e-5, 1e-4: no region .905,
.866, .27; PPO .908, .893, .69) and its edges at margins from .02 to .20, whose ratio is between 1.2
and 2.2. Nothing is known of 120 batches at these rates. Predictions were written down before any
run of this sweep; the risky ones are all of those about 120.

Twelve seeds were planned. Six were declared, because two shared cores had about eighty minutes; all
six were run.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Sweep
from trlab.sweeps._second_round import pick
from trlab.sweeps._third_round import BATCH, BUDGET

SHORT, LONG = {"batches": "24"}, {"batches": "120"}
SLOW, THIRD, FAST, FASTEST = ({"lr": lr} for lr in ("1e-05", "3e-05", "4.5e-05", "6.5e-05"))

SWEEP = Sweep(
    title="24 and 120 batches",
    round=4,
    text="How much higher a learning rate does a clip allow, at every loss that one accepts, "
    "after 24 and after 120 "
    "batches?",
    variants=pick("pg_is", "ppo"),
    axes=[
        Axis("batches", {str(n): {"steps": n} for n in (24, 120)}),
        Axis("lr", (1e-5, 1.5e-5, 2e-5, 3e-5, 4.5e-5, 6.5e-5)),
    ],
    seeds=range(2400, 2406),
    train={**BATCH, "epochs": 16},
    budget=replace(BUDGET, minutes=40),
    provenance="Twelve seeds were planned; six are what two shared cores had time for.",
    predictions=[
        Prediction(
            "after 24 batches PPO falls out of its basin at a higher rate than no region",
            higher="ppo",
            lower="pg_is",
            measure="basin_high",
            at=SHORT,
        ),
        Prediction("after 120 too", higher="ppo", lower="pg_is", measure="basin_high", at=LONG),
        Prediction(
            "after 24 batches at 4.5e-5 PPO is above no region",
            higher="ppo",
            lower="pg_is",
            at={**SHORT, **FAST},
        ),
        Prediction(
            "at 1e-5 the two end alike after 24 batches, within .02",
            higher="ppo",
            lower="pg_is",
            within=0.02,
            at={**SHORT, **SLOW},
        ),
        Prediction("and after 120", higher="ppo", lower="pg_is", within=0.02, at={**LONG, **SLOW}),
        Prediction(
            "five times as many batches help at 1e-5: PPO ends above .92",
            higher="ppo",
            lower=0.92,
            at={**LONG, **SLOW},
        ),
        Prediction(
            "at 3e-5 they harm: after 120 batches no region ends below .75",
            higher=0.75,
            lower="pg_is",
            at={**LONG, **THIRD},
        ),
        Prediction(
            "there PPO is above no region", higher="ppo", lower="pg_is", at={**LONG, **THIRD}
        ),
        Prediction(
            "at 6.5e-5 PPO too is lost: below .5", higher=0.5, lower="ppo", at={**LONG, **FASTEST}
        ),
    ],
)
