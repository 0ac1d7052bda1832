"""What the sweeps of the ladder share: nine losses, from plain rewards to a projection, each one line
away from the one before, at the defaults of their methods."""

from functools import partial

from trlab import Budget, Prediction, Sweep, Variant

QUESTION = "nine losses"
PLAIN, FIRST = {"advantage": "reward"}, "plain rewards"
VARIANTS = (
    Variant("reinforce", PLAIN, label=FIRST),
    Variant("reinforce", label="advantages"),
    Variant("pg_is"),
    Variant("ppo"),
    Variant("ppo", {"eps_high": 0.28}, label="clip-higher"),
    Variant("gspo"),
    Variant("dppo"),
    Variant("quatro"),
    Variant("troll"),
)
OTHERS = [variant.name for variant in VARIANTS[1:]]
REUSED = {"minibatches": 8, "epochs": 4}
BUDGET = Budget(steps=40, prompts=512, samples=8, common=2026)
PILOTS = (
    "Pilots, 40 batches of 16 prompts x 8 completions, 32 updates each, means of two seeds, sampled: "
    "plain rewards, advantages, with the ratio, PPO, GSPO, DPPO. `dial` at 1e-4 .93, .05, .27, .66, "
    ".84, .76; at 3e-5 .95, .88, .86, .91, .93, .90; `spend` at 1e-4 .98, .00, .23, .83, .88, .91; at "
    "3e-5 .96, .03, .59, .80, .27, .76. None of clip-higher, QUATRO and TROLL. Recorded before on "
    "`dial` at 1e-4 with 16 x 16 completions: all nine, eight seeds each."
)
SIGNS = (
    Variant("reinforce", PLAIN, label=FIRST),
    Variant("reinforce", {"advantage": "plus-minus"}, label="1 and -1"),
)
asked = partial(Sweep, question=QUESTION, known=PILOTS)


def trained(rate: float) -> dict[str, object]:
    return {"prompts": 16, "group": 8, "lr": rate, "probe": 8, **REUSED}


def asked_once(task: str, seeds: range) -> Sweep:
    """One update per batch, where every loss with a ratio has the gradient of the advantages."""
    return asked(
        title=f"one update per batch, {task}",
        text="Plain rewards, advantages and PPO with one update per batch of 16 x 8 completions, 256 "
        f"batches. `{task}` at 1e-4.",
        task=task,
        seeds=seeds,
        variants=(*SIGNS, Variant("reinforce", label="advantages"), Variant("ppo")),
        budget=Budget(steps=256, prompts=512, samples=8, common=2026),
        train={"prompts": 16, "group": 8, "lr": 1e-4, "probe": 8, "minibatches": 1, "epochs": 1},
        predictions=[
            Prediction("advantages end above plain rewards, sampled", "advantages", FIRST),
        ],
    )


PREDICTIONS = [
    Prediction(f"plain rewards end above {other}, sampled", FIRST, other) for other in OTHERS
]
