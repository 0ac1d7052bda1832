"""The losses of this package in TRL 1.16's GRPOTrainer: its own `_compute_loss` runs on our loss of
each token.

    TrustRegionTrainer
        a token loss: DPPO, PSPO, CISPO, or one of your own (a TokenLoss, or plain numbers [B, T])
    DistributionTrainer    a loss of the old policy's K most likely tokens: TROLL, top-K DPPO, score
                           centering
    QuatroTrainer          QUATRO

TRL is told that every ratio is 1 and that a token's advantage is minus our loss, and so it
aggregates, accumulates and logs our loss as its own, and adds whatever else it was asked for: the
entropy bonus, fixed or adaptive, and a router's load balancing. TRL's `loss_type` says how tokens
are aggregated (dapo, grpo, bnpo, dr_grpo; luspo is seq-mean-token-sum), and its `scale_rewards`
what advantages are: DPPO's recipe is loss_type="dr_grpo", scale_rewards="none". `beta` and
`use_bias_correction_kl` work as in TRL. The loss brings its own thresholds: TRL's epsilon is
refused, and its clip ratios are left out. `kept` is logged in their place, if the loss has it among
its diagnostics, and so are TROLL's `projected`, the share of tokens outside the region, and `eta`, the
mean multiplier that brings them back; and QUATRO's `multiplier` and `floored`, means over the
completions whose prompt has unequal rewards. Checks of values stop after the first loss, as in our
own loop.

Two of TRL's settings compose with any loss. `vllm_importance_sampling_correction` multiplies a
token's loss by π_old/μ, bounded as `vllm_importance_sampling_mode` says (TIS, or a mask of tokens
or sequences); the penalty `beta` is left as it is. It needs anchor="recomputed", because a region
around the sampler has μ in its ratio already. TRL has it on by default: switch it off for
anchor="rollout". TRL then no longer logs how far sampler and learner are apart, and this trainer
does, under TRL's names: `sampling/sampling_logp_difference/mean` and `/max`, of |log π_old - log μ|.
`top_entropy_quantile` keeps the tokens of largest entropy (arXiv 2506.01939),
where `beta` is 0.

The *sampler's* most likely tokens are nowhere to be had: TRL asks vLLM for the sampled token's
log-prob alone (`logprobs=0`). DistributionTrainer takes the learner's, recomputed before a
rollout's updates, so score centering (`centered_sparse_loss`) subtracts there what several updates
drift, and not what another engine or precision does."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from torch import Tensor
from trl import GRPOTrainer

from trlib.advantages import ADVANTAGES
from trlib.algorithms import TopK, dppo_loss, troll_sparse_loss
from trlib.algorithms.dual import solve_groups
from trlib.algorithms.method import TokenLoss
from trlib.algorithms.quatro import pull_to_target, quatro_loss
from trlib.bridges import TOKEN_LOSS, TOPK_LOSS, as_token_loss, check_loss
from trlib.bridges.pieces import most_likely, pick
from trlib.checks import choice, number, value_checks, whole
from trlib.divergences import k3
from trlib.replaced import replaced

LOGGED = {"kept", "projected", "eta"}
"""The diagnostics whose mean over tokens stands in TRL's log."""


def sampled_tokens(batch: dict[str, Tensor]) -> Tensor:
    """[B, T] bool: the tokens of TRL's batch that the policy wrote."""
    return (batch["completion_mask"] * batch.get("tool_mask", 1)).bool()


def with_rewards(
    trainer: Any, generate: Callable[[Any], dict[str, Any]], inputs: Any
) -> tuple[dict[str, Any], Tensor, Tensor, slice]:
    """What TRL's `_generate_and_score_completions` made, and in it `reward` [B], weighted and
    summed (NaN: no function could score it), and `group` [B], which prompt. And both for all
    processes' completions, and which of these are this process's."""
    calculate, kept = trainer._calculate_rewards, list[Tensor]()

    def calculated(*args: Any, **kwargs: Any) -> Tensor:
        kept.append(calculate(*args, **kwargs))
        return kept[-1]

    with replaced(trainer, _calculate_rewards=calculated):
        made = generate(inputs)
    (each,) = kept
    rewards = (each * trainer.reward_weights.to(each)).nansum(1)
    rewards = rewards.masked_fill(each.isnan().all(1), torch.nan)
    size = trainer.num_generations if trainer.model.training else trainer.num_generations_eval
    group = torch.arange(len(rewards), device=rewards.device) // size
    first = trainer.accelerator.process_index * len(made["advantages"])
    here = slice(first, first + len(made["advantages"]))
    return made | {"reward": rewards[here], "group": group[here]}, rewards, group, here


