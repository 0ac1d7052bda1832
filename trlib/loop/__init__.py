"""The loop that trains: rollout, advantage, objective, update, for every method alike.

From the whole to the parts: `training` (the loop), `run` (what it gives back) and `metrics` (what it measured);
`step` (what a method's update is handed), `learner`, `sampler` and `critic` (what has weights); `regime` (its
settings), `checkpoints` (what a run goes on from) and `stopping` (Ctrl-C and SIGTERM).
"""
