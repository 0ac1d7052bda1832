"""A run that is killed at any moment is finished as if nothing had been: history, last state and
saved policy, to the last bit."""

import os
import random
import signal
import time
import warnings
from itertools import product

import torch

import trlib
from trlab.run_cell import TIMINGS
from trlib.algorithms import ALGORITHMS
from trlib.loop.saving import checkpoints

SETTINGS = {
    "steps": 4,
    "prompts": 4,
    "group": 4,
    "minibatches": 2,
    "lag": 1,
    "sampler": "bf16",
    "probe": 4,
    "checkpoint_every": 1,
    "progress": False,
}
POLICIES = {"dial": "dial", "spend": "spend", "sums": "dial"}
"""Every task that needs no download, and what is trained on it. No answer of `dial` is right in
`sums`: with rewards that are all alike a run still has a state."""


def test_runs_killed_at_random_moments_end_as_if_nothing_had_been(tmp_path):
    rng = random.Random(0)
    cases = rng.sample(list(product(ALGORITHMS, POLICIES)), 2)
    kill, end = signal.SIGKILL, signal.SIGTERM
    for case, signals in zip(cases, [(kill,), (end, kill)], strict=True):
        whole, out = (tmp_path / " ".join((how, *case)) for how in ("whole", "killed"))
        began = time.monotonic()
        run(*case, whole)
        usual = time.monotonic() - began
        for sent in signals:
            killed(case, out, sent, rng.uniform(0, 1.2 * usual))
        run(*case, out)
        there, again = state(whole), state(out)
        differs = sorted(name for name in there | again if there.get(name) != again.get(name))
        assert not differs, (case, differs)


def run(method, task, out):
    """Begins it or goes on with it."""
    torch.set_num_threads(1)
    policy, task = trlib.load_policy(POLICIES[task]), trlib.load_task(task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = trlib.train(policy, task, ALGORITHMS[method](), out=out, resume=True, **SETTINGS)
    if done.interrupted:  # by somebody else, where it is not a child's: nothing is compared
        raise KeyboardInterrupt


def killed(case, out, sent, after):
    child = os.fork()  # a process that has imported everything: its time is all the run's
    if child == 0:
        try:
            run(*case, out)
        finally:
            os._exit(0)  # without a word: the signal was ours
    time.sleep(after)
    os.kill(child, sent)
    os.waitpid(child, 0)


def state(out):
    """What the checkpoint and the saved policy hold, but for the clock's numbers; and unfinished
    files that stay."""
    tensors, meta = checkpoints.load(out)
    rows = [
        {name: value for name, value in row.items() if name not in TIMINGS}
        for row in meta.pop("rows")
    ]
    left = [path.name for path in out.glob(".*.unfinished")]
    held = meta | {"rows": rows, "left": left}
    held |= {name: (t.dtype, t.tolist()) for name, t in tensors.items()}
    return {name: repr(value) for name, value in held.items()} | {
        f"policy/{path.name}": path.read_bytes() for path in (out / "policy").iterdir()
    }
