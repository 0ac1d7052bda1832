"""What lines of a training log say: `trlib diagnose --log`.

The rules are data, `trlib/log_rules.json`, which the book's page reads too (`book/_static/log.js`
computes the same). What is not in the log or in the settings is not judged."""

from __future__ import annotations

import csv
import json
import math
import operator
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import Any, NamedTuple

RULES: dict[str, Any] = json.loads(
    files("trlib").joinpath("log_rules.json").read_text(encoding="utf-8")
)
NUMBER = r"[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+|inf(?:inity)?|nan)"
# A completion of a collapsed policy may be one word of megabytes: a key begins where no word goes on.
PAIR = re.compile(
    rf"""(?<![\w/@.-])["']?([a-z_][\w/@.-]*)["']?\s*[:=]\s*["']?(?:np\.float\d+\()?({NUMBER})(?![\w.])""",
    re.I,
)
"""A key and its number: a dictionary of Python, JSON, or verl's `step:1 - actor/pg_loss:0.1`."""
SETTING = re.compile(
    r"""(?<![\w.-])(?:--([\w.-]+)[\s=]+|([a-z_][\w.]*)["']?\s*[:=]\s*)["']?([\w.+-]+)(?![\w$({])""",
    re.I,
)
NAMES: dict[str, str] = {key: name for name, keys in RULES["series"].items() for key in keys}
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MOST = 1e9  #: A setting that counts something and is larger, or not finite, says nothing.
TREND = 6  #: Lines from which on the first third is compared with the last.


class Statement(NamedTuple):
    """A sentence about the log, and the question that explains it, as `page: question`."""

    sentence: str
    see: str


def read(text: str) -> dict[str, list[float]]:
    """The numbers of a log by the names of `RULES["series"]`, in the order of its lines."""
    by_name: dict[str, list[float]] = {}
    spelt: dict[str, str] = {}  # a log may have two keys of one name: the first one counts
    for key, number in _table(text) or PAIR.findall(_unwrapped(text)):
        name = NAMES.get(_key(key))
        if name is not None and spelt.setdefault(name, _key(key)) == _key(key):
            by_name.setdefault(name, []).append(float(number))
    return by_name


def _key(name: str) -> str:
    """A column's or a key's name as `RULES` has it: of a tracker's the last part."""
    name = name.split(" - ")[-1].strip().replace(" / ", "/").removeprefix("train/")
    return {"Step": "step", "Training Loss": "loss"}.get(name, name)


def _unwrapped(text: str) -> str:
    """A terminal breaks a line inside a key or a number: what makes a key together is joined."""

    def joined(match: re.Match[str]) -> str:
        whole = match[1] + match[2]
        return whole if _key(whole) in NAMES else match[0]

    text = re.sub(
        r"(?<![\w/@.-])([a-z_][\w/@.-]{0,99})\r?\n([\w/@.-]{1,99})", joined, text, flags=re.I
    )
    return re.sub(r"(: ?[-\d.e]{1,30})\r?\n([-\d.e]{1,30}(?: - |[,}]))", r"\1\2", text, flags=re.I)


def _table(text: str) -> list[tuple[str, str]]:
    """The cells of a CSV, or of the table that a notebook prints, by their column; empty: it is
    none."""
    lines = [line for line in text.splitlines() if line.strip()]
    head = next((line for line in lines if len(_known(line)) > 1 and not PAIR.search(line)), None)
    if head is None:
        return []
    keys = [_key(cell) for cell in _cells(head, _mark(head))]
    whole = re.compile(NUMBER, re.I)
    rows = [_cells(line, _mark(head)) for line in lines[lines.index(head) + 1 :]]
    return [
        (key, cell)
        for row in rows
        if len(row) == len(keys)
        for key, cell in zip(keys, row, strict=True)
        if whole.fullmatch(cell)
    ]


def _known(line: str) -> set[str]:
    """The columns that a head has and `RULES` knows."""
    return {NAMES[key] for key in map(_key, _cells(line, _mark(line))) if key in NAMES}


def _mark(head: str) -> str | None:
    return next((mark for mark in ("|", "\t", ",") if mark in head), None)


def _cells(line: str, mark: str | None) -> list[str]:
    if mark is None:
        return line.replace("Training Loss", "loss").split()
    csv.field_size_limit(1 << 30)
    cells = next(csv.reader([line])) if mark == "," else line.strip().strip("|").split(mark)
    return [cell.strip() for cell in cells]


def read_settings(text: str) -> dict[str, float | str]:
    """The settings that rules ask about, by their last name; of the critic none."""
    settings: dict[str, float | str] = {}
    for flag, key, value in SETTING.findall(text):
        name = (flag or key).replace("-", "_")
        if not name.startswith("critic.") and name.split(".")[-1] in RULES["settings"]:
            number = re.fullmatch(NUMBER, value, re.I)
            settings[name.split(".")[-1]] = float(value) if number else value.lower()
    return settings


