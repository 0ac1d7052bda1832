#!/usr/bin/env bash
# DPPO's mask around the policy that sampled, on one GPU: bash dppo.sh
# verl's old log-probs are the sampler's (bypass_mode), so nothing else corrects for the sampler.
set -euo pipefail
export VERL_USE_EXTERNAL_MODULES=losses PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
bash one_gpu.sh \
    algorithm.norm_adv_by_std_in_grpo=False \
    algorithm.rollout_correction.bypass_mode=True \
    algorithm.rollout_correction.rollout_is=null \
    actor_rollout_ref.actor.calculate_entropy=True \
    actor_rollout_ref.actor.policy_loss.loss_mode=trlib_dppo_tv \
    actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum-norm \
    actor_rollout_ref.actor.loss_scale_factor=1024 \
    trainer.experiment_name=dppo \
    "$@"
