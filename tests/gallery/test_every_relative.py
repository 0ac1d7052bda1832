"""What every relative owes: a run, a run that is taken up again, settings that say what they mean,
and an error that says what it is."""

import math
import warnings
from functools import partial

import pytest

import trlib
from tests.by_day import by_day
from tests.losses import refused, resumed, same, trained
from trlib.algorithms import GRPO, Correction
from trlib.methods import OBJECTIVES, method_kind
from trlib.relatives import RELATIVES, optimizers

pytestmark = pytest.mark.test_all("runs of every relative")

TRAINED = [name for name in RELATIVES if name in OBJECTIVES]
STEPPING = list(optimizers.RELATIVES)
CALLED = [name for name in RELATIVES if name not in TRAINED + STEPPING]


@pytest.mark.parametrize(
    ("name", "uses"),
    by_day(
        [(name, uses) for name in TRAINED for uses in (1, 2, 8)],
        *((name, 2) for name in TRAINED if name != "gae"),
        reason="two uses have all that eight have; `gae` is slow",
    ),
)
def test_an_objective_trains_dial(name, uses):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = trained(RELATIVES[name](), epochs=uses, steps=1)
    assert len(run.history) == 1 and run.history.loss.notna().all()
    assert not same(run.policy, trlib.load_policy("dial"))


@pytest.mark.parametrize("method", ["grpo", "sft"])
@pytest.mark.parametrize("name", STEPPING)
def test_an_optimiser_is_a_setting_beside_a_method(name, method):
    run = trained(OBJECTIVES[method](), optimizer=name, steps=1)
    assert run.history.loss.notna().all() and not same(run.policy, trlib.load_policy("dial"))


FRESH = {"epochs": 2, "max_tokens": 6}
STALE = {**FRESH, "lag": 2, "segments": 2, "steps": 4}
RARE = {"policy": "dial_rare", "moves": 3, "group": 1, "minibatches": 2}
RESUMED = {
    **{name: (RELATIVES[name], FRESH | {"steps": 4}) for name in ("r2vpo", "pb_ppo", "capo")},
    **{name: (RELATIVES[name], STALE) for name in ("vcpo", "clip_cov", "a3po")},
    **{name: (RELATIVES[name], FRESH) for name in ("rebel", "lco", "rover", "opo")},
    **{name: (RELATIVES[name], RARE) for name in ("smart", "sam", "tram")},
    **{name: (GRPO, {"optimizer": name, "steps": 4}) for name in STEPPING},
    **{name: (RELATIVES[name], {"epochs": 2, "minibatches": 2}) for name in ("mdpo", "counterpol")},
    "fixpo": (RELATIVES["fixpo"], {"epochs": 2}),
    "gae": (partial(RELATIVES["gae"], critic_rows=8), {"epochs": 2, "minibatches": 2}),
    "dvpo": (partial(RELATIVES["dvpo"], quantiles=4), {"epochs": 2, "minibatches": 2}),
    "tr_dpo": (partial(RELATIVES["tr_dpo"], every=1, share=0.5), {"steps": 4}),
}


@pytest.mark.parametrize(
    "name",
    by_day(
        RESUMED,
        *("r2vpo", "vcpo", "rebel", "rover", "opo", "smart", "muon", "mdpo", "counterpol"),
        "tr_dpo",
        reason="three runs for each",
    ),
)
def test_a_run_resumes_bit_for_bit(name, tmp_path):
    make, how = RESUMED[name]
    whole = resumed(make, tmp_path, checkpoint_every=1, **how)
    if name == "vcpo":
        assert (whole.history.ess_step[2:] < 0.999).any()


@pytest.mark.parametrize("name", STEPPING + CALLED)
def test_what_is_no_method_is_said_to_be_something_else(name):
    message = f"is an optimiser: expected it as optimizer='{name}'"
    if name in CALLED:
        message = r"is not an objective: expected it called as trlib\.relatives"
    refused(f"method: {name} {message}", method_kind, name)


UNDECLARED = (
    *(("bapo", setting, value) for setting in ("low", "high_most") for value in (-1, math.nan)),
    ("bapo", "low", 0.9),
    ("pb_ppo", "arms", (0.0,)),
    *(("pb_ppo", "c", value) for value in (-1, math.nan)),
    *(("clip_cov", "high", value) for value in (-1, math.nan)),
    ("dpo", "correction", Correction()),
    ("dvpo", "advantage", "group-std"),
    ("vcpo", "correction", None),
)
"""Values that a condition on two settings, or the method's kind, refuses; `laws.py` makes those that
a declared bound does."""


@pytest.mark.parametrize(("name", "setting", "value"), UNDECLARED)
def test_a_setting_that_no_bound_refuses_is_named(name, setting, value):
    refused(f"{setting}: expected", RELATIVES[name], **{setting: value})
