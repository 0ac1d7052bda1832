"""The losses that the golden vectors are of, as this package computes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from trlib import algorithms, checks
from trlib.relatives.asynchrony.weights import vespo_loss

RATIO = "r = exp(logp - logp_old)"
LOSSES: dict[str, tuple[Callable[..., Any], dict[str, Any], str, str, str]] = {
    "reinforce": (algorithms.reinforce_loss, {}, "token-mean", "L = -A logp", "Williams 1992"),
    "pg_is": (algorithms.pg_is_loss, {}, "token-mean", f"L = -r A, {RATIO}", "arXiv 1502.05477"),
    "ppo": (
        algorithms.ppo_loss,
        {"eps_low": 0.2, "eps_high": 0.2},
        "token-mean",
        f"L = -min(r A, clip(r, 1 - eps_low, 1 + eps_high) A), {RATIO}",
        "arXiv 1707.06347",
    ),
    "ppo_clip_higher": (
        algorithms.ppo_loss,
        {"eps_low": 0.2, "eps_high": 0.28},
        "token-mean",
        "as ppo, the window wider above",
        "arXiv 2503.14476",
    ),
    "ppo_dual_clip": (
        algorithms.ppo_loss,
        {"eps_low": 0.2, "eps_high": 0.2, "dual_clip": 3.0},
        "token-mean",
        "as ppo; where A < 0: min(L, -dual_clip A)",
        "arXiv 1912.09729",
    ),
    "dr_grpo": (
        algorithms.ppo_loss,
        {"eps_low": 0.2, "eps_high": 0.2},
        "seq-mean-token-sum-norm",
        "as ppo, summed over each row's tokens and divided by the horizon",
        "arXiv 2503.20783",
    ),
    "gspo": (
        algorithms.gspo_loss,
        {"eps_low": 3e-4, "eps_high": 4e-4},
        "seq-mean-token-mean",
        "as ppo, with s sg[1/pi] pi for r, s = exp(min(mean_t (logp - logp_old), 10)) of the row",
        "arXiv 2507.18071",
    ),
    "gspo_wide": (
        algorithms.gspo_loss,
        {"eps_low": 0.2, "eps_high": 0.28},
        "seq-mean-token-mean",
        "as gspo, with a window that rows of these batches stay inside of",
        "arXiv 2507.18071",
    ),
    "cispo": (
        algorithms.cispo_loss,
        {"eps_low": 0.2, "eps_high": 0.2},
        "token-mean",
        f"L = -sg[clip(r, 1 - eps_low, 1 + eps_high)] A logp, {RATIO}",
        "arXiv 2506.13585",
    ),
    "cispo_upper": (
        algorithms.cispo_loss,
        {"eps_low": None, "eps_high": 0.28},
        "token-mean",
        "as cispo, without a lower bound",
        "arXiv 2506.13585",
    ),
    "sapo": (
        algorithms.sapo_loss,
        {"tau_pos": 1.0, "tau_neg": 1.05},
        "seq-mean-token-mean",
        f"L = -(4/tau) sigmoid(tau (r - 1)) A, tau = tau_pos where A > 0, else tau_neg, {RATIO}",
        "arXiv 2511.20347",
    ),
    "gmpo": (
        algorithms.gmpo_loss,
        {"eps_log": 0.4},
        "seq-mean-token-mean",
        "L = -A exp(mean_t l_t), l = sgn(A) min(sgn(A) d, sgn(A) clamp(d, -eps_log, eps_log)), d "
        "= logp - logp_old",
        "arXiv 2507.20673",
    ),
    "dppo_tv": (
        algorithms.dppo_loss,
        {"delta_tv": 0.15},
        "seq-mean-token-sum-norm",
        "L = -A sg[rho M] logp, rho = exp(min(logp - logp_rollout, 20)), p = exp(logp), q = "
        "exp(logp_rollout), M = 0 where A > 0 and p - q > delta_tv and where A <= 0 and q - p > "
        "delta_tv, else 1",
        "arXiv 2602.04879",
    ),
    "dppo_kl": (
        algorithms.dppo_loss,
        {"delta_kl": 0.05},
        "seq-mean-token-sum-norm",
        "as dppo_tv, M = 0 where D > delta_kl and (p > q if A > 0 else p < q), "
        "D = q log(q/p) + (1 - q) log((1 - q)/(1 - p)), each rest mass at least 1e-12",
        "arXiv 2602.04879",
    ),
    "dppo_tv_recomputed": (
        algorithms.dppo_loss,
        {"delta_tv": 0.15},
        "seq-mean-token-sum-norm",
        "the ablation: as dppo_tv with q = exp(logp_old) in M; rho as before",
        "arXiv 2602.04879",
    ),
    "dppo_kl_recomputed": (
        algorithms.dppo_loss,
        {"delta_kl": 0.05},
        "seq-mean-token-sum-norm",
        "the ablation: as dppo_kl with q = exp(logp_old) in M; rho as before",
        "arXiv 2602.04879",
    ),
    "vespo": (
        vespo_loss,
        {"k_pos": 2.0, "lam_pos": 3.0, "k_neg": 3.0, "lam_neg": 2.0},
        "token-mean",
        "L = -sg[W^k e^(lambda (1 - W))] A logp, W = exp(sum_t (logp - logp_rollout)) of the row, "
        "its logarithm clamped to +-20; k and lambda are k_pos and lam_pos where A >= 0, else "
        "k_neg and lam_neg",
        "arXiv 2602.10693",
    ),
}
"""Name: the function, its settings, its own aggregation, the formula and where it is from."""


@contextmanager
def exact_ratios() -> Iterator[None]:
    """The losses without their cap on a token's log-ratio: the vectors are of the formulas."""
    capped, checks.capped = checks.capped, lambda log_ratio: log_ratio
    try:
        yield
    finally:
        checks.capped = capped


def call(name: str, batch: dict[str, Tensor], logp: Tensor) -> Tensor:
    """The reference's loss of every token [B, T]."""
    function, settings = LOSSES[name][:2]
    optional = {"logp_anchor": batch["logp_old"]} if name.endswith("_recomputed") else {}
    taken = inspect.signature(function).parameters
    given = {
        key: value for key, value in {**batch, "logp": logp}.items() if key in taken
    } | optional
    first, *rest = (given.pop(key) for key, p in taken.items() if p.kind is p.POSITIONAL_OR_KEYWORD)
    with exact_ratios():
        return function(first, *rest, **given, **settings).per_token
