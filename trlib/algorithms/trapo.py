"""TRAPO: learn from an expert and from oneself in one step (arXiv 2512.17636), with its baselines.

TrSFT is the loss on an expert's tokens: supervised fine-tuning pushes every token with weight 1,
however unlikely the policy finds it; TrSFT lowers this weight below a probability α, so that a token
the policy cannot yet say does not drown what it already knows. Micro-groups decide which of a
prompt's completions begin with a part of the expert's answer, given how the earlier ones fared. The
baselines change one of the two: `TRAPO(alpha=0)` has SFT's loss, `TRAPO(adaptive=False)` always
gives every prefix, and three more classes do what people do without TRAPO.

Differs from the authors' recipe: no entropy bonus (theirs is .001), so that no arm has a force that
another lacks."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trlib import checks
from trlib.aggregation import aggregate
from trlib.algorithms.method import Batch, Method, Scores, TokenLoss
from trlib.algorithms.plan import Stage
from trlib.algorithms.ppo import pg_is_loss
from trlib.algorithms.reinforce import reinforce_loss
from trlib.checks import SHARE
from trlib.other_names import names_its_arguments

_GUIDED = (
    Stage(2, prefix=0.25, below=2),
    Stage(1, prefix=0.5, below=4),
    Stage(1, prefix=1.0, below=7),
)
MICRO_GROUPS: tuple[Stage, ...] = (Stage(4), *_GUIDED)
"""Eight completions of a prompt: four free ones, then longer and longer prefixes of the expert's
answer while the sum of the 0/1 rewards so far is below 2 of 4, 4 of 6, 7 of 7. A full prefix leaves
nothing to complete: pure TrSFT."""


def micro_groups(group: int, *, adaptive: bool = True) -> tuple[Stage, ...]:
    """MICRO_GROUPS for any number of completions: a half, three quarters, seven eighths and all of
    them, rounded.

    The thresholds keep their proportion to what has been drawn before them; with adaptive=False
    there are none. With fewer than eight completions some micro-groups are empty. The paper has 8;
    other numbers are derived here.
    Raises TypeError, ValueError: `group` is not a whole number of at least 1; `adaptive` is not
    True or False."""
    group, adaptive = checks.whole("group", group, least=1), checks.flag("adaptive", adaptive)
    stages: list[Stage] = []
    eighths = drawn = 0
    for stage in MICRO_GROUPS:
        below = None if stage.below is None or not adaptive else stage.below * drawn / eighths
        eighths += stage.count
        count = (group * eighths + 4) // 8 - drawn
        if count:
            stages.append(Stage(count, stage.prefix, below))
        drawn += count
    return tuple(stages)


@names_its_arguments
def trsft_loss(logp: Tensor, *, mask: Tensor, alpha: float = 0.1) -> TokenLoss:
    """Trust-region supervised fine-tuning on an expert's tokens.

    L = -p / sg[max(p, α)],   w = min(1, p/α),   p = π(y_t)

    The same gradient as descending -φ(p) with φ(p) = log p for p >= α and p/α - 1 + log α below:
    SFT whose factor 1/p on dp is capped at 1/α. There is no second policy, so no ratio, and no
    token is clipped: `kept` is the mask.

    Args:
        logp: [B, T] log π of the expert's tokens, nats, differentiable.
        mask: [B, T] bool: the expert's tokens.
        alpha: α in (0, 1], a probability. Towards 0 the gradient is that of SFT.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    meaningless alpha.
    Source: arXiv 2512.17636; read in the authors' code: α .1. In the book: :eq:`trapo-loss`; φ
    is :eq:`trapo-potential`.
    Differs from: TRL's `loss_type="dft"` has the gradient of α = 1."""
    floor = math.log(checks.number("alpha", alpha, above=0, most=1))
    (logp,) = checks.tokens(mask, logp=logp)
    loss = -(logp - logp.detach().clamp(min=floor)).exp()
    weight = (logp.detach() - floor).clamp(max=0.0).exp()
    return TokenLoss(
        loss.masked_fill(~mask, 0.0),
        {"kept": mask.clone(), "weight": weight.masked_fill(~mask, 0.0)},
    )


