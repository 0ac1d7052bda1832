"""`trlib diagnose` inside a run of TRL's GRPOTrainer, and how far a batch takes the policy."""

import os
import warnings
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback
from trl import GRPOTrainer

from trcheck.watch import UNSEEN, Watch, moved
from trlib.bridges.trl import sampled_tokens, with_rewards
from trlib.checks import number, whole
from trlib.replaced import replaced


class CausesCallback(TrainerCallback):
    """`trlib diagnose` on every `every`-th batch and what the batches before it showed:
    trainer.add_callback(CausesCallback(trainer)).

    The learner's log-probs are those of the loss itself, so nothing is computed twice. The
    sampler's are TRL's `sampling_per_token_logps`, which it has from vLLM or a `rollout_func`.
    Without them the policy before the updates stands for the sampler, and a warning says what
    cannot be seen. A `rollout_func` that returns `version` too, a number for each completion, lets a
    sampler that lags be named. Where the trainer has no log-probs of completions at all, a warning
    says so once, and training goes on. Metrics: see `trcheck.watch.Watch`."""

    def __init__(
        self,
        trainer: Any,
        every: int = 2,
        tokens: int = 50_000,
        against: str | os.PathLike[str] | None = None,
    ) -> None:
        self.trainer, self.watch = trainer, Watch(every, tokens, against)
        self._due, self._seen = False, list[dict[str, Tensor]]()
        needed = (
            "_compute_loss",
            "_generate_and_score_completions",
            "_get_per_token_logps_and_entropies",
            "_metrics",
            "num_generations",
            "_calculate_rewards",
        )
        if missing := [name for name in needed if not hasattr(trainer, name)]:
            kind = type(trainer).__name__
            self.watch.say(
                f"it needs the log-probs of TRL's GRPOTrainer; {kind} has no {', '.join(missing)}"
            )
        else:
            self._loss, trainer._compute_loss = trainer._compute_loss, self._compute_loss
            self._generate = trainer._generate_and_score_completions
            trainer._generate_and_score_completions = self._with_more

    def on_step_begin(self, args, state, control, **others):
        self._due = state.is_world_process_zero and self.watch.due(state.global_step)
        self._seen = []

    def on_step_end(self, args, state, control, **others):
        if not self._seen:
            return
        batch = {name: torch.cat([piece[name] for piece in self._seen]) for name in self._seen[0]}
        for name in {"group", "reward", "version"} & {*batch}:
            batch[name] = batch[name].squeeze(1)
        whole = batch["group"].unique(return_counts=True)[1] == self.trainer.num_generations
        if not whole.all():  # halves of groups tell nothing
            del batch["group"]
        if batch["reward"].isnan().any():
            del batch["reward"]
        values = self.watch.look(**batch)
        for name, value in values.items():
            self.trainer._metrics["train"][name].append(value)
        self._due, self._seen = False, []

    def _with_more(self, inputs):
        # TRL writes into the rows what `rollout_func` returns.
        made, *_ = with_rewards(self.trainer, self._generate, inputs)
        versions = [row.get("version") for row in inputs]
        if self.trainer.rollout_func and all(isinstance(x, int | float) for x in versions):
            made["version"] = torch.tensor(versions, device=made["advantages"].device).double()
        return made

    def _compute_loss(self, model, inputs):
        if not (self._due and self.trainer.model.training):
            return self._loss(model, inputs)
        score, scored = self.trainer._get_per_token_logps_and_entropies, []

        def watched(*args, **kwargs):
            scored.append(score(*args, **kwargs))
            return scored[-1]

        with replaced(self.trainer, _get_per_token_logps_and_entropies=watched):
            loss = self._loss(model, inputs)
        if scored:
            self._keep(scored[0][0].detach(), inputs)
        return loss

    def _keep(self, logp: Tensor, inputs: dict[str, Any]) -> None:
        mask = sampled_tokens(inputs)
        old = inputs.get("old_per_token_logps")
        sampler = inputs.get("sampling_per_token_logps")
        if sampler is None:
            self.watch.say(
                UNSEEN.format("it needs use_vllm=True, or a rollout_func that returns `logprobs`")
            )
            sampler = logp if old is None else old
        rows = self.watch.rows(mask, sum(seen["mask"].numel() for seen in self._seen))
        piece: dict[str, Tensor] = {
            "logp": logp,
            "logp_rollout": sampler,
            # TRL leaves it out where one update follows a rollout: then it is `logp`.
            "logp_old": logp if old is None else old,
            "advantage": inputs["advantages"].view(len(mask), -1),
            "mask": mask
            & ~sampler.isnan(),  # vLLM may have none for a token; TRL's ratio is 1 there
            "tokens": inputs["completion_ids"],
        }
        for name in {"group", "reward", "version"} & {*inputs}:
            piece[name] = inputs[name].view(-1, 1)
        piece = {name: x[rows] for name, x in piece.items()}
        # A step may draw more than once, at other lengths: one of them is enough.
        if len(mask[rows]) and all(
            x.shape[1] == self._seen[0][name].shape[1] for name, x in piece.items() if self._seen
        ):
            self._seen.append(piece)