class TrustRegionTrainer(GRPOTrainer):
    """A GRPOTrainer whose loss is `token_loss`, a function of (logp, logp_old, *, advantages,
    mask): in a subclass, token_loss = staticmethod(partial(pspo_loss, alpha=.1)). `anchor`:
    "rollout", the sampler's log-probs where TRL has them (vLLM, a `rollout_func`), or "recomputed",
    the policy before this rollout's updates; None: the loss's own (its attribute `anchor`, which
    `trlib.methods.token_loss` sets), and "rollout" for a loss that has none. `advantage`: how rewards become the advantage of a
    completion, a name of `trlib.advantages.ADVANTAGES` ("reward": no baseline; "right-only": the
    group's mean subtracted, and what lies below it left out); None: as TRL's `scale_rewards` says,
    which is not read otherwise. `shift` is added to every advantage. Each may be an argument, or an
    attribute of a subclass."""

    token_loss: Any = staticmethod(partial(dppo_loss, delta_tv=0.15))
    anchor: str | None = None
    advantage: str | None = None
    shift: float = 0.0
    loss_types: ClassVar[tuple[str, ...]] = ("bnpo", "dapo", "dr_grpo", "grpo", "luspo")
    arguments: ClassVar[str] = TOKEN_LOSS
    args: Any
    model: Any

    def __init__(
        self, *args: Any, advantage: str | None = None, shift: float | None = None, **kwargs: Any
    ) -> None:
        self.advantage = self.advantage if advantage is None else advantage
        self.shift = number("shift", self.shift if shift is None else shift)
        self.anchor = self.anchor or getattr(self.token_loss, "anchor", "rollout")
        if self.advantage is not None:
            choice("advantage", self.advantage, tuple(ADVANTAGES))
        super().__init__(*args, **kwargs)
        self._check_loss()
        choice("anchor", self.anchor, ("rollout", "recomputed"))
        choice("loss_type", self.loss_type, self.loss_types)
        fields = type(self.args).__dataclass_fields__
        dropped = {
            **{
                name: getattr(self.args, name) != fields[name].default
                for name in ("epsilon", "epsilon_high")
            },
            "delta": self.args.delta is not None,
            "top_entropy_quantile with beta": self.top_entropy_quantile < 1 and self.beta != 0,
            "off_policy_mask_threshold": self.off_policy_mask_threshold is not None,
            "vllm_importance_sampling_correction with anchor='rollout', whose ratio has the "
            "sampler in it already": self._corrects and self.anchor == "rollout",
            "importance_sampling_level": self.importance_sampling_level != "token",
        }
        if on := ", ".join(name for name, is_on in dropped.items() if is_on):
            raise ValueError(
                f"{on}: TrustRegionTrainer's loss has no such term; expected it off (token for "
                "importance_sampling_level)"
            )

    @property
    def _corrects(self) -> bool:
        """Whether TRL puts a factor π_old/μ on every token's loss."""
        return self.use_vllm and self.vllm_importance_sampling_correction

    def _check_loss(self) -> None:
        # A function that is not a staticmethod is a method, and gets the trainer as its first
        # argument.
        method = getattr(self.token_loss, "__self__", None) is self
        name = (
            "token_loss (a plain function needs staticmethod around it)" if method else "token_loss"
        )
        check_loss(name, self.token_loss, self.arguments, self.accelerator.device)

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        generate = super()._generate_and_score_completions
        output, rewards, group, here = with_rewards(self, generate, inputs)
        if self.advantage is not None:
            mask = sampled_tokens(output)
            lengths = self.accelerator.gather(mask.sum(-1))
            scored = ~rewards.isnan()
            batch = SimpleNamespace(
                rewards=rewards[scored], group=group[scored], lengths=lengths[scored]
            )
            advantages = torch.zeros_like(rewards).masked_scatter(
                scored, ADVANTAGES[self.advantage](batch).to(rewards)
            )
            output["advantages"] = advantages[here]
        # What no reward function can score has no advantage.
        output["advantages"] = output["advantages"] + self.shift * ~output["reward"].isnan()
        return output

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        self._called = False
        loss = super().training_step(*args, **kwargs)
        if not self._called:
            others = [kind for kind in type(self).__mro__ if "compute_loss" in vars(kind)]
            raise RuntimeError(
                f"{type(self).__name__}: expected the loss of trlib in each training step, and "
                f"this one did not call it: compute_loss of {others[0].__module__}."
                f"{others[0].__qualname__} computes another. Unsloth is known to do this: it "
                "replaces trl.GRPOTrainer by a class that has a loss of its own. Import "
                "trlib.bridges.trl in a process in which unsloth is not imported"
            )
        return loss

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        score = self._get_per_token_logps_and_entropies
        batch = {**inputs, "old_per_token_logps": None}

        def scored(
            *args: Any, **kwargs: Any
        ) -> tuple[Any, ...]:  # what TRL asks for first; it reads the advantages later
            logp, *others = score(*args, **kwargs)
            batch["advantages"] = -self._per_token(logp, inputs, beta, factor)
            return logp.detach(), *others

        beta, factor = self.beta, inputs["importance_sampling_ratio"] if self._corrects else 1
        with replaced(
            self,
            _get_per_token_logps_and_entropies=scored,
            beta=0.0,
            vllm_importance_sampling_correction=False,  # here, so that it spares the penalty
        ):
            loss = super()._compute_loss(model, batch)
        metrics = self._metrics["train" if self.model.training else "eval"]
        # Of ratios that are 1.
        for name in [name for name in metrics if name.startswith("clip_ratio/")]:
            del metrics[name]
        return loss

    def _per_token(
        self, logp: Tensor, inputs: dict[str, Any], beta: float, factor: Tensor | float
    ) -> Tensor:
        self._called, mask = True, sampled_tokens(inputs)
        # Left out where one update follows a rollout.
        old = inputs.get("old_per_token_logps", logp.detach())
        sampler = inputs.get("sampling_per_token_logps", old) if self.anchor == "rollout" else old
        with value_checks(self._step == 0):
            loss = as_token_loss(
                self._token_loss(logp, old.where(sampler.isnan(), sampler), mask, inputs)
            )
        for name in LOGGED & loss.diagnostics.keys():
            self._log_mean(name, loss.diagnostics[name], mask)
        # TRL logs it by itself where it has a factor for it.
        if "sampling_per_token_logps" in inputs and not isinstance(factor, Tensor):
            self._log_mismatch(old - inputs["sampling_per_token_logps"], mask)
        per_token = loss.per_token * factor
        if not beta:
            return per_token
        kl = k3(logp, inputs["ref_per_token_logps"]) * (
            (logp - old).exp() if self.args.use_bias_correction_kl else 1
        )
        self._log_mean("kl", kl.detach(), mask)
        return per_token + beta * kl

    def _token_loss(
        self, logp: Tensor, anchor: Tensor, mask: Tensor, inputs: dict[str, Any]
    ) -> TokenLoss:
        """Our loss on TRL's batch: `logp` and the anchor's, [B, T] each."""
        return self.token_loss(logp, anchor, advantages=self._advantages(mask, inputs), mask=mask)

    def _advantages(self, mask: Tensor, inputs: dict[str, Any]) -> Tensor:
        return inputs["advantages"].view(len(mask), -1).expand(mask.shape)

    def _log_mismatch(self, difference: Tensor, mask: Tensor) -> None:
        """How far sampler and learner are apart before the updates: what TRL logs with its own
        correction alone. NaN: the sampler has no log-prob of the token."""
        mask = mask & ~difference.isnan()
        name = "sampling/sampling_logp_difference"
        self._log_mean(f"{name}/mean", difference.abs(), mask)
        most = self.accelerator.gather(difference.abs().where(mask, -1).max()).max().item()
        if most >= 0:
            self._metrics["train" if self.model.training else "eval"][f"{name}/max"].append(most)

    def _log_mean(self, name: str, values: Tensor, mask: Tensor) -> None:
        total, count = self.accelerator.reduce(
            torch.stack([values.where(mask, 0).sum(), mask.sum()]).float()
        )
        if count:  # a mean over nothing is absent
            self._metrics["train" if self.model.training else "eval"][name].append(
                (total / count).item()
            )


