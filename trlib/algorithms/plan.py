"""How a prompt's completions are drawn: all alike, or in stages, some beginning with part of an
expert's answer."""

from dataclasses import dataclass

from trlib import checks
from trlib.checks import SHARE


@dataclass(frozen=True)
class Stage:
    """Some of a prompt's completions, all drawn in the same way. A prompt's stages are drawn one
    after another."""

    count: int = checks.setting(least=1)
    """Completions per prompt."""
    prefix: float = checks.setting(0.0, **SHARE)
    """Share of an expert's answer that is forced at the start, 0 to 1."""
    below: float | None = checks.setting(None)
    """Give the prefix only to prompts whose rewards so far sum to less than this; None: to all."""

    def __post_init__(self) -> None:
        checks.validate(self)
