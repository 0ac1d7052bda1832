"""The loop that trains: rollout, advantage, objective, update, the same for every method.

Five files, some 1,100 lines, take a reader from `trlib.train` to the optimiser's step, here with
GRPO. In the order of a batch:

1. `loop/train.py`: `train`, and both loops: over batches, and over a batch's updates
2. `loop/collect.py`: boxes 1 and 2, from prompts to a batch with advantages
3. `loop/minibatch.py`: boxes 3 and 4, from a minibatch's scores to a loss
4. `algorithms/ppo.py`: the loss
5. `loop/optimizer_step.py`: gradient, clipping, warm-up and the optimiser's step

A batch also passes through these. You can take each at its word until you need its details:

- `algorithms/method.py`, `algorithms/batch.py`: what a method may change, and what it receives
- `algorithms/grpo.py`: GRPO, which is PPO's loss with other settings
- `model/rollout.py`: how completions are sampled
- `model/policy.py`, `model/forward.py`: the scores, log-probabilities with gradient
- `model/prompt_encoding.py`: prompts as tokens
- `loop/sampler.py`: who samples: the policy itself, or an older or coarser copy of it
- `loop/boxes.py`: errors in a method's code, reported with its file and line
- `loop/reference.py`: the penalty on the KL divergence to a reference, in the reward or the loss
- `loop/metrics.py`: the columns of the history
- `algorithms/plan.py`, `algorithms/needs.py`, `algorithms/memory.py`: what a method draws, asks for
  and keeps
- `model/completions.py`: what was sampled, as tensors
- `model/packing.py`, `model/attention.py`, `model/hooks.py`: a forward pass that reads a shared
  prefix once

What surrounds a batch: `settings` (of a run), `memory_check` (whether it fits into memory), `saving`
(how a run is kept, interrupted and resumed, and what `train` returns), `learner`, `optimizers` and
`critic` (what has weights). `trlib.model.partial_rollout` writes completions with policies of
several ages."""
