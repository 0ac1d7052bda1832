"""The tests of `trlib diagnose` inside a training run: what is wrong with a batch, by name, as
metrics.

The tests are those of `trcheck`, which stands above this package: they are found as its command
is, by an entry point."""

import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from torch import Tensor

from trlib.checks import whole

UNSEEN = (
    "no log-probs of the sampler: temperature, support, pairing, shift, precision and "
    "staleness are not looked at; {}"
)


def tests() -> tuple[Callable[..., Any], Any]:
    """`trcheck.cli.diagnose.batch`: (logp, logp_rollout, logp_old, advantage, mask, group, memory) ->
    trcheck.diagnose.Judgement; and a new memory of what batches showed.

    Raises ImportError: `trcheck` is not installed."""
    for point in entry_points(group="trlib.commands", name="diagnose"):
        command = point.load()
        return command.batch, command.memory()
    raise ImportError(
        "the tests of `trlib diagnose` are in trcheck, which is not installed: pip install "
        "trust-region-book"
    )


class Watch:
    """Looks at a batch every `every` steps, at whole completions of at most `tokens` places.

    What a batch shows is pooled with what earlier ones did, which are forgotten slowly (a batch
    weighs half as much after 17 more): a fault that 64 completions cannot prove is named when
    enough of them have come, and stays named while it lasts. `look` returns metrics:
    `causes/found`, how many causes there are, and `causes/NAME`, 1 or 0, for each that was ever
    found; `unusual` stands among them where something is certain and has no name. Evidence and
    advice are a warning when a cause is first found."""

    def __init__(self, every: int = 2, tokens: int = 50_000) -> None:
        self.every, self.tokens = whole("every", every, least=1), whole("tokens", tokens, least=1)
        self._judge, self._memory = tests()
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
        """The metrics of a batch; its columns are those of a dump, [B, T] each but `group` [B]. An
        empty dict: the batch cannot be judged."""
        arrays = {name: _array(x) for name, x in columns.items()}
        judged = self._judge(**arrays, memory=self._memory)
        if judged.verdict == "unclear":
            self.say(judged.headline)
            return {}
        names = {cause.name for cause in judged.causes}
        for cause in judged.causes:
            if cause.name not in self._known:
                self._known.add(cause.name)
                self.say(f"{cause.name}: {cause.evidence} {cause.advice}")
        found = float(len(names))
        if judged.verdict == "unusual":
            names.add("unusual")
            if "unusual" not in self._known:
                self._known.add("unusual")
                self.say(judged.headline)
        return {"causes/found": found} | {
            f"causes/{n}": float(n in names) for n in sorted(self._known)
        }


def _array(values: Tensor) -> Any:
    values = values.detach()
    return (values.double() if values.is_floating_point() else values).cpu().numpy()
