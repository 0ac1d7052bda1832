"""How good a policy is at a task: accuracy, pass@k, distinct right answers, with intervals over
prompts."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from trlib import checks
from trlib.arguments import as_json
from trlib.checks import POSITIVE
from trlib.model.rollout import sample
from trlib.seeds import derive, generator
from trlib.tasks.data import task_of
from trlib.tasks.task import NEEDED, REASONS, check_task, checked_prompts, verify_batch

if TYPE_CHECKING:
    import pandas as pd

    from trlib.model.completions import Completions
    from trlib.model.policy import Policy
    from trlib.tasks import Prompt, Task, Verdict

RESAMPLES = 10_000  #: Bootstrap resamples of the prompts.
MOST_RESAMPLES = 1_000_000
"""The most that `bootstrap` accepts: more would not change the interval, and take memory in
proportion."""
MOST_PROMPTS = 1_000_000
"""The most prompts that `evaluate` draws: each is kept, and an interval of so many is 0.002 wide."""
CONFIDENCE = 0.95  #: Coverage of the intervals.
PATIENCE = 10  #: Seconds before an evaluation shows a bar.


@dataclass(frozen=True)
class Estimate:
    """A mean over prompts with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        value = f"{self.value:{spec}}"
        if math.isnan(self.low):  # one value has no interval
            return value
        return f"{value} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return f"{self:.3f}"


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What `evaluate` measured.

    Intervals are 95 % percentile bootstraps over prompts: how far another draw of prompts would
    move the number. If all prompts agree, they have no width."""

    policy: str  #: The policy's name.
    task: dict[str, Any]  #: The task's settings, its name among them.
    settings: dict[str, Any]  #: prompts, samples, temperature, max_tokens, seed.
    greedy: Estimate  #: Share of prompts whose greedy completion is right.
    sampled: Estimate  #: Share of sampled completions that are right.
    pass_at: dict[int, Estimate]  #: k -> probability that one of k samples is right, unbiased.
    distinct: Estimate  #: Different right completions among a prompt's samples.
    length: Estimate  #: Tokens of a sampled completion, its end token included.
    reasons: dict[str, float]
    """Share of the sampled completions by the verifier's reason: the common ones, then a task's
    own."""
    prompts: pd.DataFrame = field(compare=False)
    """One row per prompt: prompt, answer, difficulty, greedy (right?), right, distinct, best (is the
    sample with the highest reward right?), length, greedy_completion."""

    def as_dict(self) -> dict[str, Any]:
        """Everything but the frame of prompts, as JSON values."""
        return {f.name: as_json(getattr(self, f.name)) for f in fields(self) if f.name != "prompts"}

    def _rows(self) -> list[tuple[str, Estimate, str]]:
        passes = [(f"pass@{k}", e, f"at least one of {k} right") for k, e in self.pass_at.items()]
        return [
            ("greedy", self.greedy, "right without sampling"),
            ("sampled", self.sampled, "right when sampled"),
            *passes,
            ("distinct", self.distinct, "different right completions per prompt"),
            ("length", self.length, "tokens per completion"),
        ]

    def _around(self) -> tuple[str, str]:
        """The text above the rows, and the text below them."""
        s = self.settings
        asked = (
            f"{s['prompts']} prompts, {s['samples']} samples each at temperature "
            f"{s['temperature']:g}"
        )
        above = f"Evaluation of {self.policy} on {self.task['name']}: {asked}, seed {s['seed']}"
        return above, ", ".join(f"{reason} {share:.1%}" for reason, share in self.reasons.items())

    def __repr__(self) -> str:
        above, below = self._around()
        lines = [
            f"  {name:<9} {e.value:6.3f}  [{e.low:.3f}, {e.high:.3f}]  {what}"
            for name, e, what in self._rows()
        ]
        return "\n".join([above, *lines, f"  {below}"])

    def _repr_html_(self) -> str:
        above, below = map(html.escape, self._around())
        cell = (
            "<tr><th>{0}</th><td>{1.value:.3f}</td><td>{1.low:.3f} to "
            "{1.high:.3f}</td><td>{2}</td></tr>"
        )
        rows = "".join(cell.format(*row) for row in self._rows())
        head = "<tr><th></th><th>mean</th><th>95 % interval</th><th></th></tr>"
        return (
            f"<p>{above}</p><table><thead>{head}</thead><tbody>{rows}</tbody></table><p>{below}</p>"
        )


def pass_at_k(right: Sequence[int] | np.ndarray, samples: int, k: int) -> np.ndarray:
    """Probability that at least one of k completions is right, for each prompt, if `right` of its
    `samples` are.

    pass@k = 1 - C(n-c, k) / C(n, k) = 1 - Π_{i=n-c+1..n} (1 - k/i),   n = samples, c = right

    Unbiased; computed as a sum of logarithms, so it is exact where the binomials would overflow.

    Args:
        right: [N] int, 0 to `samples`.
        samples: completions drawn for each prompt.
        k: 1 to `samples`; beyond that no unbiased estimate exists.
    Raises ValueError: k or `right` outside that range.
    Source: Chen et al. 2021, arXiv 2107.03374, section 2.1."""
    samples, k = checks.whole("samples", samples, least=1), checks.whole("k", k, least=1)
    if k > samples:
        raise ValueError(
            f"k: expected at most samples = {samples} (pass@k needs k different samples), got {k}"
        )
    count = np.asarray(right)
    if count.ndim != 1 or not np.issubdtype(count.dtype, np.integer):
        raise TypeError(f"right: expected whole numbers [N], got {count.dtype} {list(count.shape)}")
    if count.size and (count.min() < 0 or count.max() > samples):
        raise ValueError(
            f"right: expected 0 to samples = {samples}, got {count.min()} to {count.max()}"
        )
    with np.errstate(divide="ignore"):
        logs = np.log1p(-np.minimum(k / np.arange(samples, 0, -1), 1.0))
    return -np.expm1(np.concatenate([[0.0], np.cumsum(logs)]))[count]


def bootstrap(
    values: np.ndarray, *, seed: int, level: float = CONFIDENCE, resamples: int = RESAMPLES
) -> list[Estimate]:
    """The mean of each column with its percentile bootstrap interval, rows drawn with replacement.

    Columns share their resamples. A column that is constant has an interval of width 0, never NaN.

    Args:
        values: [N, M] finite numbers, one row per prompt.
        seed: of the resamples.
        level: coverage, between 0 and 1.
        resamples: how many, at most MOST_RESAMPLES.
    Raises TypeError, ValueError: no rows, no numbers, one that is not finite, a level outside (0,
    1), resamples too few or too many.
    Source: Efron and Tibshirani 1993, chapter 13."""
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"values: expected numbers [N, M], got {values!r}") from error
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"values: expected [N, M] with at least one row and column, got {list(values.shape)}"
        )
    if not np.isfinite(values).all():
        raise ValueError("values: expected finite numbers, got NaN or inf")
    level = checks.number("level", level, above=0, below=1)
    resamples = checks.whole("resamples", resamples, least=1, most=MOST_RESAMPLES)
    rng, n = np.random.default_rng(checks.whole("seed", seed, least=0)), len(values)
    block = max(1, 4_000_000 // n)  # resamples at a time: bounds the memory of their counts
    means = []
    for start in range(0, resamples, block):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=min(block, resamples - start))
        means.append(counts @ values / n)
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2], axis=0)
    mean = values.mean(0)
    # Rounding in the resampled sums may put a constant column's bounds an ulp off its mean.
    return [
        Estimate(float(m), float(min(lo, m)), float(max(hi, m)))
        for m, lo, hi in zip(mean, low, high, strict=True)
    ]


def evaluate(
    policy: Policy,
    task: Task,
    *,
    prompts: int | Sequence[Prompt] = 256,
    samples: int = 8,
    temperature: float = 1.0,
    ks: Sequence[int] | None = None,
    seed: int = 0,
    max_tokens: int | None = None,
    batch: int = 2048,
    reward: Any = None,
    progress: bool = True,
) -> Evaluation:
    """Measure a policy on prompts that training does not draw from.

    Each prompt is answered once greedily and `samples` times at `temperature`.

    Args:
        policy: the policy to measure.
        task: gives the prompts and verifies the completions; or a data set, with a `reward`.
        prompts: how many, drawn from seeds that training does not use; or the prompts themselves.
            A data set with fewer rows gives each of them once.
        samples: sampled completions per prompt.
        temperature: of the samples, above 0.
        ks: the k of pass@k, each at most `samples`; None: 1, 2, 4, ... up to `samples`.
        seed: of prompts, samples and intervals; with the same seed every policy gets the same
            prompts.
        max_tokens: the longest completion; None: the task's limit.
        batch: completions computed at a time.
        reward: for a data set: a reward function in TRL's signature, or several whose rewards are added
            (`trlib.tasks.DataTask`).
        progress: show a bar, if it takes longer than ten seconds.
    Raises TypeError, ValueError: an argument of the wrong type or out of its range.
    In the book: :eq:`policy-objective`."""
    if not hasattr(policy, "name"):
        raise TypeError(
            f"policy: expected a policy such as trlib.load_policy('dial'), got {policy!r}"
        )
    task = task_of(task, reward)
    check_task(task, ("prompts", "verify", "settings") if max_tokens is not None else NEEDED)
    samples = checks.whole("samples", samples, least=1)
    batch = checks.whole("batch", batch, least=1)
    seed = checks.whole("seed", seed, least=0)
    temperature = checks.number("temperature", temperature, **POSITIVE)
    ks = _ks(ks, samples)
    chosen = _prompts(task, prompts, seed)
    limit = (
        task.max_tokens if max_tokens is None else checks.whole("max_tokens", max_tokens, least=1)
    )
    with _bar(len(chosen) * (1 + samples), progress) as bar:
        greedy = _answers(policy, task, chosen, 1, 0.0, limit, seed, batch, bar)
        drawn = _answers(policy, task, chosen, samples, temperature, limit, seed, batch, bar)
    frame = _frame(chosen, greedy, drawn, samples)
    passed = (pass_at_k(frame["right"].to_numpy(), samples, k) for k in ks)
    columns = [
        frame["greedy"],
        frame["right"] / samples,
        frame["distinct"],
        frame["length"],
        *passed,
    ]
    estimates = bootstrap(
        np.stack(columns, 1).astype(np.float64), seed=derive(seed, "evaluate", "bootstrap")
    )
    reasons = [verdict.reason for _, verdict, _ in drawn]
    drawing = {"temperature": temperature, "max_tokens": limit, "seed": seed}
    return Evaluation(
        policy=policy.name,
        task={"name": task.name, **task.settings},
        settings={"prompts": len(chosen), "samples": samples, **drawing},
        **dict(zip(("greedy", "sampled", "distinct", "length"), estimates[:4], strict=True)),
        pass_at=dict(zip(ks, estimates[4:], strict=True)),
        reasons={
            reason: reasons.count(reason) / len(reasons)
            for reason in dict.fromkeys([*REASONS, *reasons])
        },
        prompts=frame,
    )


def _bar(completions: int, shown: bool) -> Any:
    from tqdm.auto import tqdm

    how = {"leave": False, "dynamic_ncols": True, "delay": PATIENCE, "disable": not shown}
    return tqdm(total=completions, desc="evaluation", unit="completion", **how)


def _prompts(task: Task, prompts: int | Sequence[Prompt], seed: int) -> list[Prompt]:
    if isinstance(prompts, Number):
        n = checks.whole("prompts", prompts, least=1, most=MOST_PROMPTS)
        n = min(n, getattr(task, "most_prompts", n))
        return checked_prompts(task.prompts(n, seed=derive(seed, "evaluate", "prompts")), n)
    if not isinstance(prompts, Sequence) or isinstance(prompts, str):
        raise TypeError(
            f"prompts: expected a number or a list of prompts, got {type(prompts).__name__}"
        )
    if len(prompts) == 0:
        raise ValueError(
            "prompts: expected a number or a list of at least one prompt, got an empty one"
        )
    return checked_prompts(list(prompts), len(prompts))


def _answers(
    policy: Policy,
    task: Task,
    prompts: list[Prompt],
    group: int,
    temperature: float,
    limit: int,
    seed: int,
    batch: int,
    bar: Any,
) -> list[tuple[str, Verdict, int]]:
    """Text, verdict and length of `group` completions of each prompt."""
    rng, step = generator(seed, "evaluate", "sample"), max(1, batch // group)
    answers: list[tuple[str, Verdict, int]] = []
    for start in range(0, len(prompts), step):
        part = prompts[start : start + step]
        completions: Completions = sample(
            policy,
            [prompt.text for prompt in part],
            group=group,
            temperature=temperature,
            max_tokens=limit,
            seed=rng,
            ends_at=getattr(task, "ends_at", None),
        )
        judged = verify_batch(task, part, completions)
        lengths = completions.lengths.tolist()
        answers.extend(zip(completions.texts(), judged, lengths, strict=True))
        bar.update(len(completions))
    return answers


def _frame(prompts: list[Prompt], greedy: list, drawn: list, samples: int) -> pd.DataFrame:
    import pandas as pd

    of_prompt = [drawn[i * samples : (i + 1) * samples] for i in range(len(prompts))]
    right = [[text for text, verdict, _ in answers if verdict.right] for answers in of_prompt]
    columns = {
        "prompt": [prompt.text for prompt in prompts],
        "answer": [prompt.answer for prompt in prompts],
        "difficulty": [prompt.difficulty for prompt in prompts],
        "greedy": [verdict.right for _, verdict, _ in greedy],
        "right": [len(texts) for texts in right],
        "distinct": [len(set(texts)) for texts in right],
        "best": [max(answers, key=lambda one: one[1].reward)[1].right for answers in of_prompt],
        "length": [sum(length for _, _, length in answers) / samples for answers in of_prompt],
        "greedy_completion": [text for text, _, _ in greedy],
    }
    return pd.DataFrame(columns)


def _ks(ks: Sequence[int] | None, samples: int) -> list[int]:
    if ks is None:
        return [2**i for i in range(samples.bit_length())]
    if isinstance(ks, str) or not isinstance(ks, Iterable):
        raise TypeError(f"ks: expected a list of whole numbers, got {ks!r}")
    wanted = {checks.whole("ks", k, least=1) for k in ks}
    if not wanted or max(wanted) > samples:
        needed, got = "pass@k needs k different samples", max(wanted, default="none")
        raise ValueError(
            f"ks: expected numbers from 1 to samples = {samples} ({needed}), got {got}"
        )
    return sorted(wanted)
