"""What the columns of a dump are called, here and in other libraries."""

REQUIRED = ("logp", "logp_rollout", "advantage", "mask")
BY_TOKEN = ("logp", "logp_rollout", "logp_old", "mask", "tokens", "text")
BY_COMPLETION = ("prompt", "group", "reward", "version")
SUMMED = ("reward", "version")
"""A list per completion stands for one number."""
OPTIONAL = ("logp_old", "tokens", "text", *BY_COMPLETION, "completion", "position")
AREAL = ("logprobs", "prox_logp")
"""Where both are there, `logprobs` are the sampler's."""
LOGS = {
    "verl's rollout_data_dir": ({"input", "output", "score"}, "From verl"),
    "TRL's log_completions": ({"prompt", "completion", "advantage"}, "From TRL"),
}
"""Logs that hold no log-probs: what they have, and where the page says how to record them."""
ALIASES = {
    "logp": (
        "log_probs",
        "log_prob",
        "logprobs",
        "logps",
        "per_token_logps",
        "curr_logprobs",
        "trainer_logprobs",
    ),
    "logp_rollout": (
        "rollout_log_probs",
        "rollout_logprobs",
        "rollout_logps",
        "sampling_per_token_logps",
        "sampling_logps",
        "generation_logprobs",
        "inference_logprobs",
        "behavior_logprobs",
    ),
    "logp_old": (
        "old_log_probs",
        "old_log_prob",
        "old_logprobs",
        "old_per_token_logps",
        "prev_logprobs",
        "action_log_probs",
        "prox_logp",
    ),
    "advantage": ("advantages", "adv"),
    "mask": (
        "response_mask",
        "completion_mask",
        "loss_mask",
        "loss_masks",
        "action_mask",
        "token_mask",
    ),
    "tokens": ("responses", "response_ids", "completion_ids", "response_tokens", "token_ids"),
    "prompt": ("prompts", "prompt_text", "prompt_ids"),
    "group": ("uid", "group_id", "group_index", "prompt_id"),
    "reward": (
        "rewards",
        "total_reward",
        "token_level_rewards",
        "token_level_scores",
        "rm_scores",
        "score",
        "scores",
    ),
    "version": ("policy_version", "weight_version", "model_version", "versions"),
    "completion": ("completion_id", "sample_id", "sequence_id", "sample_index", "id"),
}
"""What verl, TRL, slime, prime-rl, SkyRL, NeMo-RL and OpenRLHF call these columns; where ours is
missing, the first that is there and holds values of the right kind is taken, and the diagnosis says
so."""
