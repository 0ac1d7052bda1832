"""A divergence that is bounded or charged: penalise and then fix up, mirror descent, a target
instead of a radius."""

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

from trlib import checks
from trlib.algorithms import PGIS, Batch, Needs, Reference, Scores, Step, TokenLoss
from trlib.algorithms.kl_penalty import BETA, WithWholeKL, add_penalty, token_kl
from trlib.algorithms.method import Anchor
from trlib.checks import NOT_NEGATIVE, POSITIVE, SHARE

MOST_FIXUPS = 50  #: The most steps down the KL after a batch's updates.


@dataclass(frozen=True, kw_only=True)
class FixPO(WithWholeKL):
    """L = -r A + β KL(π_old ‖ π); then steps down the whole batch's mean KL, until no token's KL
    exceeds ε.
    Source: arXiv 2312.05405; read in the authors' code, `fixpo_tianshou.py`, with its numbers.
    Differs from: the authors' β starts at 1, and Adam takes a step down β (ε - C KL) after each
    epoch; here β moves by .01, before it. They fix up after every epoch, minibatch by minibatch,
    weighted by β; we do so once, after the last update, on the whole batch, at a speed of its own
    and in at most 50 steps."""

    eps_kl: float = checks.setting(0.2, **POSITIVE)
    """ε: the largest KL of any token of the batch after its update, nats."""
    margin: float = checks.setting(2.0, **POSITIVE)
    """C: β aims at ε / C, so that few fix-ups are needed."""
    statistic: str = checks.setting("max", among=("max", "mean"))
    """Which KL of a minibatch's tokens β follows: max or mean."""
    fix_speed: float = checks.setting(0.3, **POSITIVE)
    """A fix-up's learning rate over the run's. AdamW's steps ignore a factor of the loss; only this
    shortens them."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        far = token_kl(batch.full_anchor, scores.full, mask=batch.mask)
        count = batch.mask.sum().clamp(min=1)
        stat = (far.max() if self.statistic == "max" else far.sum() / count).detach()
        by = math.copysign(0.01, self.margin * float(stat) - self.eps_kl)
        beta = batch.memory[BETA] = max(0.0, batch.memory.get(BETA, 1.0) + by)
        loss = super().objective(scores, batch)
        return add_penalty(loss, scores.logp, batch.logp_anchor, far, mask=batch.mask, beta=beta)

    def update(self, step: Step) -> None:
        super().update(step)
        batch, memory = step.batch, step.batch.memory
        for fixups in range(MOST_FIXUPS + 1):
            far = token_kl(batch.full_anchor, step.score().full, mask=batch.mask)
            memory["fixups"], memory["kl_max"] = fixups, float(far.detach().max())
            if fixups == 0:
                memory["kl_max_before"] = memory["kl_max"]
            if memory["kl_max"] <= self.eps_kl:
                return
            if fixups < MOST_FIXUPS:
                step.descend(far.sum() / batch.mask.sum(), lr_scale=self.fix_speed)
        # The first such batch of the run.
        if memory.setdefault("capped", batch.number) == batch.number:
            happened = (
                f"batch {batch.number}: after {MOST_FIXUPS} fix-ups a token's KL is "
                f"{memory['kl_max']:.3g}"
            )
            wanted = f"expected at most eps_kl = {self.eps_kl:g}; try another fix_speed"
            warnings.warn(f"{happened}, {wanted}", stacklevel=2)


@dataclass(frozen=True, kw_only=True)
class MDPO(WithWholeKL):
    """L = -r A + KL(π ‖ π_old) / t,   w = r A - π_y (log r - KL) / (t (1 - π_y)): at π_old it is A.
    Source: arXiv 2005.09814; read in the authors' code, `mdpo_on/mdpo.py`; w is derived here, as in
    `add_penalty`.
    Differs from: the authors' factor falls from 1, as 1 - (i - 1)/n; ours falls to 0 from `t`, by
    default 2."""

    t: float = checks.setting(2.0, **POSITIVE)
    """Nats per unit of advantage in the first batch; from there it falls to 0 in a straight line
    over the batches."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        t = batch.memory["t"] = self.t * (1 - batch.number / batch.batches)
        loss = super().objective(scores, batch)
        far = token_kl(scores.full, batch.full_anchor, mask=batch.mask)
        new, old = (
            x.detach().masked_fill(~batch.mask, -1.0) for x in (scores.logp, batch.logp_anchor)
        )
        pull = (
            new.exp()
            * (new - old - far.detach())
            / (t * (-new.expm1()).clamp(min=1e-7))
            * batch.mask
        )
        return loss.plus(far / t, -pull)


@dataclass(frozen=True, kw_only=True)
class COUNTERPOL(PGIS):
    """Reach a wanted mean reward, as near as possible to a pivot: the run's reference. J is the
    batch's mean reward.

    form="summary":   L = -r sg[2 (target - J) A - k log(π/pivot)] descends (J - target)² + k KL(π ‖
    pivot) form="notebook":  L = -r sg[2 (1-k) (target - J) (R - target)] + k (pivot/π_old) (log
    pivot - log π) descends
                      (1-k) (J - target)² + k KL(pivot ‖ π): the target is the baseline; k and 1 - k
                      are the weights
    Source: arXiv 2307.13192. "summary" is ours, from the problem that a summary states, and is what
    was recorded; "notebook" is read in the authors' code, `counterpol_lunarlander.ipynb`.
    Differs from: the notebook takes greedy actions and sums the KL over them alone; here completions
    are sampled, and the weight pivot/π_old makes the mean over their tokens the whole KL. The notebook moves the
    pivot after at most 250 updates."""

    target: float = checks.setting(0.8, above=-math.inf, below=math.inf)
    """The mean reward that is wanted, above or below the present one."""
    k: float = checks.setting(0.01, **NOT_NEGATIVE)
    """What each nat away from the pivot costs; the authors' notebook has 0.9."""
    pivot_every: int = checks.setting(0, least=0)
    """Batches after which the policy becomes the pivot; 0: the run's first policy remains the
    pivot."""
    form: Literal["summary", "notebook"] = checks.setting("summary")
    """Which of the two objectives."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form == "notebook":
            checks.number("k", self.k, **SHARE)  # k and 1 - k are the two weights

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(reference=True)

    @property
    def kept_near(self) -> Reference:
        near = self.reference or Reference(beta=0.0)
        return replace(near, every=self.pivot_every) if self.pivot_every else near

    def prepare(self, batch: Batch) -> Batch:
        batch = super().prepare(batch)
        gap = 2 * (self.target - batch.rewards.mean())
        if self.form == "summary":
            return replace(batch, advantages=gap * batch.advantages)
        over = (batch.rewards - self.target).unsqueeze(-1).expand_as(batch.advantages)
        return replace(
            batch, advantages=((1 - self.k) * gap * over).to(batch.advantages) * batch.mask
        )

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        if self.form == "summary":
            cost = self.k * (scores.logp.detach() - batch.logp_ref).masked_fill(~batch.mask, 0.0)
            return super().objective(scores, replace(batch, advantages=batch.advantages - cost))
        loss = super().objective(scores, batch)
        new, old, ref = (
            x.masked_fill(~batch.mask, 0.0)
            for x in (scores.logp, batch.logp_anchor, batch.logp_ref)
        )
        pull = self.k * (ref - old).detach().exp() * batch.mask
        return loss.plus(pull * (ref.detach() - new), pull)


RELATIVES: dict[str, Any] = {"fixpo": FixPO, "mdpo": MDPO, "counterpol": COUNTERPOL}
