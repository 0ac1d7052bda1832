"""A loss of trlib in slime: --loss-type custom_loss --custom-loss-function-path losses.trlib, with
this folder in PYTHONPATH."""

import json
import os

import torch
from slime.backends.megatron_utils.loss import (
    get_log_probs_and_entropy,
    get_rollout_top_p_logprob_kwargs,
)

from trlib.checks import value_checks
from trlib.methods import token_loss

LOSS = token_loss(os.environ["TRLIB_METHOD"], **json.loads(os.environ.get("TRLIB_SETTINGS", "{}")))


def trlib(args, batch, logits, sum_of_sample_mean):
    """As slime's own `policy_loss_function`, without its KL term and its entropy bonus. Completion
    by completion: a method may take the mean over one."""
    lengths = {key: batch[key] for key in ("unconcat_tokens", "total_lengths", "response_lengths")}
    given = get_rollout_top_p_logprob_kwargs(args, batch)
    logps = get_log_probs_and_entropy(logits, args=args, **lengths, **given)[1]["log_probs"]
    sampler = LOSS.anchor == "rollout" or args.use_rollout_logprobs
    olds = batch.get("rollout_log_probs" if sampler else "log_probs")
    olds = olds or [logp.detach() for logp in logps]  # not kept where they are the same
    per_token, kept = [], []
    for logp, old, advantages, mask in zip(
        logps, olds, batch["advantages"], batch["loss_masks"], strict=True
    ):
        with value_checks(False):
            found = LOSS(logp[None], old[None], advantages=advantages[None], mask=mask[None] > 0)
        per_token.append(found.per_token[0])
        kept.append(found.diagnostics["kept"][0].float())
    # A rank without tokens takes part in the backward pass, too.
    loss = sum_of_sample_mean(torch.cat(per_token)) + 0 * logits.sum()
    return loss, {"loss": loss.detach(), "kept": sum_of_sample_mean(torch.cat(kept))}
