"""`dial`, whose batches can ask few prompts many times."""

from dataclasses import dataclass

from trlib.arguments import setting
from trlib.tasks import Dial, Prompt

BATCH = 256


@dataclass(frozen=True)
class FewPrompts(Dial):
    """Whoever asks for a batch of 256 prompts gets `different` ones, as often as they fit in.
    Whoever asks for another number (an evaluation, completions put aside) gets as many different
    ones."""

    different: int = setting(BATCH, least=1, most=BATCH)
    """The different prompts of a batch of 256, a divisor of it."""

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        if n != BATCH:
            return super().prompts(n, seed=seed)
        return super().prompts(self.different, seed=seed) * (BATCH // self.different)
