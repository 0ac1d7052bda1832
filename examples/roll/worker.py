"""A loss of trlib in ROLL: actor_train.worker_cls: worker.TrlibWorker, with this folder in
PYTHONPATH."""

import json
import os

from roll.pipeline.rlvr.actor_worker import ActorWorker
from roll.utils.functionals import agg_loss

from trlib.checks import value_checks
from trlib.methods import token_loss

LOSS = token_loss(os.environ["TRLIB_METHOD"], **json.loads(os.environ.get("TRLIB_SETTINGS", "{}")))


class TrlibWorker(ActorWorker):
    def loss_func(self, data, output_tensor):
        """As ROLL's own, without its KL term, its entropy bonus and its corrections."""
        mask = data.batch["response_mask"][:, 1:]
        logp = self.strategy.op_compute_log_probs(
            logits=output_tensor,
            input_ids=data.batch["input_ids"],
            attention_mask=data.batch["response_mask"],
        )
        old = data.batch.get("infer_logprobs") if LOSS.anchor == "rollout" else None
        if old is None or not len(old):
            old = self.get_old_log_probs_with_cache(data, logp)
        with value_checks(False):
            found = LOSS(logp, old, advantages=data.batch["advantages"], mask=mask > 0)

        def combined(values, how):  # by counts of the whole batch: ROLL adds micro-batches up
            return agg_loss(
                loss_mat=values,
                loss_mask=mask.long(),
                loss_agg_mode=how,
                batch_num_tokens=data.meta_info["batch_num_tokens"]["response_mask"],
                global_valid_samples=data.meta_info["global_valid_samples"]["response_mask"],
            )

        loss = combined(found.per_token, self.pipeline_config.loss_agg_mode)
        kept = combined(found.diagnostics["kept"].float(), "token-mean")
        return loss, {"actor/pg_loss@sum": loss.item(), "actor/kept@sum": kept.item()}