class DistanceCallback(TrainerCallback):
    """How far a batch takes the policy, after the update: trainer.add_callback(
    DistanceCallback(trainer)).

    After every step it scores the step's completions once more (one forward pass) and logs
    `distance/kl`, k3 of KL(π_old || π) in nats per token, π_old being the policy before the batch's
    updates. What TRL logs, and a dump from its loss, is taken before the step, and is 0 where one
    update follows a batch.

    `most`: training stops when `distance/kl` is above it `patience` steps in a row. `aside`: every
    second completion is left out of the loss, and these are measured; `distance/gain` is the mean of
    (π/π_old - 1) A over them. With num_iterations=32 and max_steps=32, one batch is fitted 32 times,
    and the KL where the gain stops rising is how far a batch may take this policy."""

    def __init__(
        self, trainer: Any, *, most: float | None = None, patience: int = 5, aside: bool = False
    ) -> None:
        self.trainer, self.aside = trainer, aside
        self.most = None if most is None else number("most", most, above=0)
        self.patience, self._over = whole("patience", patience, least=1), 0
        self._seen = list[tuple[Any, ...]]()
        self._loss, trainer._compute_loss = trainer._compute_loss, self._compute_loss

    def on_step_begin(self, args, state, control, **others):
        self._seen = []

    def on_step_end(self, args, state, control, **others):
        sums = torch.zeros(3, device=self.trainer.accelerator.device)
        for given, more, old, advantage, mask in self._seen:
            with torch.no_grad():
                logp = GRPOTrainer._get_per_token_logps_and_entropies(self.trainer, *given, **more)[
                    0
                ]
            sums += torch.stack(moved(old, logp, advantage, mask)).to(sums)
        self._seen = []
        kl, gain, count = self.trainer.accelerator.reduce(sums).tolist()
        if not count:
            return
        metrics = self.trainer._metrics["train"]
        metrics["distance/kl"].append(kl / count)
        if self.aside:
            metrics["distance/gain"].append(gain / count)
        if self.most is None:
            return
        self._over = self._over + 1 if kl / count > self.most else 0
        if self._over >= self.patience:
            control.should_training_stop = True
            warnings.warn(
                f"DistanceCallback: distance/kl was above {self.most:g} in {self.patience} steps in a "
                f"row, and is {kl / count:.3g}; training stops here",
                stacklevel=2,
            )

    def _compute_loss(self, model, inputs):
        if not self.trainer.model.training:
            return self._loss(model, inputs)
        score, scored = self.trainer._get_per_token_logps_and_entropies, []
        mask = sampled_tokens(inputs)
        if self.aside:
            fitted = (torch.arange(len(mask), device=mask.device) % 2 == 0)[:, None]
            # Not by `completion_mask`, which is attended to as well.
            inputs = {**inputs, "tool_mask": inputs.get("tool_mask", 1) * fitted.expand(mask.shape)}
            mask = mask & ~fitted

        def watched(*given, **more):
            scored.append((given, more | {"compute_entropy": False}, score(*given, **more)))
            return scored[-1][-1]

        with replaced(self.trainer, _get_per_token_logps_and_entropies=watched):
            loss = self._loss(model, inputs)
        given, more, (logp, *_) = scored[0]
        old = inputs.get("old_per_token_logps", logp)
        advantage = inputs["advantages"].view(len(mask), -1).expand(mask.shape)
        self._seen.append((given, more, old.detach(), advantage.detach(), mask))
        return loss
