"""Runs beside each other: `trlib.load_run` and `trlib.compare`."""

from __future__ import annotations

import json
import lzma
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlib.arguments import whole
from trlib.errors import CheckpointError, MissingExtra, unknown
from trlib.evaluation import CONFIDENCE, bootstrap
from trlib.loop.saving import history
from trlib.loop.saving.run import DASHES, FILES, Run, named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DRAWN = ("reward", "length", "kl", "entropy")  #: What `Compared.plot` draws by default.
RESAMPLES = 2000
RECORD = FILES[-1]  #: The file with a run's settings.
SWEEP = ("runs.csv.xz", "history.csv.xz")  #: The tables of a sweep's folder.


def load_run(folder: str | os.PathLike[str]) -> Run:
    """A run from the folder that it was saved in: its history, prompts and settings.

    Its `policy` is None; `trlib.load_policy(folder)` loads the trained model.
    Raises CheckpointError: the folder holds no run, or a damaged one."""
    at = Path(folder).expanduser()
    record = at / RECORD
    try:
        settings = json.loads(record.read_text(encoding="utf-8"))
        _ = settings["method"]["name"], settings["task"]["name"]
        rows, prompts = history.read(at)
        if not rows:  # until 1.0.0rc1 a run kept its history in tables alone
            rows, prompts = _table(at / "history.csv"), _table(at / "prompts.csv")
    except FileNotFoundError as error:
        raise CheckpointError(
            f"run: expected the folder of a run (train(out=...), --out), got {str(at)!r} without "
            f"{Path(error.filename).name}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"run: expected a run in {str(at)!r}, got a damaged file ({error})"
        ) from error
    nobody: Any = None
    return Run(nobody, rows, prompts, settings, at, bool(settings.pop("interrupted", False)))


