"""DPPO: measure how far the distribution of a token has moved, instead of the token's ratio.

PPO's ratio is a one-sample estimate of total variation, and a noisy one: a rare token (1e-5 ->
1e-3) has ratio 100 and hardly moves its distribution; a likely one (0.99 -> 0.80) has ratio 0.81
and moves it by 0.19. DPPO (arXiv 2602.04879) masks a token when the *divergence* has passed the
threshold and the update would move it further. The trust region is drawn around the policy
that sampled."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms import lines
from trlib.algorithms.method import Anchor, Batch, Method, Scores, TokenLoss, weigh
from trlib.algorithms.needs import Needs
from trlib.divergences import TopK, binary_kl, binary_tv, kl, merged, topk_kl, topk_tv, tv
from trlib.other_names import names_its_arguments

Measure = Literal["binary", "topk", "full"]
ROUNDING = 1e-3  #: How far below 0 rounded log-probs may put a divergence.
DELTA_TV = 0.15  #: The authors' total-variation threshold; theirs for KL is .05.


@names_its_arguments
def dppo_loss(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    delta_tv: float | tuple[float, float] | None = None,
    delta_kl: float | tuple[float, float] | None = None,
    measured: Tensor | None = None,
    logp_anchor: Tensor | None = None,
    max_ratio: float | None = None,
    signed: bool = True,
) -> TokenLoss:
    """DPPO's masked policy gradient.

    L = -A sg[ρ] sg[M] log π(y_t),   w = A ρ M,   ρ = min(exp(min(log p - log μ, 20)), C)
    M = 0  where A > 0 and D > δ_high and p > q,  and where A <= 0 and D > δ_low and p < q;  else 1
    unsigned:  M = 0  where D > δ_high and p > q,  and where D > δ_low and p < q, whatever the sign
    of A;  else 1

    p is the probability of the sampled token under π, μ under the policy that sampled, q under the
    anchor, and D = D(anchor || π) the divergence of the token's distribution. Both inequalities are
    strict.

    Args:
        logp: [B, T] log p, nats, differentiable.
        logp_rollout: [B, T] log μ(y_t), as the sampler computed it.
        advantages, mask: [B, T], float and bool.
        delta_tv: threshold on total variation, a probability, or (low, high). Exactly one of the
            two deltas.
        delta_kl: threshold on KL(anchor || π), nats, or (low, high).
        measured: [B, T] D(anchor || π) of the delta's kind, from `topk_tv`, `topk_kl`, `tv` or
            `kl`; None: binary, the sampled token against all others.
        logp_anchor: [B, T] log q, for the ablation anchored on a recomputed policy: it changes only
            the mask; the weight stays p/μ. None: `logp_rollout`.
        max_ratio: C, at least 1; None: off.
        signed: whether a token outside the region that the update would bring back keeps its
            gradient. False: it does not, as with the mask that prime-rl calls IPO.

    Diagnostics besides the usual: `divergence`, the D of every token.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; no delta
    or both; a meaningless threshold; a divergence below 0, a total variation above 1.
    In the book: :eq:`dppo-mask`, :eq:`dppo-loss`.
    Source: arXiv 2602.04879; read in the authors' code; thresholds there: TV .15, KL .05.

    Differs from: verl's `dppo_tv` and `dppo_kl` draw the region around the recomputed policy. Only
    if its rollout correction is in bypass mode do they draw it around the sampler, as here: the
    default trainer of 0.9.1 (use_v1) then takes the sampler's log-probs for the old policy's. The
    legacy trainer, and the experimental ones built on it, run another loss in that mode.

    Differs from: verl takes the threshold from `clip_ratio`, caps the ratio at 20 (at 3 if the cap
    comes from the actor's configuration), and adds 1e-8 inside the logarithm of the binary KL.

    Differs from: the authors cap the ratio at 1e4.

    Differs from: prime-rl's IPO is the unsigned mask on |p - q|; until September 2026 it also added
    a squared log-ratio to the loss, which this function does not."""
    low, high = _thresholds(delta_tv, delta_kl)
    cap = math.inf if max_ratio is None else checks.number("max_ratio", max_ratio, least=1)
    signed = checks.flag("signed", signed)
    tensors = {"logp": logp, "logp_rollout": logp_rollout, "advantages": advantages}
    optional = {"measured": measured, "logp_anchor": logp_anchor}
    given = tensors | {name: value for name, value in optional.items() if value is not None}
    safe = dict(zip(given, checks.tokens(mask, **given), strict=True))
    logp, new, advantages = safe["logp"], safe["logp"].detach(), safe["advantages"].detach()
    old = safe.get("logp_anchor", safe["logp_rollout"]).detach()
    if measured is not None and checks.values_checked():
        _check_divergences(safe["measured"], math.inf if delta_tv is None else 1.0)
    binary = binary_tv if delta_kl is None else binary_kl
    # Log-probs above 0 are rounding errors of the caller's types, already checked under the
    # caller's names.
    divergence = (
        safe["measured"].detach()
        if measured is not None
        else binary(old.clamp(max=0.0), new.clamp(max=0.0))
    )
    above, below = (divergence > high) & (new > old), (divergence > low) & (new < old)
    up = advantages > 0
    outward = (above & up) | (below & ~up) if signed else above | below
    log_ratio = new - safe["logp_rollout"].detach()
    rho = log_ratio.clamp(max=checks.LOG_RATIO_CAP).exp().clamp(max=cap)
    weight = (advantages * rho).where(~outward, 0.0)
    return TokenLoss(
        -weight * logp, weigh(log_ratio, ~outward, weight, mask, divergence=divergence)
    )


@names_its_arguments
def dppo_sparse_loss(
    logp: Tensor,
    old: TopK,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    delta_tv: float | tuple[float, float] | None = None,
    delta_kl: float | tuple[float, float] | None = None,
    max_ratio: float | None = None,
    signed: bool = True,
) -> TokenLoss:
    """`dppo_loss` measured over K tokens of the anchor and one bucket for the rest, for use where
    nobody holds the whole distribution. The weight, too, is a ratio to the anchor.

    Args:
        logp: [B, T, K] log p of the tokens `old.ids`, nats; differentiable.
        old: the anchor's tokens and log-probs, [B, T, K] each; -inf: an unused entry, which is part
            of the rest. The sampled token must be among the used ones.
        tokens: [B, T] int, the sampled tokens.
        advantages, mask, delta_tv, delta_kl, max_ratio, signed: as in `dppo_loss`.
    Raises TypeError, ValueError: as `dppo_loss`; a sampled token that is not among `old.ids`.
    In the book: :eq:`dppo-topk`."""
    new, anchor, at = merged(logp, old, tokens=tokens, mask=mask)
    measured = (tv if delta_kl is None else kl)(anchor, new.detach())
    sampled = (x.gather(-1, at.unsqueeze(-1)).squeeze(-1) for x in (new, anchor))
    return dppo_loss(
        *sampled,
        advantages=advantages,
        mask=mask,
        delta_tv=delta_tv,
        delta_kl=delta_kl,
        measured=measured,
        max_ratio=max_ratio,
        signed=signed,
    )


def _check_divergences(measured: Tensor, most: float) -> None:
    """Check that divergences are from 0 to `most`, up to rounding."""
    wanted = "at least 0" if most == math.inf else "total variations from 0 to 1"
    bad = (measured < -ROUNDING) | (measured > most + ROUNDING)
    checks.refuse(f"measured: expected divergences, {wanted}", measured, bad)


def _thresholds(delta_tv: object, delta_kl: object) -> tuple[float, float]:
    """(low, high) of the one delta that is given."""
    if (delta_tv is None) == (delta_kl is None):
        raise ValueError(
            f"delta_tv, delta_kl: expected exactly one of the two, got delta_tv={delta_tv}, "
            f"delta_kl={delta_kl}"
        )
    name, value, most = (
        ("delta_kl", delta_kl, None) if delta_tv is None else ("delta_tv", delta_tv, 1.0)
    )
    if not isinstance(value, tuple | list):
        threshold = checks.number(name, value, least=0, most=most)
        return threshold, threshold
    if len(value) != 2:
        raise ValueError(f"{name}: expected a number or (low, high), got {len(value)} values")
    low, high = (checks.number(f"{name}[{i}]", value[i], least=0, most=most) for i in (0, 1))
    return low, high


@dataclass(frozen=True, kw_only=True)
class DPPO(Method):
    """DPPO. Without a delta it bounds total variation at the authors' .15."""

    delta_tv: float | tuple[float, float] | None = None
    """Threshold on total variation, a probability, or (low, high)."""
    delta_kl: float | tuple[float, float] | None = None
    """Threshold on KL(anchor || π), nats, or (low, high); the authors use .05."""
    measure: Measure = checks.setting("binary")
    """What is compared: the sampled token ("binary"), the anchor's k most likely ("topk"), or all
    tokens ("full")."""
    k: int = checks.setting(20, least=1)
    """Tokens that measure="topk" keeps."""
    max_ratio: float | None = checks.setting(None, least=1)
    """Cap on the importance weight; None: off."""
    signed: bool = checks.setting(True)
    """Whether tokens outside the region that are on their way back keep their gradient; False: none
    does (IPO)."""
    aggregation: str = "seq-mean-token-sum-norm"
    anchor: ClassVar[Anchor] = "rollout"

    def __post_init__(self) -> None:
        super().__post_init__()
        reason = "its weight is already the ratio to the policy that sampled"
        self.refuse("correction", because=reason)
        if self.delta_tv is None and self.delta_kl is None:
            object.__setattr__(self, "delta_tv", DELTA_TV)
        _thresholds(self.delta_tv, self.delta_kl)

    @property
    def formula(self) -> str | None:
        if self.measure != "binary":
            return None
        ratio = "r" if self.max_ratio is None else "min(r, max_ratio)"
        far = "abs(p - q)" if self.delta_kl is None else lines.BINARY_KL
        name = "delta_tv" if self.delta_kl is None else "delta_kl"
        if isinstance(getattr(self, name), tuple | list):
            name = f"where({'A > 0' if self.signed else 'p > q'}, {name}_high, {name}_low)"
        if not self.signed:
            return f"A*{ratio}*({far} <= {name})"
        if self.delta_kl is None:
            return f"A*{ratio}*(sign(A)*(p - q) <= {name})"
        return f"A*{ratio}*(sign(A)*(p - q) <= 0 or {far} <= {name})"

    @property
    def constants(self) -> dict[str, float]:
        name = "delta_tv" if self.delta_kl is None else "delta_kl"
        pair = zip(("low", "high"), _thresholds(self.delta_tv, self.delta_kl), strict=True)
        return super().constants | {f"{name}_{side}": value for side, value in pair}

    def needs(self, anchor: Anchor) -> Needs:
        top = self.k if self.measure == "topk" else 0
        return Needs(
            full=self.measure != "binary", full_anchor=self.measure == "full", topk_anchor=top
        )

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        return dppo_loss(
            scores.logp,
            batch.logp_rollout,
            **batch.credit,
            **self.settings_for(dppo_loss),
            measured=self._measure(scores, batch),
            logp_anchor=batch.logp_anchor if batch.anchor == "recomputed" else None,
        )

    @torch.no_grad()
    def _measure(self, scores: Scores, batch: Batch) -> Tensor | None:
        """[B, T] the divergence between whole or top-k distributions, 0 where masked; None:
        binary."""
        if self.measure == "binary":
            return None
        mask, pi = batch.mask, scores.full
        divergence = torch.zeros(mask.shape, dtype=checks.wide(pi), device=mask.device)
        if not mask.any():
            return divergence
        if self.measure == "full":
            whole = tv if self.delta_kl is None else kl
            return divergence.masked_scatter(
                mask, whole(batch.full_anchor[mask], pi[mask]).to(divergence.dtype)
            )
        partial, top = topk_tv if self.delta_kl is None else topk_kl, batch.topk_anchor
        return divergence.masked_scatter(
            mask, partial(top.logp[mask], top.ids[mask], pi[mask]).to(divergence.dtype)
        )
