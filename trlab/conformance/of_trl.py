"""TRL's losses: they stand inside its trainer, and run as they are on a stand-in that knows the
log-probs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch

from trlab.conformance import calls
from trlab.conformance.libraries import Held, by_token
from trlab.conformance.pieces import Numbers, compare, estimator_of
from trlab.conformance.relatives import PAIRED
from trlab.conformance.report import Finding
from trlab.conformance.trl_stand_in import Accelerator, trl
from trlab.conformance.vectors import Vectors

LOSSES = (
    Held("bnpo", "ppo", "token-mean"),
    Held("dapo", "ppo_clip_higher", "token-mean"),
    Held("grpo", "ppo_clip_higher", "seq-mean-token-mean"),
    Held("dr_grpo", "ppo_clip_higher", "seq-mean-token-sum-norm"),
    Held("luspo", "ppo_clip_higher", "seq-mean-token-sum"),
    Held("bnpo, delta=3", "ppo_dual_clip", "token-mean", options={"loss_type": "bnpo"}),
    Held(
        "bnpo, one update a rollout",
        "ppo",
        "token-mean",
        options={"loss_type": "bnpo", "recorded": False},
        note="TRL records no old log-probs when one update follows a rollout",
    ),
    Held(
        "grpo, sequence level",
        "gspo_wide",
        "seq-mean-token-mean",
        options={"loss_type": "grpo", "level": "sequence"},
    ),
    Held("cispo", "cispo", "token-mean"),
    Held("cispo", "cispo_upper", "token-mean"),
    Held("sapo", "sapo", "seq-mean-token-mean"),
    Held(
        "vespo",
        "vespo",
        "token-mean",
        options={"anchor": "rollout"},
        note="held with the sampler's log-probs for the old ones; TRL's own are recomputed, and "
        "with vLLM its correction leads from them to the sampler",
    ),
    Held(
        "experimental GMPOTrainer",
        "gmpo",
        "seq-mean-token-mean",
        options={
            "loss_type": "grpo",
            "by_token": False,
            "kind": "trl.experimental.gmpo:GMPOTrainer",
        },
    ),
)


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for the KL term, the losses of pairs, the reference that moves and the advantages
    of TRL's own trainer."""
    for subject, more in (
        ("KL term", {}),
        ("KL term, use_bias_correction_kl=False", {"use_bias_correction_kl": False}),
    ):
        yield compare(vectors, subject, "k3", partial(_penalty, more))
    for loss_type in ("sigmoid", "sigmoid_norm"):
        yield compare(vectors, f"DPOTrainer, {loss_type}", "dpo", partial(_pairs, loss_type))
    yield compare(vectors, "SyncRefModelCallback", "reference", _moved)
    for scale, name in (("group", "group_std"), ("none", "group_mean")):
        subject = f"advantages, scale_rewards={scale}"
        yield compare(vectors, subject, f"{name} in fours", partial(_advantages, scale))


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called."""
    options = {"loss_type": held.subject, "kind": "trl:GRPOTrainer", **held.options}
    module, _, kind = options.pop("kind").partition(":")
    trainer = getattr(import_module(module), kind)
    return trl(trainer, settings=settings, horizon=settings["horizon"], **options)


def _penalty(more: dict[str, Any], vectors: Vectors) -> Numbers:
    """The KL term of every token: what beta=1 adds to a loss without advantages."""
    from trl import GRPOTrainer

    run = trl(GRPOTrainer, settings={}, horizon=1, loss_type="grpo", beta=1.0, **more)
    return estimator_of(vectors, by_token(run))


def _pairs(loss_type: str, vectors: Vectors) -> Numbers:
    """The `_compute_loss` of TRL's DPO trainer; it takes the better rows first, and a prompt's
    token before them."""
    from trl import DPOTrainer

    trainer: Any = object.__new__(DPOTrainer)
    vars(trainer).update(
        model=SimpleNamespace(training=False),
        accelerator=Accelerator(),
        aux_loss_enabled=False,
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        loss_types=[loss_type],
        loss_weights=[1.0],
        beta=vectors.pieces["pairs"]["beta"],
        use_weighting=False,
        _total_train_tokens=0,
        _metrics={"eval": defaultdict(list)},
    )
    found = {}
    for name in PAIRED:
        batch = vectors.batches[name]
        order = [*range(0, len(batch["mask"]), 2), *range(1, len(batch["mask"]), 2)]
        mask, logp = batch["mask"][order], batch["logp"].clone().requires_grad_()
        reference = batch["logp_old"][order].masked_fill(~mask, 0.0).sum(-1)
        nothing = torch.zeros(mask.shape, dtype=torch.float64)
        outputs = SimpleNamespace(
            log_probs=logp[order].masked_fill(~mask, 0.0),
            entropy=nothing,
            mean_logits=nothing,
            is_top1=mask,
        )
        shown = torch.cat([torch.zeros_like(mask[:, :1]), mask], -1).long()
        loss = trainer._compute_loss(
            lambda outputs=outputs, **_: outputs,
            {
                "input_ids": shown,
                "attention_mask": shown,
                "completion_mask": shown,
                "ref_chosen_logps": reference[: len(order) // 2],
                "ref_rejected_logps": reference[len(order) // 2 :],
            },
            False,
        )
        found[name] = loss.detach().reshape(1)
        (found[f"{name}, gradient"],) = torch.autograd.grad(loss, logp)
    return found


def _moved(vectors: Vectors) -> Numbers:
    """TR-DPO's reference in TRL: a callback that moves it every so many steps."""
    from trl.trainer.callbacks import SyncRefModelCallback

    document = vectors.pieces["reference"]["inputs"]
    policy, reference = (
        torch.nn.ParameterList([torch.tensor(document[name], dtype=torch.float64)])
        for name in ("policy", "reference")
    )
    SyncRefModelCallback._sync_target_model(policy, reference, document["share"])
    return {"reference": reference[0].detach()}


def _advantages(scale: str, vectors: Vectors) -> Numbers:
    """What TRL's own trainer makes of given rewards: the embedded model samples a token, and nobody
    reads it."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from trlib.model.policy import load_policy

    rewards = vectors.pieces["advantages_in_fours"]["inputs"]["rewards"]
    policy = load_policy("dial", device="cpu")
    prompts: list[Any] = [{"prompt": "1 : +1 ="} for _ in rewards]
    with TemporaryDirectory() as folder:
        args = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            report_to=[],
            save_strategy="no",
            num_generations=4,
            per_device_train_batch_size=len(rewards),
            max_completion_length=1,
            scale_rewards=scale,
        )
        trainer = GRPOTrainer(
            model=policy.model,
            args=args,
            processing_class=policy.tokenizer,
            reward_funcs=lambda completions, **_: rewards,
            train_dataset=Dataset.from_list(prompts),
        )
        return {
            "advantages": trainer._generate_and_score_completions(prompts)["advantages"].double()
        }
