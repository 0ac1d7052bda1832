"""`dial`, whose batches of 256 prompts hold only sixteen, sixteen times each."""

from dataclasses import dataclass

from trlib.tasks import Dial, Prompt

BATCH, DIFFERENT = 256, 16


@dataclass(frozen=True)
class SamePrompts(Dial):
    """Whoever asks for a batch of 256 prompts gets sixteen, sixteen times over; whoever asks for
    another number (an evaluation, completions put aside) gets as many different ones."""

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        if n != BATCH:
            return super().prompts(n, seed=seed)
        return super().prompts(DIFFERENT, seed=seed) * (BATCH // DIFFERENT)
