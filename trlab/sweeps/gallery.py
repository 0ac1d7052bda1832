"""The gallery on `dial`: every objective and optimiser, a batch used once or eight times, as
`gallery_grid` tuned it.

Known beforehand: prototypes of the objectives had run one seed each at the loop's defaults, one use
(nearly all .90 to .92; LCO-mse .78) and 16 uses untuned (no region .04, PPO .53, MDPO .63, R2VPO
.45, CPGD .40, BAPO .12; MinPRO and TR-DPO collapsed). One run of each at 8 uses on seed 150, 12
batches, lr 3e-4, everything at its default, showed that all run: REBEL .80, FixPO .71, TREFree .64,
PPO .63 at the end, MinPRO, CAPO, OPO, Muon and the preference methods below .14, AuON .89. Nothing
of the tuned runs was known.
"""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweep import load_sweep
from trlab.sweeps._gallery import SEEDS
from trlab.tuning import chosen

GRID = load_sweep("gallery_grid")
ONCE, OFTEN = {"uses": "1"}, {"uses": "8"}


def SWEEP() -> Sweep:
    """The sweep, with what was chosen in the record of `gallery_grid`."""
    return Sweep(
        title="the gallery, tuned alike",
        round=2,
        text="Tuned alike, what do the gallery's methods learn from a batch used once or eight "
        "times?",
        variants=chosen(GRID),
        axes=[Axis("uses", {"1": {}, "8": {"epochs": 8}})],
        seeds=SEEDS,
        tuned_on=GRID.seeds,
        train={"prompts": 16, "group": 8},
        budget=Budget(steps=24, prompts=256, samples=4),
        predictions=[
            Prediction(
                "tuned, a penalty on the ratio's variance holds as a clip does",
                higher="r2vpo",
                lower=0.8,
                at=OFTEN,
            ),
            Prediction(
                "BAPO's window only ever opens, so at 8 uses it moves further than PPO's",
                higher="bapo",
                lower="ppo",
                measure="kl",
                at=OFTEN,
                tested="further than PPO's; its lower edge rises, so the window narrows below",
            ),
            Prediction(
                "MinPRO clamps and never silences, as CISPO does: below PPO at 8 uses",
                higher="ppo",
                lower="minpro",
                at=OFTEN,
            ),
            Prediction(
                "a clip in log space is a clip: CPGD is within five points of PPO",
                higher="cpgd",
                lower="ppo",
                within=0.05,
                at=OFTEN,
            ),
            Prediction(
                "a width of delta / |A| is one width where all advantages are alike: TREFree is "
                "within five points of PPO",
                higher="trefree",
                lower="ppo",
                within=0.05,
                at=OFTEN,
            ),
            Prediction(
                "a mask before the move sees one update, and eight add up: CAPO moves further "
                "than PPO",
                higher="capo",
                lower="ppo",
                measure="kl",
                at=OFTEN,
            ),
            Prediction(
                "fix-ups keep the largest KL of a token small: FixPO's largest total variation is "
                "below PPO's",
                higher="ppo",
                lower="fixpo",
                measure="tv_max",
                at=OFTEN,
            ),
            Prediction(
                "several steps are what mirror descent is for: MDPO above .8 at 8 uses",
                higher="mdpo",
                lower=0.8,
                at=OFTEN,
            ),
            Prediction(
                "COUNTERPOL asked for a return of 1 is REINFORCE with a penalty: above .7 at 8 uses",
                higher="counterpol",
                lower=0.7,
                at=OFTEN,
            ),
            Prediction(
                "regression to the tilt has a minimum, so eight uses cannot run away: REBEL above "
                ".8",
                higher="rebel",
                lower=0.8,
                at=OFTEN,
            ),
            Prediction("LCO with the KL fit holds as well", higher="lco", lower=0.8, at=OFTEN),
            Prediction(
                "the squared error in logits weighs every word alike, the KL fit by its "
                "probability: LCO-mse ends below",
                higher="lco",
                lower="lco-mse",
                at=OFTEN,
            ),
            Prediction(
                "a mean over 272 words, most of them impossible, says little of what may follow: "
                "ROVER stays below .6",
                higher=0.6,
                lower="rover",
                at=OFTEN,
            ),
            Prediction(
                "a reference that moves re-opens the gradient: TR-DPO is above DPO",
                higher="tr_dpo",
                lower="dpo",
                at=OFTEN,
            ),
            Prediction(
                "order alone is less than rewards: TRPA ends below REBEL",
                higher="rebel",
                lower="trpa",
                at=OFTEN,
            ),
            Prediction(
                "ADPO fits its group and stops: above .7 at 8 uses",
                higher="adpo",
                lower=0.7,
                at=OFTEN,
            ),
            Prediction(
                "OPO is for exactly one use: at 8 its policy moves further than PPO's",
                higher="opo",
                lower="ppo",
                measure="kl",
                at=OFTEN,
            ),
            Prediction(
                "and at one use it is the policy gradient: above .8",
                higher="opo",
                lower=0.8,
                at=ONCE,
            ),
            Prediction(
                "a critic of quantiles on rewards of 0 and 1 is worth less than the group's mean: "
                "DVPO is below PPO",
                higher="ppo",
                lower="dvpo",
                at=OFTEN,
            ),
            Prediction(
                "a pull to the models before costs speed: in 24 batches SMART learns less from "
                "the expert than SFT",
                higher="sft",
                lower="smart",
                at=OFTEN,
            ),
            Prediction(
                "orthogonal steps in every matrix are as good as Adam's, tuned: Muon within five "
                "points",
                higher="muon",
                lower="ppo",
                within=0.05,
                at=OFTEN,
            ),
            Prediction(
                "the sign of momentum is nearly what AdamW does: within five points",
                higher="sign",
                lower="ppo",
                within=0.05,
                at=OFTEN,
            ),
            Prediction(
                "one number for a whole matrix is too little: the Frobenius ball ends below AdamW",
                higher="ppo",
                lower="frobenius",
                at=OFTEN,
            ),
            Prediction(
                "AuON's brake is about 1, so it is momentum: below AdamW",
                higher="ppo",
                lower="auon",
                at=OFTEN,
                tested="the AuON of the authors' auon/optimizer.py",
            ),
        ],
    )