def truncated_expert(expert: Tensor, *, alpha: float = 0.1) -> Tensor:
    """What TrSFT converges to when the expert's tokens come from a distribution: the expert without
    its tail.

    argmax_p Σ_v e_v φ(p_v).
        Sort e in falling order, with cumulative sums S; keep the largest k with e_k >= α S_k.
    If e_{k+1} <= α S_k:  p_v = e_v / S_k for those kept.  Else p_v = α e_v / e_{k+1}, and token k+1
    takes what is left, less than α (the first of several that are equally likely).

    Args: expert [..., V] probabilities (not logarithms) that sum to 1; alpha: α in (0, 1].
    Returns [..., V] probabilities, float32 or wider.
    Raises TypeError, ValueError: a wrong type; not probabilities; a meaningless alpha.
    Source: derived here from the loss of arXiv 2512.17636. SFT's optimum is the expert itself. In
    the book:
    :eq:`trapo-optimum`."""
    alpha = checks.number("alpha", alpha, above=0, most=1)
    checks.floating("expert", expert)
    if not expert.dim():
        raise ValueError("expert: expected [..., V], got []")
    if checks.values_checked():
        checks.refuse("expert: expected probabilities", expert, expert < 0)
    checks.log_probabilities("expert (its logarithm)", expert.log())
    e, order = expert.to(checks.wide(expert)).sort(dim=-1, descending=True, stable=True)
    total = e.cumsum(-1)
    kept = e >= alpha * total
    k = kept.sum(-1, keepdim=True)
    mass = total.gather(-1, k - 1)
    following = torch.nn.functional.pad(e, (0, 1)).gather(-1, k)
    scale = torch.where(following > alpha * mass, alpha / following, 1 / mass)
    p = (e * scale).masked_fill(~kept, 0.0)
    p = torch.nn.functional.pad(p, (0, 1)).scatter_add(-1, k, (1 - mass * scale).clamp(min=0.0))[
        ..., :-1
    ]
    return torch.zeros_like(p).scatter(-1, order, p)


@dataclass(frozen=True, kw_only=True)
class WithExpert(Method):
    """A policy gradient on what the policy wrote, supervision on what the expert wrote.

    L = -r A on sampled tokens, without a clip; A = R - mean over all completions of the prompt,
    guided ones included. On the expert's tokens L is TrSFT or SFT. Both are summed over the
    horizon. A prefix that several completions share is taught once; a completion that is wholly the
    expert's is pure supervision. In the book: :eq:`trapo-both`."""

    aggregation: str = "seq-mean-token-sum-norm"
    alpha: float = checks.setting(0.0, **SHARE)
    """TrSFT's α, a probability; 0: SFT, every token of the expert with weight 1."""

    def prepare(self, batch: Batch) -> Batch:
        # All of a prompt's prefixes are cut from one answer, so those of one length are one prefix.
        length = batch.forced.sum(-1)
        alike = (batch.group == batch.group.unsqueeze(-1)) & (length == length.unsqueeze(-1))
        again = alike.tril(-1).any(-1, keepdim=True)
        return replace(super().prepare(batch), forced=batch.forced & ~again)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        own = pg_is_loss(scores.logp, batch.logp_anchor, **batch.credit)
        if self.alpha:
            expert = trsft_loss(scores.logp, mask=batch.forced, alpha=self.alpha)
        else:
            expert = reinforce_loss(
                scores.logp, advantages=torch.ones_like(scores.logp), mask=batch.forced
            )
        kept = own.diagnostics["kept"] | expert.diagnostics["kept"]
        weight = own.diagnostics["weight"] + expert.diagnostics["weight"]
        return TokenLoss(
            own.per_token + expert.per_token, own.diagnostics | {"kept": kept, "weight": weight}
        )

    def loss(self, per_token: Tensor, batch: Batch) -> Tensor:
        return aggregate(
            per_token, batch.mask | batch.forced, self.aggregation, horizon=batch.horizon
        )


@dataclass(frozen=True, kw_only=True)
class TRAPO(WithExpert):
    """TrSFT on an expert's prefixes, given where a prompt fails, and the policy gradient on what
    follows them."""

    alpha: float = 0.1
    """TrSFT's α, a probability; 0: SFT, every token of the expert with weight 1."""
    adaptive: bool = checks.setting(True)
    """A prompt gets a prefix only while its rewards ask for it; False: always."""

    def plan(self, group: int, batch: int) -> tuple[Stage, ...]:
        return micro_groups(group, adaptive=self.adaptive)


@dataclass(frozen=True, kw_only=True)
class SFT(WithExpert):
    """Supervised fine-tuning on the expert's completions alone; nothing is sampled, and a group of 1 is
    enough.

    Source: the likelihood of what the expert wrote; derived here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse(
            "advantage", "shift", because="all completions of the expert have the same weight"
        )

    def plan(self, group: int, batch: int) -> tuple[Stage, ...]:
        return (Stage(group, prefix=1.0),)


@dataclass(frozen=True, kw_only=True)
class SFTThenRL(WithExpert):
    """Supervised fine-tuning for some batches, then the policy gradient alone, with the optimiser's
    state kept.

    Source: a baseline that arXiv 2512.17636 names; how the two are put together is derived here."""

    sft_batches: int = checks.setting(10, least=0)
    """Batches of supervised fine-tuning."""

    def plan(self, group: int, batch: int) -> tuple[Stage, ...]:
        return (Stage(group, prefix=1.0 if batch < self.sft_batches else 0.0),)


@dataclass(frozen=True, kw_only=True)
class SFTPlusRL(WithExpert):
    """Both at once, with nothing adapted: every prompt's last completion is the whole of the
    expert's answer.

    Source: a baseline that arXiv 2512.17636 names; how the two are put together is derived here."""

    def plan(self, group: int, batch: int) -> tuple[Stage, ...]:
        if group < 2:
            raise ValueError(
                f"group: expected at least 2 (one is the expert's completion), got {group}"
            )
        return Stage(group - 1), Stage(1, prefix=1.0)
