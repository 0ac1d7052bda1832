"""Kills runs at random moments, takes them up again, and compares them with runs that nobody
disturbed.

`python -m benchmarks.kills` kills 100 runs, by SIGKILL and SIGTERM in turn, over every method on
every task that needs no download. Each is killed once or twice, at moments that the seed draws, and
then finished. Its history, its last state and the policy that is saved must be those of the
undisturbed run to the last bit; the exit status is 1 where one differs.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import torch

import trlib
from benchmarks.record import parser
from trlab.trial import TIMINGS
from trlib.algorithms import ALGORITHMS
from trlib.loop import checkpoints

SETTINGS: dict[str, Any] = {
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

    def run(self, out: Path) -> None:
        """Begin it or go on with it."""
        torch.set_num_threads(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make: Any = ALGORITHMS[self.method]
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


def kills(count: int, *, seed: int, folder: Path, seconds: float = float("inf")) -> Iterator[Kill]:
    """Kill runs, a case after the other, and yield each as soon as it has been compared; stop after
    this many seconds."""
    rng, began = random.Random(seed), time.monotonic()
    cases = [Case(*both) for both in product(ALGORITHMS, POLICIES)]
    rng.shuffle(cases)

    @cache
    def undisturbed(case: Case) -> tuple[dict[str, Any], float]:
        started, out = time.monotonic(), folder / f"{case.method}-{case.task}"
        case.run(out)
        return state(out), time.monotonic() - started

    for number in range(count):
        if time.monotonic() - began > seconds:
            return
        case, out = cases[number % len(cases)], folder / str(number)
        whole, usual = undisturbed(case)
        sent: list[signal.Signals] = []
        saved: list[int] = []
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


def _killed(case: Case, out: Path, sent: signal.Signals, after: float) -> None:
    child = os.fork()  # a process that has imported everything: its time is all the run's
    if child == 0:
        try:
            case.run(out)
        finally:
            os._exit(0)  # without a word: the signal was ours
    time.sleep(after)
    os.kill(child, sent)
    os.waitpid(child, 0)


def state(out: Path) -> dict[str, Any]:
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


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, compare, say how it went."""
    options = parser(__doc__)
    options.add_argument("--count", type=int, default=100, help="runs to kill (default: 100)")
    options.add_argument(
        "--seed", type=int, default=0, help="of the moments and the order (default: 0)"
    )
    options.add_argument(
        "--minutes", type=float, default=float("inf"), help="begin no other run after this many"
    )
    args = options.parse_args(argv)
    done: list[Kill] = []
    with tempfile.TemporaryDirectory() as folder:
        for kill in kills(
            args.count, seed=args.seed, folder=Path(folder), seconds=60 * args.minutes
        ):
            done.append(kill)
            how = ", ".join(
                f"{name} at {k}" for name, k in zip(kill.signals, kill.batches, strict=True)
            )
            print(
                f"{len(done):4}  {kill.case.method} on {kill.case.task}: {how} of "
                f"{SETTINGS['steps']} batches: {kill.differs or 'the same'}",
                flush=True,
            )
    differ = sum(bool(kill.differs) for kill in done)
    print(
        f"{len(done)} runs killed {sum(len(kill.signals) for kill in done)} times, "
        f"{len({kill.case for kill in done})} cases; {differ} differ"
    )
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
