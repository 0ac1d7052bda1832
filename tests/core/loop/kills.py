"""Kills runs at random moments, takes them up again, and compares them with runs that nobody
disturbed: history, last state and saved policy, to the last bit."""

import json
import os
import random
import shutil
import signal
import time
import warnings
from dataclasses import dataclass
from functools import cache
from itertools import product

import torch

import trlib
from trlab.run_cell import TIMINGS
from trlib.algorithms import ALGORITHMS
from trlib.loop import checkpoints

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


@dataclass(frozen=True)
class Case:
    """What is run."""

    method: str
    task: str

    def run(self, out):
        """Begin it or go on with it."""
        torch.set_num_threads(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make = ALGORITHMS[self.method]
            done = trlib.train(
                trlib.load_policy(POLICIES[self.task]),
                trlib.load_task(self.task),
                make(),
                out=out,
                resume=True,
                **SETTINGS,
            )
        if done.interrupted:  # by somebody else, where it is not a child's: nothing is compared
            raise KeyboardInterrupt


@dataclass(frozen=True)
class Kill:
    """What became of a run that was killed."""

    case: Case
    signals: tuple[str, ...]
    batches: tuple[int, ...]
    """How many were saved after each kill."""
    differs: str
    """What is not as in the undisturbed run; empty: nothing."""


def kills(count, *, seed, folder, seconds=float("inf")):
    """Kill runs, a case after the other, and yield each as soon as it has been compared; stop after
    this many seconds."""
    rng, began = random.Random(seed), time.monotonic()
    cases = [Case(*both) for both in product(ALGORITHMS, POLICIES)]
    rng.shuffle(cases)

    @cache
    def undisturbed(case):
        started, out = time.monotonic(), folder / f"{case.method}-{case.task}"
        case.run(out)
        return state(out), time.monotonic() - started

    for number in range(count):
        if time.monotonic() - began > seconds:
            return
        case, out = cases[number % len(cases)], folder / str(number)
        whole, usual = undisturbed(case)
        sent = []
        saved = []
        for _ in range(rng.choice((1, 2))):
            sent.append((signal.SIGKILL, signal.SIGTERM)[(number + len(sent)) % 2])
            _killed(case, out, sent[-1], rng.uniform(0, 1.2 * usual))
            found = checkpoints.load(out)
            saved.append(0 if found is None else len(found[1]["rows"]))
        case.run(out)
        again = state(out)
        yield Kill(
            case,
            tuple(s.name for s in sent),
            tuple(saved),
            ", ".join(sorted(name for name in whole | again if whole.get(name) != again.get(name))),
        )
        shutil.rmtree(out)


def _killed(case, out, sent, after):
    child = os.fork()  # a process that has imported everything: its time is all the run's
    if child == 0:
        try:
            case.run(out)
        finally:
            os._exit(0)  # without a word: the signal was ours
    time.sleep(after)
    os.kill(child, sent)
    os.waitpid(child, 0)


def state(out):
    """What the checkpoint and the saved policy hold, but for the clock's numbers; and unfinished
    files that stay."""
    found = checkpoints.load(out)
    assert found is not None
    tensors, meta = found
    rows = [
        {name: value for name, value in row.items() if name not in TIMINGS}
        for row in meta.pop("rows")
    ]
    left = [path.name for path in out.glob(".*.unfinished")]
    held = {**meta, "rows": rows, "left behind": left}
    held |= {name: (str(t.dtype), t.tolist()) for name, t in tensors.items()}
    policy = {f"policy/{path.name}": path.read_bytes() for path in (out / "policy").iterdir()}
    return policy | {name: json.dumps(value) for name, value in held.items()}
