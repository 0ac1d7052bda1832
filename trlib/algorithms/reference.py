"""The KL divergence to a reference: how far a whole run may go from the policy that it began with.

Every method has the setting `reference`, and the loop does what it says (`trlib.loop.reference`).
`beta` of GRPO and its children is short for `Reference(beta=..., place="loss", estimator="k3")`.
`PPOPenalty` charges for another distance, to the policy before the batch, and β follows it by the
same rules."""

from dataclasses import dataclass
from typing import Literal

from trlib import checks
from trlib.checks import NOT_NEGATIVE, POSITIVE, SHARE

Estimator = Literal["k1", "k2", "k3"]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """R - β KL(π || π_ref): what a method maximises beside its reward. π_ref is the policy that the
    run began with, or a later one.

    The history then has `kl_ref` and `kl_ref_seq`, with beta=0 too."""

    beta: float = checks.setting(0.1, **NOT_NEGATIVE)
    """β, reward per nat; 0: the divergence is measured and costs nothing."""
    place: Literal["loss", "reward", "token-reward"] = checks.setting("loss")
    """Where the penalty goes. loss: each token's estimate is added to its loss. reward: the sum of a
    completion's estimates is taken off its reward. token-reward: a token is charged for its own
    estimate and those after it, less the mean of the prompt's other completions at this place; the
    method's own advantages stay as they are."""
    estimator: Estimator = checks.setting("k2")
    """How one token's divergence is estimated (`trlib.divergences`), from the learner's log-probs.
    While the sampler is the learner, the mean gradient is that of KL(π || π_ref) for k2 in the loss
    and for k1 in the reward. In the loss k1 has none, and k3 that of KL(π_ref || π). If the sampler
    is another policy μ, the means are taken over μ's completions: in the reward a `correction` of
    whole completions that cuts nothing off restores the gradient, in the loss nothing does."""
    controller: Literal["fixed", "ppo", "proportional"] = checks.setting("fixed")
    """How β follows the divergence that a batch has before its updates
    (`trlib.algorithms.kl_penalty`)."""
    target_kl: float = checks.setting(6.0, **POSITIVE)
    """The divergence that a controller aims at, nats per completion."""
    horizon: int = checks.setting(10_000, least=1)
    """Completions over which the proportional controller can change β by a fifth."""
    every: int = checks.setting(0, least=0)
    """Batches after which the reference is moved towards the policy; 0: never."""
    share: float = checks.setting(1.0, **SHARE)
    """How far it is moved: 1 replaces it by the policy."""

    def __post_init__(self) -> None:
        checks.validate(self)

    def moves_after(self, batch: int) -> bool:
        """Whether the reference is moved after batch number `batch`, from 0."""
        return self.every > 0 and (batch + 1) % self.every == 0