class DistributionTrainer(TrustRegionTrainer):
    """The same for a `token_loss` of (logp [B, T, K], old: TopK, *, tokens, advantages, mask), such
    as `troll_sparse_loss` or partial(dppo_sparse_loss, delta_tv=.15). `old` holds the `most_likely`
    tokens of the policy before this rollout's updates, the sampled one among them. A sampler
    elsewhere (vLLM) hands TRL no more than the sampled token, so `anchor` can only be "recomputed".
    The completions' logits [B, T, V] and their gradient are held in the model's own type, whereas
    TRL works in pieces: keep `per_device_train_batch_size` small. Text only."""

    token_loss: Any = staticmethod(troll_sparse_loss)
    anchor = "recomputed"
    most_likely: ClassVar[int] = 64
    arguments: ClassVar[str] = TOPK_LOSS
    _scored: list[tuple[Tensor, TopK]]
    _old_ids: Tensor | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice("anchor", self.anchor, ("recomputed",))
        whole("most_likely", self.most_likely, least=1)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **more: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        compute_aux_loss = more.pop("compute_aux_loss", False)
        if any(value is not None for value in more.values()):
            raise ValueError(
                f"{', '.join(k for k, v in more.items() if v is not None)}: expected text only"
            )
        tokens = input_ids[:, -logits_to_keep:].unsqueeze(-1)
        parts, aux = list[tuple[Tensor, Tensor, Tensor]](), list[Tensor]()
        router = {"output_router_logits": True} if compute_aux_loss else {}
        for rows in torch.arange(len(input_ids)).split(batch_size or len(input_ids)):
            with self.accelerator.autocast():
                out = model(
                    input_ids=input_ids[rows],
                    attention_mask=attention_mask[rows],
                    use_cache=False,
                    logits_to_keep=logits_to_keep + 1,
                    **router,
                )
            if compute_aux_loss:
                aux.append(out.aux_loss)
            if self._old_ids is None:
                ids = most_likely(out.logits, tokens[rows], self.most_likely)
            else:
                ids = torch.cat([tokens[rows], self._old_ids[rows]], -1)
            parts.append((ids, *pick(out.logits, ids, self.temperature)))
        ids, picked, entropies = (torch.cat(part) for part in zip(*parts, strict=True))
        logp = picked[..., 0]
        self._scored.append((logp, TopK(ids, picked)))
        mean = torch.stack(aux).mean() if compute_aux_loss else None
        return logp, entropies if compute_entropy else None, mean

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        self._scored, self._old_ids = [], None
        output = super()._generate_and_score_completions(inputs)
        for logp, old in self._scored:  # the reference is scored too
            if logp is output.get("old_per_token_logps"):
                output |= {"old_topk_ids": old.ids, "old_topk_logps": old.logp}
        del self._scored
        return output

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._scored, self._old_ids = [], inputs.get("old_topk_ids")
        try:
            return super()._compute_loss(model, inputs)
        finally:
            del self._scored

    def _token_loss(
        self, logp: Tensor, anchor: Tensor, mask: Tensor, inputs: dict[str, Any]
    ) -> TokenLoss:
        ((_, new),) = self._scored
        picked, old = new.logp, TopK(new.ids, new.logp.detach())
        if "old_topk_ids" in inputs:  # left out where one update follows a rollout
            picked = picked[..., 1:]
            old = TopK(inputs["old_topk_ids"], inputs["old_topk_logps"])
        tokens, advantages = inputs["completion_ids"], self._advantages(mask, inputs)
        return self.token_loss(picked, old, tokens=tokens, advantages=advantages, mask=mask)


