"""Does a reward model from more labels need no penalty?"""

from trlab import Axis
from trlab.comparison import Comparison, Side
from trlab.sweeps._reference import above, asked, variant

NONE, KEPT = "β = 0", "β = 0.1"

SWEEP = asked(
    title="more labels",
    text="Reward models that were fitted to 30, 300 and 1,000 labelled stories, without a penalty and with one.",
    variants=[variant(NONE), variant(KEPT, 0.1)],
    axes=[Axis("task.labels", (30, 300, 1000))],
    predictions=[
        *(
            above(
                f"with {labels} labels, no penalty ends below a fifth",
                0.2,
                NONE,
                at={"task.labels": labels},
            )
            for labels in ("30", "1000")
        ),
        *(
            above(
                f"with {labels} labels, the penalty ends above no penalty",
                KEPT,
                NONE,
                at={"task.labels": labels},
            )
            for labels in ("30", "300", "1000")
        ),
    ],
    comparisons=[
        Comparison(Side(KEPT, {"task.labels": "1000"}), Side(KEPT, {"task.labels": "30"})),
        Comparison(
            Side(NONE, {"task.labels": "1000"}), Side(NONE, {"task.labels": "30"}), "right_peak"
        ),
    ],
)
