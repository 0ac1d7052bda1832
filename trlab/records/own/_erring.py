"""`dial` with a verifier that errs."""

from dataclasses import dataclass, replace
from random import Random

from trlib.arguments import setting
from trlib.checks import SHARE
from trlib.tasks import Dial, Prompt
from trlib.tasks.task import Verdict


@dataclass(frozen=True)
class Erring(Dial):
    """Some wrong completions earn 1 and some right ones 0: always the same ones, as with a rule
    that does not look closely. The reason stays the true one, so that an evaluation counts what is
    right."""

    false_rights: float = setting(0.0, **SHARE)
    """Of the wrong completions, how many earn 1."""
    false_wrongs: float = setting(0.0, **SHARE)
    """Of the right completions, how many earn 0."""

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        verdict = super().verify(prompt, completion, ended=ended)
        share = self.false_wrongs if verdict.reward else self.false_rights
        if Random(f"erring {prompt.text} {completion}").random() < share:
            return replace(verdict, reward=1.0 - verdict.reward)
        return verdict
