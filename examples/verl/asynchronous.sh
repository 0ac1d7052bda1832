#!/usr/bin/env bash
# The same batch, but four GPUs sample all the time while four learn: bash asynchronous.sh
# The sampler gets new weights after four updates. A completion that was begun more than two
# versions ago is dropped (verl counts the version at work as one), so the oldest tokens are eleven
# updates behind the learner.
set -euo pipefail
bash eight_gpus.sh \
    trainer.v1.trainer_mode=separate_async \
    trainer.v1.separate_async.parameter_sync_step=4 \
    trainer.v1.sampler.max_off_policy_threshold=3 \
    trainer.v1.sampler.max_off_policy_strategy=drop \
    trainer.n_gpus_per_node=4 \
    actor_rollout_ref.hybrid_engine=False \
    actor_rollout_ref.actor.ppo_mini_batch_size=16 \
    actor_rollout_ref.actor.fsdp_config.fsdp_size=4 \
    actor_rollout_ref.rollout.nnodes=1 \
    actor_rollout_ref.rollout.n_gpus_per_node=4 \
    actor_rollout_ref.rollout.gpu_memory_utilization=0.85 \
    actor_rollout_ref.rollout.free_cache_engine=False \
    actor_rollout_ref.rollout.checkpoint_engine.backend=nccl \
    trainer.experiment_name=asynchronous \
    "$@"
