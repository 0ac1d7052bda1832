#!/usr/bin/env bash
# GRPO on one GPU of 80 GB: bash one_gpu.sh, and any setting of verl behind it, which wins.
# Weights are of single tokens: the product of 1,024 of them is mostly close to 0.
# Quotes are for zsh, which would look for files that [console] matches.
set -euo pipefail
python -m verl.trainer.main_ppo \
    algorithm.adv_estimator=grpo \
    algorithm.rollout_correction.rollout_is=token \
    algorithm.rollout_correction.rollout_is_threshold=2.0 \
    data.train_files=train.parquet \
    data.val_files=test.parquet \
    data.train_batch_size=16 \
    data.max_prompt_length=256 \
    data.max_response_length=1024 \
    data.filter_overlong_prompts=True \
    reward.custom_reward_function.path=mine.py \
    actor_rollout_ref.model.path=Qwen/Qwen2.5-0.5B-Instruct \
    actor_rollout_ref.model.enable_gradient_checkpointing=True \
    actor_rollout_ref.actor.strategy=fsdp2 \
    actor_rollout_ref.actor.optim.lr=1e-6 \
    actor_rollout_ref.actor.ppo_mini_batch_size=16 \
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8 \
    actor_rollout_ref.actor.fsdp_config.fsdp_size=1 \
    actor_rollout_ref.rollout.name=vllm \
    actor_rollout_ref.rollout.n=8 \
    actor_rollout_ref.rollout.tensor_model_parallel_size=1 \
    actor_rollout_ref.rollout.gpu_memory_utilization=0.3 \
    actor_rollout_ref.rollout.free_cache_engine=True \
    actor_rollout_ref.rollout.calculate_log_probs=True \
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=8 \
    trainer.nnodes=1 \
    trainer.n_gpus_per_node=1 \
    trainer.total_training_steps=200 \
    trainer.save_freq=50 \
    trainer.max_actor_ckpt_to_keep=2 \
    trainer.test_freq=25 \
    trainer.val_before_train=True \
    trainer.project_name=trlib \
    trainer.experiment_name=one_gpu \
    'trainer.logger=[console]' \
    "$@"
