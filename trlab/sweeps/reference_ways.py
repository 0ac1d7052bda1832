"""Other ways to stay near: the penalty in the reward, a clip beside it, a reference that moves, and a
tenth of the learning rate without any penalty."""

from trlab import Prediction
from trlab.comparison import Comparison, Side
from trlab.sweeps._reference import above, asked, variant

LOSS, REWARD, MOVING = "k2 in the loss", "k1 in the reward", "a new reference every 10 batches"
BOTH, SLOW = "β = 0.1 and the clip, four epochs", "a tenth of the learning rate"

SWEEP = asked(
    title="other ways to stay near",
    text="The penalty in the loss or in the reward, alone or beside a clip, to a fixed reference or to one that is "
    "replaced; or no penalty, and a tenth of the learning rate.",
    variants=[
        variant(LOSS, 0.1),
        variant(REWARD, 0.1, place="reward", estimator="k1"),
        variant(MOVING, 0.1, every=10),
        variant(SLOW, train={"lr": 1.5e-4}),
        variant(BOTH, 0.1, method="ppo", train={"epochs": 4}),
    ],
    predictions=[
        Prediction(
            "in the reward and in the loss the penalty ends alike, within 0.1",
            LOSS,
            REWARD,
            within=0.1,
        ),
        above("a fixed reference ends above one that is replaced", LOSS, MOVING),
        above("a replaced reference ends further away", MOVING, LOSS, "kl_ref_end"),
        above(
            "the penalty ends above a tenth of the learning rate, which has hardly begun",
            LOSS,
            SLOW,
        ),
        above("with the clip and four epochs the penalty still saves most stories", BOTH, 0.5),
    ],
    comparisons=[Comparison(Side(LOSS), Side(BOTH))],
)
