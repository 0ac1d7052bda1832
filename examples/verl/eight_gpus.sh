#!/usr/bin/env bash
# A model of seven billion in shards over eight GPUs of 80 GB, which sample and learn in turns:
# bash eight_gpus.sh. For several machines there is several_machines.slurm.
set -euo pipefail
bash one_gpu.sh \
    data.train_batch_size=64 \
    data.max_response_length=2048 \
    actor_rollout_ref.model.path=Qwen/Qwen2.5-7B-Instruct \
    actor_rollout_ref.actor.ppo_mini_batch_size=64 \
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4 \
    actor_rollout_ref.actor.fsdp_config.fsdp_size=8 \
    actor_rollout_ref.rollout.gpu_memory_utilization=0.5 \
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=4 \
    trainer.n_gpus_per_node=8 \
    trainer.experiment_name=eight_gpus \
    "$@"
