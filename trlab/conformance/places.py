"""Where a library computes a loss other than the one that it documents: the words, and a few lines
that show it.

Each reproduction runs in the library's own environment as it is printed. It ends by printing two
numbers: what the documentation leads to, and what came. A place counts for as long as the two
differ.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import Any


@dataclass(frozen=True)
class Place:
    """A statement of a library's documentation, and what its code does instead."""

    library: str
    subject: str
    documented: str
    """What the documentation says, in our words."""
    computed: str
    """What the code does."""
    lines: str
    """About five lines of Python that print what the documentation leads to and what came."""

    @property
    def code(self) -> str:
        return dedent(self.lines).strip()


PLACES = (
    Place(
        "torchrl",
        "CISPOLoss",
        "is CISPO, after the paper of MiniMax-M1 (with a formula that is not the paper's)",
        "descends −clip(r) A, without the paper's stop-gradient and log π: outside the window a "
        "token has gradient 0",
        """
        import math, torch; from types import SimpleNamespace as S
        from torchrl.objectives.llm import CISPOLoss
        window = S(_clip_bounds=(math.log(0.8), math.log(1.2)))
        d = torch.ones(1, requires_grad=True)
        print(-1.2, torch.autograd.grad(CISPOLoss._compute_policy_objective(window, d, torch.ones(1))[0], d)[0].item())
        """,
    ),
    Place(
        "verl",
        "sapo",
        "aggregates as `loss_agg_mode` says",
        "always averages over each row's tokens and then over rows",
        """
        import torch; from verl.workers.config import ActorConfig
        from verl.trainer.ppo.core_algos import compute_policy_loss_sapo as sapo
        config = ActorConfig(strategy="fsdp", rollout_n=4, ppo_micro_batch_size_per_gpu=4, tau_pos=1.0, tau_neg=1.05)
        x, A, mask = torch.zeros(2, 2), torch.tensor([[1.0] * 2, [-1.0] * 2]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
        print(0.603, round(sapo(x, x, A, mask, "token-mean", config)[0].item(), 3))
        """,
    ),
    Place(
        "verl",
        "dppo_tv",
        "takes `rollout_log_probs`, the log-probabilities of the policy that sampled (and so does "
        "`dppo_kl`)",
        "has no such argument: the region is drawn around `old_log_prob`, the recomputed policy "
        "(with `bypass_mode=True` the trainer puts the sampler's numbers there)",
        """
        import inspect
        import verl.trainer.ppo.core_algos as core
        parameters = inspect.signature(core.compute_policy_loss_dppo_tv).parameters
        documented = "rollout_log_probs" in (core.compute_policy_loss_dppo_tv.__doc__ or "")
        print(float(documented), float("rollout_log_probs" in parameters))
        """,
    ),
    Place(
        "skyrl",
        "rollout_is",
        "zeroes the weight outside the window instead of clamping it, which “does not change the "
        "gradient only the loss value”",
        "changes the gradient: outside the window it is 0, where CISPO's is the window's edge "
        "times A",
        """
        import torch; from unittest.mock import Mock
        from skyrl.backends.skyrl_train.utils.ppo_utils import rollout_is_policy_loss as loss
        off = type("Off", (), {"__getattr__": lambda *_: None})()  # no correction beside it
        config = Mock(eps_clip_low=0.2, eps_clip_high=0.2, off_policy_correction=off)
        p, q, one = torch.tensor([[-1.0]], requires_grad=True), torch.tensor([[-2.0]]), torch.ones(1, 1)
        print(-1.2, torch.autograd.grad(loss(p, q, one, config, one, q)[0], p)[0].item())
        """,
    ),
    Place(
        "skyrl",
        "clip_cov",
        "clips a fraction of the tokens whose covariance of log-probability and advantage lies "
        "between 1 and 5",
        "measures the covariance after the trainer has divided the advantages by the number of "
        "tokens, so with these thresholds no token of an ordinary batch is ever chosen",
        """
        import torch; import skyrl.backends.skyrl_train.utils.ppo_utils as u; from types import SimpleNamespace as S
        config = S(clip_cov=S(clip_ratio=0.1, clip_cov_lb=1.0, clip_cov_ub=5.0), eps_clip_low=0.2, eps_clip_high=0.2)
        p, one = -torch.arange(64.0).view(4, 16) / 8, torch.ones(4, 16); A = torch.where(p > -4, 2.0, -2.0)
        scaled = u.apply_loss_reduction_to_advantages_minibatch(A, one, "token_mean", 4, 16)
        print(*(u.compute_policy_loss_clip_cov(p, p, a, config, one)[1]["clip_ratio"] for a in (A, scaled)))
        """,
    ),
    Place(
        "skyrl",
        "kl_cov",
        "adds a KL term with the coefficient `ppo_kl_coef`, reduced like the loss (`token_mean` "
        "by default)",
        "sums the KL term over tokens: the reduction is done in the advantages, which that term "
        "does not have",
        """
        import torch; import skyrl.backends.skyrl_train.utils.ppo_utils as u; from types import SimpleNamespace as S
        config = S(kl_cov=S(kl_cov_frac=0.2, ppo_kl_coef=1.0))
        p, one = torch.full((4, 16), -1.0, requires_grad=True), torch.ones(4, 16)
        A = u.apply_loss_reduction_to_advantages_minibatch(0 * one, one, "token_mean", 4, 16)
        loss = u.compute_policy_loss_kl_cov(p, p.detach() - 0.1, A, config, one)[0]
        print(1 / 64, torch.autograd.grad(loss, p)[0].max().item())
        """,
    ),
    Place(
        "openrlhf",
        "ppo, seq-mask-tis",
        "filters whole completions and corrects the rest by TIS, a weight clamped token by token",
        "multiplies the rest by the bare ratio: no clamp",
        """
        import torch; from openrlhf.models.loss import PolicyLoss
        seq_mask_tis = {"vllm_is_truncated_threshold": [0.5, 5.0], "vllm_is_correction_type": "seq-mask-tis"}
        loss = PolicyLoss(enable_vllm_is_correction=True, **seq_mask_tis)
        p, one, mu = torch.full((1, 2), -4.0, requires_grad=True), torch.ones(1, 2), torch.tensor([[-7.0, -1.0]])
        print(5.0, round(-2 * torch.autograd.grad(loss(p, p.detach(), one, one, mu)[0], p)[0][0, 0].item(), 2))
        """,
    ),
    Place(
        "areal",
        "M2PO",
        "descends −M r A with M2PO's mask M, and no clip",
        "keeps PPO's clip, and the example that the page recommends sets its `eps_clip` to 0: the "
        "window is a point",
        """
        import torch; from areal.utils.functional.functional import ppo_actor_loss_fn
        p, on = torch.tensor([[-1.0]], requires_grad=True), torch.ones(1, 1, dtype=torch.bool)
        q = torch.tensor([[-1.0001]])
        loss = ppo_actor_loss_fn(p, q, q, torch.ones(1, 1), 0.0, on)[0]
        print(-1.0, round(torch.autograd.grad(loss, p)[0].item(), 3))
        """,
    ),
)


def places_of(library: str) -> Iterator[Place]:
    """The places of one library."""
    return (place for place in PLACES if place.library == library)


def reproduce(place: Place) -> str:
    """What the lines print: the documentation's number and the one that came.

    Raises:
        Exception: whatever the lines raise.
    """
    printed = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("ignore")
        exec(
            compile(place.code, f"<{place.library} {place.subject}>", "exec"),
            {"__name__": "reproduction"},
        )
    return printed.getvalue().strip()


def as_dict(place: Place) -> dict[str, Any]:
    """A place and what its reproduction printed, as JSON can hold it."""
    try:
        printed = reproduce(place)
        documented, computed = map(float, printed.split())
    except Exception as error:  # another version can fail in any way
        return {
            "library": place.library,
            "subject": place.subject,
            "fails": f"{type(error).__name__}: {error}",
        }
    numbers = {"documented": documented, "computed": computed, "printed": printed}
    return {"library": place.library, "subject": place.subject, **numbers}


def counts(recorded: dict[str, Any]) -> bool:
    """Whether a recorded place still stands: its reproduction ran, and the two numbers differ."""
    return "fails" not in recorded and abs(recorded["documented"] - recorded["computed"]) > 1e-3
