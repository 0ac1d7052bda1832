"""A run in Weights & Biases: WANDB_MODE=offline python weights_and_biases.py

Needs `pip install wandb`. Offline nothing leaves the machine; `wandb sync` uploads it later."""

import trlib


class WandB:
    """Logs every batch, and the settings as the run's configuration."""

    def __init__(self, **init):
        self.init, self.run = init, None  # arguments of wandb.init, such as project and id

    def on_train_begin(self, run):
        import wandb

        self.run = wandb.init(config=run.settings, **self.init)

    def on_log(self, run, logs):
        self.run.log(logs, step=len(run.rows) - 1)

    def on_train_end(self, run):
        self.run.finish(exit_code=int(run.interrupted))


if __name__ == "__main__":
    policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
    method = trlib.algorithms.GRPO()
    trlib.train(policy, task, method, steps=20, callbacks=[WandB(project="trust-regions")])
