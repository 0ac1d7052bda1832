"""What `trlib.train` returns: the trained policy and the history of its training."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from trlib import __version__
from trlib.algorithms.method import Method
from trlib.arguments import as_json
from trlib.errors import MissingExtra, unknown
from trlib.loop.metrics import METRICS
from trlib.loop.optimizers import name_of
from trlib.loop.settings import PLACES, RunSettings
from trlib.loop.user_errors import defined_in
from trlib.model.folders import write
from trlib.model.policy import Policy
from trlib.tasks.task import Task
from trlib.user_files import origin

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANELS = (
    ("reward", ("reward",)),
    ("tokens", ("length",)),
    ("share of tokens", ("kept", "kept_pos", "kept_neg")),
    ("nats", ("kl", "kl_back", "entropy")),
    ("total variation", ("tv", "tv_max")),
    ("ratio", ("ratio_p01", "ratio_p99", "ratio_max")),
)
"""What `Run.plot` draws: a label and the history's columns, panel by panel."""
DASHES = ("-", "--", ":")
FILES = ("history.csv", "run.json")  #: What `Run.save` writes.
EXCERPT = ("reward", "length", "entropy", "kept", "kl", "tv_max", "ratio_max", "seconds")
"""The columns of `Run.excerpt`."""


@dataclass(repr=False)
class Run:
    """A finished, or interrupted, training run."""

    policy: Policy
    """The policy that was trained, in place."""
    rows: list[dict[str, float]]
    """One dict per batch, by the names of `trlib.loop.metrics.METRICS`."""
    prompt_rows: list[dict[str, Any]]
    """One dict per batch and prompt."""
    settings: dict[str, Any]
    """Everything that decides the run: arguments, method, task, policy, versions."""
    out: Path | None = None
    """Where it was saved."""
    interrupted: bool = False
    """Ctrl-C or SIGTERM ended it before its last batch."""
    signal: int | None = None
    """Which of them."""
    should_training_stop: bool = False
    """Set by a callback that asks to stop after this batch."""
    last: Any = field(default=None)
    """The last batch's completions."""

    @property
    def history(self) -> pd.DataFrame:
        """One row per batch: a column for each of `trlib.loop.metrics.METRICS` that the method
        shows, then the numbers of its memory."""
        import pandas as pd

        shown = dict.fromkeys(name for row in self.rows for name in row)
        columns = [name for name in METRICS if name in shown or not shown] + [
            n for n in shown if n not in METRICS
        ]
        frame = pd.DataFrame(
            self.rows, columns=columns, index=pd.RangeIndex(len(self.rows), name="batch")
        )
        return frame.fillna({"overlong": 0.0})  # a batch has it that has left some out

    @property
    def prompts(self) -> pd.DataFrame:
        """One row per batch and prompt: difficulty, mean reward and length, the share of
        completions that began with a part of an expert's answer, and `kl_seq_back` on the probe."""
        import pandas as pd

        columns = [
            "batch",
            "prompt",
            "text",
            "difficulty",
            "reward",
            "length",
            "guided",
            "kl_seq_back",
        ]
        return pd.DataFrame(self.prompt_rows, columns=columns)

    def plot(self, *columns: str) -> Figure:
        """The history over the batches as a figure of matplotlib, a small panel for each of the
        columns; none: all that matters, in six.

        Args:
            columns: of `history`, such as "reward" and "kl".
        Raises ValueError: a column that the history does not have (the nearest is suggested);
        MissingExtra: matplotlib is not installed."""
        history = self.history
        for column in columns:
            if column not in history:
                raise unknown("column", column, history.columns)
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise MissingExtra(
                "a figure needs matplotlib; `pip install matplotlib` installs it"
            ) from error

        wanted = [(named(column), (column,)) for column in columns] or PANELS
        across = len(columns) or 2
        down = -(-len(wanted) // across)
        figure, axes = plt.subplots(
            down, across, squeeze=False, figsize=(6.8, 2.1 * down), layout="constrained"
        )
        plt.close(figure)  # a notebook shows what a cell returns, and it once
        for ax, (label, shown) in zip(axes.flat, wanted, strict=True):
            drawn = [column for column in shown if column in history]
            for column, dash in zip(drawn, DASHES, strict=False):
                ax.plot(history.index, history[column], linestyle=dash, label=column)
            ax.set(ylabel=label, xlabel="batch")
            ax.margins(x=0)
            if len(drawn) > 1:
                ax.legend(fontsize="small")
        figure.suptitle(self._title(), fontsize="medium")
        return figure

    def save(self) -> None:
        """Write history.csv and run.json to `out`. The rows of `prompts` are in `history.jsonl`
        there, which the run has written batch by batch."""
        if self.out is not None:
            write(self.out / FILES[0], self.history.to_csv())
            self.save_settings()

    def save_settings(self) -> None:
        """Write run.json to `out`."""
        if self.out is not None:
            settings = {**self.settings, "interrupted": self.interrupted}
            write(self.out / FILES[1], json.dumps(settings, indent=2) + "\n")

    def _title(self) -> str:
        s = self.settings
        ended = ", interrupted" if self.interrupted else ""
        return (
            f"{s['method']['name']} on {s['task']['name']}, seed {s['seed']}, {len(self.rows)} "
            f"batches{ended}"
        )

    def __repr__(self) -> str:
        if not self.rows:
            return f"Run({self._title()})"
        first, last = self.rows[0]["reward"], self.rows[-1]["reward"]
        seconds = sum(row["seconds"] for row in self.rows)
        return f"Run({self._title()}: reward {first:.2f} -> {last:.2f} in {seconds:.1f} s)"

    def _repr_html_(self) -> str:
        import html

        shown = self.excerpt().drop(
            columns="seconds", errors="ignore"
        )  # a machine's, not the run's
        table = shown.to_html(float_format="{:.3g}".format, border=0)
        return f"<p><strong>{html.escape(repr(self))}</strong></p>{table}"

    def excerpt(self) -> pd.DataFrame:
        """About seven rows of the history, the first and the last among them, with the columns that
        say most."""
        shown = self.history.filter(items=EXCERPT)
        return shown.iloc[
            sorted({*range(0, len(shown), max(1, len(shown) // 6)), *range(len(shown))[-1:]})
        ]


def named(column: str) -> str:
    """A column of the history and its unit, for an axis."""
    unit = METRICS[column].unit if column in METRICS else column
    return column if unit == column else f"{column}, {unit}"


def record_of(policy: Policy, task: Task, method: Method, settings: RunSettings) -> dict[str, Any]:
    """Everything that decides a run, as JSON values."""
    import transformers

    versions = {"torch": torch.__version__, "python": platform.python_version()}
    record = {
        **{name: value for name, value in vars(settings).items() if name not in PLACES},
        "optimizer": name_of(settings.optimizer),
        "method": method_settings(method),
        "policy": policy.name,
        "versions": {
            "trust-region-book": __version__,
            **versions,
            "transformers": transformers.__version__,
        },
        "task": {"name": task.name, **task.settings},
        "parameters": policy.size,
        "model": policy.identity(),
        "task_file": origin(type(task)),
    }
    return json.loads(json.dumps(record))


def method_settings(method: Method) -> dict[str, Any]:
    """A method's name and settings, as JSON values.
    Raises TypeError: a setting that could not be saved with the run."""
    settings: dict[str, Any] = {"name": type(method).__name__}
    for f in fields(method):
        try:
            settings[f.name] = as_json(getattr(method, f.name))
        except TypeError as error:
            raise TypeError(
                f"{f.name}: expected a setting that can be saved with the run (a number, a string, "
                f"a list, None), got {error} in {type(method).__name__} ({defined_in(method)})"
            ) from None
    return settings