class QuatroTrainer(TrustRegionTrainer):
    """QUATRO: the dual of each prompt is solved while TRL's groups are whole. Its radius and the
    rest are the settings of `quatro_loss`, as attributes of a subclass. Raw rewards go in:
    `scale_rewards` is not read. Use loss_type="luspo". A completion that no reward function can
    score belongs to no group."""

    token_loss: Any = None
    delta_kl: ClassVar[float] = 0.1
    lambda_min: ClassVar[float] = 1e-2
    form: ClassVar[Any] = "ratio"
    direction: ClassVar[Any] = "backward"

    def _check_loss(self) -> None:
        if self.token_loss is not None:
            raise TypeError(
                f"token_loss: QuatroTrainer has its own; expected None, got {self.token_loss}"
            )
        if self.advantage is not None or self.shift:
            raise ValueError(
                f"advantage, shift: QuatroTrainer takes raw rewards; expected None and 0, got "
                f"{self.advantage!r} and {self.shift:g}"
            )
        choice(
            "multi_objective_aggregation", self.multi_objective_aggregation, ("sum_then_normalize",)
        )
        settings = {
            name: getattr(self, name) for name in ("delta_kl", "lambda_min", "form", "direction")
        }
        logp = -torch.ones(2, 1)
        rewards = torch.arange(2.0)
        group = torch.zeros(2, dtype=torch.long)
        quatro_loss(logp, logp, rewards=rewards, group=group, mask=logp < 0, **settings)

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        generate = super()._generate_and_score_completions
        output, rewards, group, here = with_rewards(self, generate, inputs)
        mask = sampled_tokens(output)
        present = self.accelerator.gather(mask.any(-1)) & ~rewards.isnan()
        settings = {name: getattr(self, name) for name in ("delta_kl", "lambda_min", "direction")}
        multiplier, target, floored = solve_groups(rewards.nan_to_num(), group, present, **settings)
        dual = {"multiplier": multiplier, "push": multiplier * target, "floored": floored}
        return output | {name: value[here] for name, value in dual.items()}

    def _token_loss(
        self, logp: Tensor, anchor: Tensor, mask: Tensor, inputs: dict[str, Any]
    ) -> TokenLoss:
        dual = {"multiplier": inputs["multiplier"], "push": inputs["push"]}
        loss = pull_to_target(
            logp, anchor, **dual, mask=mask, form=self.form, direction=self.direction
        )
        live = inputs["multiplier"] > 0
        for name in ("multiplier", "floored"):
            self._log_mean(name, inputs[name].float(), live)
        # No token is silenced: one whose group has equal rewards has nothing to lose.
        return TokenLoss(loss.per_token, loss.diagnostics | {"kept": mask})
