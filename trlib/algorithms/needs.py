"""What a method asks the loop to compute, what it receives, and the error for reading anything
else."""

from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from trlib import checks
from trlib.checks import NOT_NEGATIVE
from trlib.divergences import TopK

Value = TypeVar("Value")


@dataclass(frozen=True)
class Needs:
    """A method's declaration: the loop computes what is named here, and nothing else."""

    old: bool | None = checks.setting(None)
    """Accepted, and without an effect: every batch has `logp_old`."""
    reference: bool = checks.setting(False)
    """`Batch.logp_ref` and `Step.reference`: the policy that the run began with, unless the method
    has moved it."""
    full: bool = checks.setting(False)  #: `Scores.full`: the current policy's whole distribution.
    full_anchor: bool = checks.setting(False)
    """`Batch.full_anchor`: the whole distribution of the policy that the region is drawn around."""
    topk_anchor: int = checks.setting(0, least=0)
    """`Batch.topk_anchor`: the anchor's k most likely tokens, a `trlib.divergences.TopK`; 0:
    none."""
    hidden: bool = checks.setting(False)  #: `Scores.hidden`: what the output layer reads.
    critic: float = checks.setting(0.0, **NOT_NEGATIVE)
    """A critic's learning rate as a multiple of the policy's. Brings `Batch.values`, `Step.values`;
    0: no critic."""
    critic_outputs: int = checks.setting(1, least=1)
    """Numbers that the critic gives for each token: 1 is a value, more are quantiles or bins, [B,
    T, outputs]."""
    values: bool = checks.setting(
        False
    )  #: `Scores.values`: the critic's, with gradient, in the objective.

    def __post_init__(self) -> None:
        checks.validate(self)
        if self.values and not self.critic:
            raise ValueError(
                "values: expected a critic that gives them, Needs(critic=1.0, values=True), got "
                "none"
            )


@dataclass(frozen=True)
class Provided:
    """`logp_old`, which the loop gives to every batch, and what `needs` can bring; None: not asked
    for. A method reads it from the batch, as in `batch.logp_ref`. The properties of `Batch` say
    what each one is, and `NEEDED_FOR` says which need brings it."""

    logp_old: Tensor | None = None
    logp_ref: Tensor | None = None
    full_anchor: Tensor | None = None
    topk_anchor: TopK | None = None
    values: Tensor | None = None


NEEDED_FOR = {
    "logp_ref": "reference=True",
    "full": "full=True",
    "hidden": "hidden=True",
    "values": "critic=1.0 (and values=True for those of the scores)",
    "full_anchor": "full_anchor=True",
    "topk_anchor": "topk_anchor=20",
}
"""For each thing that a method may read, the need that brings it."""


class MissingNeed(AttributeError, ValueError):
    """A method has read something that its `needs` did not ask for."""


def require(name: str, holder: str, value: Value | None) -> Value:
    """`value`, which a batch or scores hold under `name`.
    Raises MissingNeed: it is None, because the method's `needs` did not name it, or the batch was
    made by hand."""
    if value is None:
        hint = (
            f"the method's `needs` must name it: Needs({NEEDED_FOR[name]})"
            if name in NEEDED_FOR
            else f"a batch that is made by hand has it from Provided({name}=...)"
        )
        raise MissingNeed(
            f"{name}: the {holder} {'do' if holder == 'scores' else 'does'} not hold it; {hint}"
        )
    return value