def updates(settings: Mapping[str, float | str]) -> float | None:
    """Updates per batch by the settings of TRL or verl; None: they do not say."""

    def number(name: str) -> float | None:
        value = settings.get(name)
        return value if isinstance(value, float) and 0 < value < MOST else None

    batch, mini = number("train_batch_size"), number("ppo_mini_batch_size")
    if batch and mini:
        return math.ceil(batch / mini) * (number("ppo_epochs") or 1.0)
    iterations, steps = number("num_iterations"), number("steps_per_generation")
    accumulated = number("gradient_accumulation_steps")
    if (steps and not accumulated) or not (iterations or steps):
        return None
    share = steps / accumulated if steps and accumulated else 1.0
    return max(1.0, math.floor(share * (iterations or 1.0)))


def measured(series: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The statistics of each series, `NAME.STATISTIC`."""
    known: dict[str, float] = {}
    for name, values in series.items():
        good = [value for value in values if math.isfinite(value)]
        known[f"{name}.n"] = len(values)
        known[f"{name}.broken"] = len(values) - len(good)
        if not good:
            continue
        known[f"{name}.low"], known[f"{name}.high"] = min(good), max(good)
        known[f"{name}.mean"] = sum(good) / len(good)
        known[f"{name}.size"] = max(map(abs, good))
        known[f"{name}.below"] = sum(value < 0 for value in good)
        known[f"{name}.above"] = sum(value > 0 for value in good)
        if len(good) >= TREND:
            third = len(good) // 3
            begin, end = good[:third], good[-third:]
            first, last = sum(begin) / third, sum(end) / third
            spread = sum((x - first) ** 2 for x in begin) + sum((x - last) ** 2 for x in end)
            error = math.sqrt(spread / (third * max(third - 1, 1)))
            known[f"{name}.begin"], known[f"{name}.end"] = first, last
            if first:
                known[f"{name}.kept"] = last / first
            floor = 1e-12 + 1e-3 * max(abs(first), abs(last))
            known[f"{name}.trend"] = (last - first) / (error + floor)
    return known


def judge(text: str, settings: str = "") -> tuple[list[str], list[Statement]]:
    """What was recognised, and what follows from it by the rules.

    Args:
        text: lines of a log: dictionaries of Python, JSON lines, verl's console, a CSV, or the table
            that a notebook prints.
        settings: of the run, as `key=value`, `key: value` or `--key value`.
    """
    series, chosen = read(text), read_settings(settings)
    known: dict[str, float | str] = {**measured(series), **chosen}
    count = updates(chosen)
    if count is not None:
        known["updates"] = count
    recognised = [f"{name} ({len(values)})" for name, values in series.items()]
    recognised += [f"{name} = {shown(value)}" for name, value in chosen.items()]
    if count is not None:
        recognised.append(f"updates per batch = {shown(count)}")
    messages = [
        Statement(_filled(rule["say"], known), rule["see"])
        for rule in RULES["rules"]
        if all(holds(known, *condition) for condition in rule["when"])
    ]
    return recognised, messages


def holds(known: Mapping[str, float | str], name: str, how: str, value: float | str) -> bool:
    found = known.get(name)
    if how == "unknown":
        return found is None
    wanted = known.get(value, value) if isinstance(value, str) else value
    if how == "!=":
        return found != wanted
    return (
        found is not None
        and isinstance(found, str) == isinstance(wanted, str)
        and bool(COMPARE[how](found, wanted))
    )


def _filled(sentence: str, known: Mapping[str, float | str]) -> str:
    def value(match: re.Match[str]) -> str:
        number = known[match[1]]
        return f"{shown(100 * float(number))} percent" if match[2] else shown(number)

    return re.sub(r"\{([\w.]+)(\|%)?\}", value, sentence)


def shown(value: float | str) -> str:
    """A number with three digits, a whole one with all; the same in JavaScript."""
    if not isinstance(value, str) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) or (value == int(value) and abs(value) < 1e6):
        return value if isinstance(value, str) else str(int(value))
    exact = Decimal(value)
    place = exact.adjusted()
    short = exact.quantize(Decimal((0, (1,), place - 2)), ROUND_HALF_UP)
    place = short.adjusted()
    if -4 < place < 6:
        text = f"{short:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits = f"{float(short):.2e}".partition("e")[0].rstrip("0").rstrip(".")
    return f"{digits}e{place}"


def text(recognised: Sequence[str], messages: Sequence[Statement]) -> str:
    """The judgement for a terminal."""
    if not recognised:
        return (
            "Nothing was recognised. Expected lines with keys of TRL or verl, such as "
            "'loss': 0.1, actor/pg_loss:0.1, or a CSV or a table of them."
        )
    lines = [f"recognised: {', '.join(recognised)}", ""]
    for sentence, see in messages:
        page, _, question = see.partition(": ")
        lines += [f"- {sentence}", f"  book/questions/{page}: {question}"]
    return "\n".join(
        lines if messages else [*lines, "No rule applies. That does not mean that all is well."]
    )
