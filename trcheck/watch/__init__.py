"""The tests of `trlib diagnose` inside a training run, TRL's (`trcheck.watch.trl`) or verl's
(`trcheck.watch.verl`): what is wrong with a batch, by name, as metrics."""

import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trcheck.diagnose import Judgement, Memory, measured
from trcheck.diagnose.baseline import keep
from trcheck.diagnose.live import judge_batch
from trlib.checks import whole

HEALTHY = 10
"""Looks in a row without a cause, after which a baseline is written."""
UNSEEN = (
    "no log-probs of the sampler: temperature, support, pairing and shift are not looked at; {}"
)


class Watch:
    """Looks at a batch every `every` steps, at whole completions of at most `tokens` places.

    What a batch shows is pooled with what earlier ones did, which are forgotten slowly (a batch
    weighs half as much after 17 more): a fault that 64 completions cannot prove is named when
    enough of them have come, and stays named while it lasts. `look` returns metrics:
    `causes/found`, how many causes there are, and `causes/NAME`, 1 or 0, for each that was ever
    found; `unusual` stands among them where something is certain and has no name. Evidence and
    advice are a warning when a cause is first found.

    `against` is a file: a dump of the run when it was healthy, what `trlib diagnose --json` said of
    one, or a name ending in .json that is free. The last is written after ten looks that found
    nothing. `causes/against` is how many times as large as there the mismatch is, and from 2 on,
    where that is certain, there is the cause `jump`."""

    def __init__(
        self, every: int = 2, tokens: int = 50_000, against: str | os.PathLike[str] | None = None
    ) -> None:
        self.every, self.tokens = whole("every", every, least=1), whole("tokens", tokens, least=1)
        self._memory = Memory()
        self._file = None if against is None else Path(against)
        self._against, self._healthy = None, 0
        if self._file is not None and self._file.exists():
            self._against = measured(self._file)
        elif self._file is not None and self._file.suffix != ".json":
            raise ValueError(
                f"against: expected a dump that exists, or the name of a .json to write, got "
                f"{str(self._file)!r}"
            )
        self._known: set[str] = set()
        self._said: set[str] = set()

    def due(self, step: int) -> bool:
        return step % self.every == 0

    def rows(self, batch: Tensor, used: int = 0) -> slice:
        """As many completions of [B, T] as there are places left for."""
        return slice(max(0, self.tokens - used) // max(batch.shape[1], 1) or int(not used))

    def say(self, text: str) -> None:
        """A warning, once."""
        if text not in self._said:
            self._said.add(text)
            warnings.warn(f"trlib diagnose: {text}", stacklevel=2)

    def look(self, **columns: Tensor) -> dict[str, float]:
        """The metrics of a batch; its columns are those of a dump, [B, T] each but `group`,
        `reward` and `version` [B]. An empty dict: the batch cannot be judged."""
        arrays = {name: _array(x) for name, x in columns.items()}
        judged = judge_batch(**arrays, memory=self._memory, against=self._against)
        if judged.verdict == "unclear":
            self.say(judged.headline)
            return {}
        against = self._held(judged)
        messages = {
            each.name: f"{each.name}: {each.evidence} {each.advice}" for each in judged.causes
        }
        found = {"causes/found": float(len(messages))}
        if judged.verdict == "unusual":
            messages["unusual"] = judged.headline
        for name, text in messages.items():
            if name not in self._known:
                self._known.add(name)
                self.say(text)
        known = {f"causes/{name}": float(name in messages) for name in sorted(self._known)}
        return found | known | against

    def _held(self, judged: Judgement) -> dict[str, float]:
        """The mismatch as a multiple of the file's; and the file, when enough looks were healthy."""
        if self._file is None or judged.measured is None:
            return {}
        if self._against is not None:
            return {"causes/against": judged.measured.size / max(self._against.size, 1e-12)}
        self._healthy = self._healthy + 1 if judged.verdict == "healthy" else 0
        if self._healthy == HEALTHY:
            keep(self._file, judged)
            self._against = judged.measured
        return {}


def moved(old: Tensor, logp: Tensor, advantage: Tensor, mask: Tensor) -> list[Tensor]:
    """Over the unmasked tokens [B, T] the sums of k3 from `old` to `logp`, of (π/π_old - 1) A and of
    1."""
    difference = (logp - old).double().where(mask, 0.0)
    ratio = torch.expm1(difference)
    return [(ratio - difference).sum(), (ratio * advantage).where(mask, 0.0).sum(), mask.sum()]


def _array(values: Tensor) -> Any:
    values = values.detach()
    return (values.double() if values.is_floating_point() else values).cpu().numpy()
