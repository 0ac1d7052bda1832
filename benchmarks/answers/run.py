"""Three readers of final answers, on GSM8K's solutions and on the odd cases of our tests.

    pip install math-verify==0.9.0
        into an environment that is not this one's
    TRLIB_GSM8K=folder python -m benchmarks.answers.run
        train.jsonl and test.jsonl stand in the folder
    python -m benchmarks.answers.run --table                writes the recorded table again

`trlib.tasks.answers`; math-verify on the whole text; math-verify behind the last mark (`####`,
`\\boxed`, "answer is", "Answer:"). A solution ends in each of three forms with its answer, and in
the first with that answer plus 1, which has to be refused. Times are the processor's, over the
first solutions. Writes `run.json` beside this file, and the table into `README.md` between its
marks.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from benchmarks.record import circumstances, parser, placed, refill, write
from tools.paths import ROOT
from trlib.tasks import load_task
from trlib.tasks.answers import judge

HERE = Path(__file__).parent
MARKS = ("####", "\\boxed", "answer is", "nswer:")
FORMS: dict[str, str] = {"#### N": "{}\n#### {}", "boxed N": "{}\n\\boxed{{{}}}", "no mark": "{}"}
TIMED = 300
"""Solutions over which a reader is timed."""
Reader = Callable[[str, str], bool]


def ours(text: str, answer: str) -> bool:
    """`trlib.tasks.answers`."""
    return judge(text, answer, ended=True).reason == "right"


def math_verify(text: str, answer: str) -> bool:
    """math-verify, by its defaults."""
    from math_verify import parse, verify

    return bool(verify(_gold(answer), parse(text)))


@functools.cache
def _gold(answer: str) -> Any:
    from math_verify import parse

    percent = answer.replace("%", r"\%")
    return parse(f"${percent}$")


def whole(text: str) -> str:
    """All of it."""
    return text


def behind_the_mark(text: str) -> str:
    """What stands behind the last mark, the mark of a box included; all of a text without marks."""
    at, mark = max((text.rfind(mark), mark) for mark in MARKS)
    return text if at < 0 else text[at + (0 if mark == "\\boxed" else len(mark)) :]


known = functools.cache(math_verify)
"""The same, once for each text: many solutions end alike."""
READERS: dict[str, tuple[Callable[[str], str], Reader, Reader]] = {
    "trlib.tasks.answers": (whole, ours, ours),
    "math-verify": (whole, math_verify, known),
    "a mark, then math-verify": (behind_the_mark, math_verify, known),
}
"""What is read of a text, the reader that is timed, and the one that is counted."""


def odd_cases() -> list[tuple[str, str, bool]]:
    """Text, answer asked for, whether it is right: as `tests/tasks/test_answers.py` has them."""
    spec = spec_from_file_location("odd", ROOT / "tests" / "tasks" / "test_answers.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.ODD)


def solutions(folder: Path) -> list[tuple[str, str]]:
    """What GSM8K's solutions say before their answer, and the answer, of both splits."""
    found = []
    for split in ("train", "test"):
        task = load_task("gsm8k", path=folder / f"{split}.jsonl")
        prompts = task.prompts(len(task.problems), seed=0)
        texts = task.demonstrations(prompts, seed=0)
        found += [
            ((text or "").rpartition("\n####")[0], prompt.answer)
            for text, prompt in zip(texts, prompts, strict=True)
        ]
    return found


def measure(
    part: Callable[[str], str],
    timed: Reader,
    reader: Reader,
    cases: Sequence[tuple[str, str]],
    odd: Sequence[tuple[str, str, bool]],
) -> dict[str, Any]:
    """Right and wrong verdicts, and milliseconds for each text."""

    def right(
        form: str, text: str, answer: str, said: str | None = None, by: Reader = reader
    ) -> bool:
        return by(part(form.format(text, said or answer.rstrip("%"))), answer)

    first = next(iter(FORMS.values()))
    row: dict[str, Any] = {
        "forms": {},
        "other_accepted": sum(right(first, *case, _other(case[1])) for case in cases),
    }
    for name, form in FORMS.items():
        since = time.process_time()
        for case in cases[:TIMED]:
            right(form, *case, by=timed)
        spent = (time.process_time() - since) / len(cases[:TIMED])
        row["forms"][name] = {
            "right": sum(right(form, *case) for case in cases),
            "ms": round(1e3 * spent, 3),
        }
        print(name, row["forms"][name], file=sys.stderr, flush=True)
    verdicts = [(reader(part(text), answer), accepted) for text, answer, accepted in odd]
    row["odd"] = {
        "as_wanted": sum(a == b for a, b in verdicts),
        "accepted_wrongly": sum(a > b for a, b in verdicts),
        "refused_wrongly": sum(a < b for a, b in verdicts),
    }
    return row


def _other(answer: str) -> str:
    whole, _, rest = answer.rstrip("%").partition(".")
    return f"{int(whole) + 1}{'.' if rest else ''}{rest}"


def table(record: dict[str, Any]) -> str:
    """The record as the table of README.md."""
    heads = [
        "reader",
        *FORMS,
        "other numbers accepted",
        "odd cases as wanted",
        "accepted wrongly",
        "refused wrongly",
        "ms per text",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for name, row in record["readers"].items():
        forms, odd = row["forms"].values(), row["odd"]
        cells = [f"{f['right']:,}" for f in forms] + [str(row["other_accepted"])]
        cells += [str(odd[key]) for key in ("as_wanted", "accepted_wrongly", "refused_wrongly")]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {min(f['ms'] for f in forms):.2f} to "
            f"{max(f['ms'] for f in forms):.2f} |"
        )
    h = record["hardware"]
    return "\n".join(
        [
            *lines,
            "",
            f"`{record['command']}`, {record['date']}, math-verify {record['math_verify']}; "
            f"{record['solutions']:,} solutions, {record['odd_cases']} odd cases; "
            f"{h['processor']}, {h['cores']} cores (load {h['load_before']}), one thread; Python "
            f"{record['versions']['python']}.",
        ]
    )


def filled(text: str) -> str:
    """README.md with the table as the record has it."""
    record = json.loads((HERE / "run.json").read_text(encoding="utf-8"))
    return placed(text, "table", table(record))


def main() -> int:
    if not parser(__doc__, table=True).parse_args().table:
        record, odd = circumstances(), odd_cases()
        cases = solutions(Path(os.environ["TRLIB_GSM8K"]))
        readers = {name: measure(*reader, cases, odd) for name, reader in READERS.items()}
        write(
            HERE / "run.json",
            {
                **record,
                "math_verify": version("math-verify"),
                "solutions": len(cases),
                "odd_cases": len(odd),
                "readers": readers,
            },
        )
    return refill(HERE / "README.md", filled)


if __name__ == "__main__":
    sys.exit(main())
