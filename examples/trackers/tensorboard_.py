"""A run in TensorBoard: python tensorboard_.py; tensorboard --logdir runs/board

Needs `pip install tensorboard`. Copy the class: it is all that a run needs."""

import trlib


class TensorBoard:
    """Writes every number of the history, batch by batch."""

    def __init__(self, folder):
        self.folder, self.writer = folder, None

    def on_train_begin(self, run):
        from torch.utils.tensorboard import SummaryWriter

        # After a resume, what was logged beyond the checkpoint is replaced.
        self.writer = SummaryWriter(self.folder, purge_step=len(run.rows))
        self.writer.add_text("settings", str(run.settings))

    def on_log(self, run, logs):
        for name, value in logs.items():
            self.writer.add_scalar(name, value, len(run.rows) - 1)

    def on_train_end(self, run):
        self.writer.close()


if __name__ == "__main__":
    policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
    method = trlib.algorithms.GRPO()
    trlib.train(policy, task, method, steps=20, callbacks=[TensorBoard("runs/board")])
