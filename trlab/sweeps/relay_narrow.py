"""The whole completion, or a narrow window? PPO and LUSPO with each other's windows, on `relay` at
its hot rate.

In `relay_best` LUSPO, a clip on the ratio of a whole completion, ends at .92, and PPO's clip on
tokens at .04. But LUSPO's window is .0003 and .0004, some 600 times narrower than PPO's .2, so the
two differ in two things. Here each is varied alone:

- PPO with a tenth and a hundredth of its window (.02, .002), and with LUSPO's (.0003 and .0004);
- LUSPO and GSPO with their own windows and with PPO's; LUSPO with .002 and .02 between the two.

Beside them no region, and TOPR and VESPO, which have no window. The regime and its rate of 1.5e-3
are `relay_best`'s.

Known beforehand: `relay_best`'s ends at this rate (no region .00, PPO .04, VESPO .82, TOPR .91,
LUSPO .92), and that on `dial` a tenth of PPO's window ends higher than the whole at high rates
(`basin_narrow`). No run of PPO with a narrower window, of LUSPO with a wider one or of GSPO was
made on `relay` before these predictions were committed. The margins of predictions that two end
alike are .1, as in `relay_best`. The risky one is that PPO with a hundredth of its window ends
where LUSPO does.
"""

from trlab import Prediction, Sweep, Variant
from trlab.sweeps._relay import BUDGET, HOT, KNOBS, REGIME

LUSPOS = {"eps_low": 3e-4, "eps_high": 4e-4}


def _window(width: float) -> dict[str, float]:
    return {"eps_low": width, "eps_high": width}


SWEEP = Sweep(
    title="stale and noisy: whole completions, or a narrow window",
    round=4,
    text="With a sampler two batches behind and 64 tokens, at a rate that is too high: does a "
    "clip hold because it is "
    "about whole completions, or because its window is narrow?",
    task="relay",
    knobs=KNOBS,
    variants=[
        Variant("pg_is"),
        Variant("ppo"),
        Variant("ppo", _window(0.02), label="ppo, tenth"),
        Variant("ppo", _window(0.002), label="ppo, hundredth"),
        Variant("ppo", LUSPOS, label="ppo, luspo's window"),
        Variant("gspo"),
        Variant("gspo", _window(0.2), label="gspo, ppo's window"),
        Variant("luspo"),
        Variant("luspo", _window(0.002), label="luspo, .002"),
        Variant("luspo", _window(0.02), label="luspo, .02"),
        Variant("luspo", _window(0.2), label="luspo, ppo's window"),
        Variant("topr"),
        Variant("vespo"),
    ],
    seeds=range(2200, 2212),
    train={**REGIME, "lr": HOT},
    budget=BUDGET,
    predictions=[
        Prediction("a tenth of its window lifts PPO", higher="ppo, tenth", lower="ppo"),
        Prediction("a hundredth lifts it further", higher="ppo, hundredth", lower="ppo, tenth"),
        Prediction(
            "it is the narrowness: PPO with a hundredth of its window ends where LUSPO ends, "
            "within .1",
            higher="luspo",
            lower="ppo, hundredth",
            within=0.1,
        ),
        Prediction(
            "and where TOPR ends, within .1", higher="topr", lower="ppo, hundredth", within=0.1
        ),
        Prediction(
            "LUSPO's own window on tokens is too narrow: below a hundredth of PPO's",
            higher="ppo, hundredth",
            lower="ppo, luspo's window",
        ),
        Prediction(
            "with PPO's window LUSPO ends below its own",
            higher="luspo",
            lower="luspo, ppo's window",
        ),
        Prediction(
            "it then holds nothing: it ends below .3", higher=0.3, lower="luspo, ppo's window"
        ),
        Prediction(
            "GSPO with PPO's window ends below its own", higher="gspo", lower="gspo, ppo's window"
        ),
        Prediction("and below .3", higher=0.3, lower="gspo, ppo's window"),
        Prediction(
            "at an equal window of .002 whole completions hold less than tokens",
            higher="ppo, hundredth",
            lower="luspo, .002",
        ),
        Prediction("and at .02", higher="ppo, tenth", lower="luspo, .02"),
    ],
)
