"""The loop that trains: rollout, advantage, objective, update, the same for every method.

A batch passes through nine files of this folder. In the order of a batch:

1. `loop.py`: both loops, over batches (`Loop.batches`, `Loop.batch`) and over a batch's updates
   (`WholeBatch.minibatches`)
2. `collect.py`: stages 1 and 2, from prompts to a batch with advantages
3. `sampler.py`: who samples: the policy itself, or an older or coarser copy of it
4. `learner.py`: the policy that learns, what it says of completions, and what learns beside it
5. `minibatch.py`: stages 3 and 4, from a minibatch's scores to a loss
6. `optimizer_step.py`: gradient, clipping, warm-up and the optimiser's step
7. `metrics.py`: the columns of the history
8. `probe.py`: those of them that are exact sums over the vocabulary
9. `user_errors.py`: errors in a method's code, reported with its file and line

`logp_old`, what the learner says of a batch before its updates, is computed in one place:
`Loop.old_scores` in `loop.py`, and is `batch.logp_old`. A loss divides by `batch.logp_anchor`, which is
`batch.logp_old` unless the run's `anchor` is "rollout": then it is `batch.logp_rollout`, what the sampler
said. A loss knows nothing of batches and calls whatever it divides by `logp_old`: its argument of this
name is `batch.logp_anchor`.

The loop calls a method in three places:

- `Collector.prepare` calls `Method.prepare`, which makes rewards into advantages
- `Loop.updates` calls `Method.update`, which descends once per minibatch and may stop early (`stop_kl`)
- `Minibatch.loss` calls `Method.objective`, where `token_loss` (of GRPO: `ppo_loss`) receives the
  learner's log-probs and `batch.logp_anchor`, then `Method.loss`, which combines the tokens' losses

What a batch calls outside of this folder can be taken at its word until its details are needed:

- `algorithms`: `method.py` and `batch.py` (what a method may change, and what it receives),
  `grpo.py` and `ppo.py` (GRPO is PPO's loss with other settings); beside that folder lie
  `advantages.py` and `aggregation.py`, what the settings of these names choose from
- `model`: `rollout.py` (how completions are sampled), `policy.py` and `forward.py` (log-probs with
  gradient), `packing.py` and `attention.py` (a forward pass that reads a shared prefix once)
- `tasks`: prompts, and verdicts on completions

What surrounds a batch: `train` (the function), `settings` (of a run), `requirements` (whether they fit the method) and
`memory_check` (whether the run fits into memory), `callbacks` (what a run calls), `time_limit` (of a verifier), `reference` (the penalty on the KL divergence to
a reference), `saving` (how a run is kept, interrupted and resumed, and what `train` returns),
`optimizers` and `critic`."""
