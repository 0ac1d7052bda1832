"""NeMo-RL's examples/run_grpo.py with a loss of trlib: its `setup` builds ClippedPGLossFn whatever
the configuration says, and so this driver exchanges what `setup` returns."""

import json
import os

import run_grpo  # of NeMo-RL's folder examples/, in PYTHONPATH
from losses import TrlibLoss
from nemo_rl.algorithms.loss.loss_functions import ClippedPGLossFn


def exchanged(made, loss):
    """What `setup` returned, with `loss` in the place of NeMo-RL's."""
    found = [i for i, part in enumerate(made) if isinstance(part, ClippedPGLossFn)]
    if len(found) != 1:
        raise RuntimeError(f"setup: expected one ClippedPGLossFn among its results, got {found}")
    return (*made[: found[0]], loss, *made[found[0] + 1 :])


if __name__ == "__main__":
    settings = json.loads(os.environ.get("TRLIB_SETTINGS", "{}"))
    setup, ours = run_grpo.setup, TrlibLoss(os.environ["TRLIB_METHOD"], **settings)
    run_grpo.setup = lambda *args, **kwargs: exchanged(setup(*args, **kwargs), ours)
    run_grpo.main()