def _table(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, each without what is empty there."""
    import pandas as pd

    frame = pd.read_csv(path).to_dict("records")
    return [{str(k): v for k, v in row.items() if not _missing(v)} for row in frame]


def arms(folder: Path) -> list[Run]:
    """The arms of a sweep's folder, each as one run: its history is the mean over the seeds that
    have ended, and every seed counts as a prompt.

    Raises CheckpointError: a damaged table."""
    import pandas as pd

    try:
        cells, long = (pd.read_csv(folder / name) for name in SWEEP)
        long = long.set_index(["metric", "batch"])
        cells = cells[cells["cell"].isin(long.columns)]
        found = []
        for _, arm in cells.groupby(["label", "train", "task", "steps"], sort=False):
            first, each = arm.iloc[0], long[[*arm["cell"]]]
            rows = each.mean(axis=1).unstack("metric").sort_index().to_dict("records")
            seeds = each.set_axis(pd.Index([*arm["seed"]], name="prompt"), axis=1)
            seeds = seeds.stack().unstack("metric").reset_index()
            settings = {
                "method": {"name": first["label"], **json.loads(first["settings"])},
                "task": json.loads(first["task"]),
                **json.loads(first["train"]),
                "seeds": len(arm),
            }
            prompts = seeds.to_dict("records")
            nobody: Any = None
            found.append(Run(nobody, rows, prompts, settings))
    except (OSError, ValueError, KeyError, TypeError, EOFError, lzma.LZMAError) as error:
        raise CheckpointError(
            f"runs: expected a sweep's tables in {str(folder)!r}, got a damaged file ({error})"
        ) from error
    return found


def compare(*runs: Run | str | os.PathLike[str], last: int = 10) -> Compared:
    """Runs beside each other: the settings that differ, their curves, and how each ends.

    Args:
        runs: what `trlib.train` returns, or folders of runs; a sweep's folder (`trlib sweep`) stands for
            its arms, each the mean over its seeds.
        last: batches at the end over which means are taken.

    The result is a table in a terminal, and tables with a figure in a notebook.

    Raises CheckpointError: a folder without a run. TypeError, ValueError: something else, or no
    run."""
    if not runs:
        raise ValueError("runs: expected at least one run, got none")
    whole("last", last, least=1)
    for i, run in enumerate(runs):
        if not isinstance(run, Run | str | os.PathLike):
            raise TypeError(f"runs[{i}]: expected a run or its folder, got {type(run).__name__}")
    loaded: list[Run] = []
    for run in runs:
        if isinstance(run, Run):
            loaded.append(run)
        elif all((Path(run).expanduser() / name).exists() for name in SWEEP):
            loaded += arms(Path(run).expanduser())
        else:
            loaded.append(load_run(run))
    names = [_name(run, i) for i, run in enumerate(loaded)]
    if len(set(names)) < len(names):
        names = [f"{i}: {name}" for i, name in enumerate(names)]
    return Compared(dict(zip(names, loaded, strict=True)), last)


@dataclass(frozen=True, repr=False)
class Compared:
    """What `compare` returns."""

    runs: Mapping[str, Run]  #: The runs by their names: the folder, or the method and the seed.
    last: int  #: Batches at the end over which means are taken.

    @property
    def settings(self) -> pd.DataFrame:
        """The settings that differ, a row each, with a column for every run (–: it has no such
        setting)."""
        import pandas as pd

        flat = {name: dict(_flat(run.settings)) for name, run in self.runs.items()}
        keys = dict.fromkeys(key for one in flat.values() for key in one)
        differ = [key for key in keys if len({repr(one.get(key)) for one in flat.values()}) > 1]
        columns = {name: [one.get(key, "–") for key in differ] for name, one in flat.items()}
        return pd.DataFrame(columns, index=pd.Index(differ, name="setting"), dtype=object)

    @property
    def ends(self) -> pd.DataFrame:
        """How each run ends, a row each: batches, the means of the last ones, and the interval of
        the reward.

        The interval is a 95 % bootstrap over the prompts of these batches: how far other prompts
        would have moved the mean. It says nothing about other seeds. For an arm of a sweep it is one
        over its seeds."""
        import pandas as pd

        rows = {}
        for name, run in self.runs.items():
            every, final = run.history, run.history.iloc[-self.last :]
            row: dict[str, Any] = {"batches": len(every)}
            row |= _reward(run, final.index)
            for column in ("length", "entropy", "kl"):
                row[column] = final[column].mean() if column in final else math.nan
            measured = every.get("eval_greedy", pd.Series(dtype=float)).dropna()
            if len(measured):
                row["eval_greedy"] = measured.iloc[-1]
            rows[name] = row
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")

    def plot(self, *columns: str) -> Figure:
        """The curves of the runs over each other, a panel for each column of the history; none:
        reward, length, KL divergence and entropy. Behind the mean of an arm's seeds lies a band from
        the lowest to the highest of them.
        Raises ValueError: a column that no run has; MissingExtra: matplotlib is not installed."""
        import pandas as pd

        histories = {name: run.history for name, run in self.runs.items()}
        known = dict.fromkeys(c for frame in histories.values() for c in frame)
        for column in columns:
            if column not in known:
                raise unknown("column", column, known)
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise MissingExtra(
                "a figure needs matplotlib; `pip install matplotlib` installs it"
            ) from error

        wanted = columns or tuple(column for column in DRAWN if column in known)
        down = -(-len(wanted) // 2)
        figure, axes = plt.subplots(
            down,
            min(2, len(wanted)),
            squeeze=False,
            figsize=(6.8, 2.2 * down),
            layout="constrained",
        )
        plt.close(figure)  # a notebook shows what a cell returns, and it once
        for ax, column in zip(axes.flat, wanted, strict=False):
            for i, (name, frame) in enumerate(histories.items()):
                if column in frame:
                    known_here = frame[column].dropna()
                    ax.plot(
                        known_here.index, known_here, label=name,
                        linestyle=DASHES[i % len(DASHES)], color=f"C{i}",
                    )  # fmt: skip
                if _arm(self.runs[name]) and column in frame:
                    of_seeds = pd.DataFrame(self.runs[name].prompt_rows).groupby("batch")[column]
                    low, high = of_seeds.min(), of_seeds.max()
                    ax.fill_between(low.index, low, high, color=f"C{i}", alpha=0.15, linewidth=0)
            ax.set(ylabel=named(column), xlabel="batch")
            ax.margins(x=0)
            ax.xaxis.get_major_locator().set_params(integer=True)
        for ax in axes.flat[len(wanted) :]:
            ax.set_axis_off()
        named_lines = axes.flat[0].get_legend_handles_labels()
        figure.legend(*named_lines, loc="outside lower center", ncols=4, fontsize="small")
        return figure

    def __repr__(self) -> str:
        settings = self.settings
        differ = settings.to_string() if len(settings) else "no setting differs"
        over = {"seeds" if _arm(run) else "their prompts" for run in self.runs.values()}
        batches = min(self.last, max(len(run.history) for run in self.runs.values()))
        of = f"means of the last {batches} batches; {CONFIDENCE:.0%} intervals over {' or '.join(sorted(over))}"
        return f"{differ}\n\n{self._shown().to_string()}\n{of}"

    def _repr_html_(self) -> str:
        import base64
        import io

        tables = "".join(one.to_html(border=0) for one in (self.settings, self._shown()))
        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=110)
        data = base64.b64encode(picture.getvalue()).decode()
        names = ", ".join(self.runs)
        return f'{tables}<img alt="Curves of {_escaped(names)}" src="data:image/png;base64,{data}">'

    def _shown(self) -> pd.DataFrame:
        """`ends` as text: the reward with its interval in one cell."""
        ends = self.ends
        text = [
            f"{r:.3f} [{low:.3f}, {high:.3f}]"
            for r, low, high in zip(ends["reward"], ends["low"], ends["high"], strict=True)
        ]
        shown = ends.drop(columns=["low", "high"]).assign(reward=text)
        numbers = [c for c in shown if c not in ("batches", "reward")]
        return shown.assign(**{str(c): shown[c].map("{:.3g}".format) for c in numbers})


def _reward(run: Run, batches: Sequence[int]) -> dict[str, float]:
    """The mean reward of some batches with its interval over prompts."""
    import numpy as np

    of_these = run.prompts[run.prompts["batch"].isin(list(batches))]
    rewards = of_these.groupby("prompt")["reward"].mean() if _arm(run) else of_these["reward"]
    some = rewards.dropna().to_numpy(float)
    if not len(some):
        return dict.fromkeys(("reward", "low", "high"), math.nan)
    found = bootstrap(np.asarray(some)[:, None], seed=0, resamples=RESAMPLES)[0]
    return {"reward": found.value, "low": found.low, "high": found.high}


def _flat(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """A record's settings with dotted names: method.eps_high."""
    found: list[tuple[str, Any]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{above}{key}.")
        else:
            found.append((f"{above}{key}", value))
    return found


def _arm(run: Run) -> bool:
    """Whether a run stands for the seeds of a sweep's arm."""
    return "seeds" in run.settings


def _name(run: Run, number: int) -> str:
    if run.out is not None:
        return run.out.name
    s = run.settings
    if _arm(run):
        return str(s["method"]["name"])
    return f"{s['method']['name']}, seed {s['seed']}"


def _missing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _escaped(text: str) -> str:
    import html

    return html.escape(text, quote=True)
