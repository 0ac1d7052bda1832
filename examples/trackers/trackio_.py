"""A run in trackio: python trackio_.py; trackio show --project trust-regions

Needs `pip install trackio`. It keeps everything on this machine, in TRACKIO_DIR."""

import trlib


class Trackio:
    """Logs every batch, and the settings as the run's configuration."""

    def __init__(self, project, **init):
        self.project, self.init = project, init

    def on_train_begin(self, run):
        import trackio

        trackio.init(project=self.project, config=run.settings, **self.init)

    def on_log(self, run, logs):
        import trackio

        trackio.log(logs, step=len(run.rows) - 1)

    def on_train_end(self, run):
        import trackio

        trackio.finish()


if __name__ == "__main__":
    policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
    method = trlib.algorithms.GRPO()
    trlib.train(policy, task, method, steps=20, callbacks=[Trackio("trust-regions")])
