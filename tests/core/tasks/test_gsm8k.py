"""GSM8K from a local file: problems written here, broken files by line, and the hub out of
reach."""

import json

import pytest

from tests.losses import refused
from trlib.tasks import Prompt, load_task
from trlib.tasks.gsm8k import INSTRUCTION

PROBLEMS = [
    (
        "A tram has 31 seats and 2 of them are broken. How many can be used?",
        "31 - 2 = <<31-2=29>>29 can be used.\n#### 29",
    ),
    (
        "Ida reads 12 pages a day. How many does she read in a week of 7 days?",
        "12 * 7 = <<12*7=84>>84 pages.\n#### 84",
    ),
    (
        "A rope of 9 m is cut in 4 equal parts. How long is each?",
        "9 / 4 = <<9/4=2.25>>2.25 m.\n#### 2.25",
    ),
    (
        "Seeds cost $3 a bag and a spade costs $1,250. What do 10 bags and the spade cost?",
        "The bags cost 3 * 10 = $<<3*10=30>>30.\nIn all 30 + 1250 = $<<30+1250=1280>>1280.\n#### "
        "1,280",
    ),
    (
        "It was 4 degrees and fell by 11. How cold is it?",
        "4 - 11 = <<4-11=-7>>-7 degrees.\n#### -7",
    ),
    ("Of 8 pears 2 are ripe. What share is that?", "2 / 8 = <<2/8=1/4>>1/4.\n#### 1/4"),
    (
        "Ben has twice Ann's 6 coins. Then he finds 3. How many has he?",
        "He has 6 * 2 = <<6*2=12>>12 coins.\nThen 12 + 3 = <<12+3=15>>15 coins.\n#### 15",
    ),
]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "problems.jsonl"
    lines = [json.dumps({"question": q, "answer": a}) for q, a in PROBLEMS]
    file.write_text("\n".join([*lines[:3], "", *lines[3:]]) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def task(path):
    return load_task("gsm8k", path=path)


def test_problems_come_in_the_files_order_with_question_answer_and_lines(task):
    assert [(p.answer, p.difficulty) for p in task.problems] == [
        ("29", 1),
        ("84", 1),
        ("2.25", 1),
        ("1280", 2),
        ("-7", 1),
        ("0.25", 1),
        ("15", 2),
    ]
    assert task.problems[0].text == f"{PROBLEMS[0][0]}\n\n{INSTRUCTION}"


def test_an_expert_is_right_and_calculators_notes_are_gone(task):
    texts = task.demonstrations(task.problems, seed=0)
    assert texts[3] == "The bags cost 3 * 10 = $30.\nIn all 30 + 1250 = $1280.\n#### 1,280"
    for strict in (True, False):
        judge = load_task("gsm8k", path=task.path, last_number=not strict)
        assert {
            judge.verify(p, t, ended=True).reason for p, t in zip(task.problems, texts, strict=True)
        } == {"right"}
    assert task.demonstrations([Prompt("What is 2 + 2?", "4")], seed=0) == [None]


@pytest.mark.parametrize(
    ("question", "answer", "asked"),
    [
        ("What share is ripe?", "7 of 10.\n#### 70%", "70%"),
        ("What share is ripe?", "That is 70%.\n#### 70", "70%"),
        ("8 of 10 are green. What percentage is ripe?", "10 - 3 = 7 of 10.\n#### 70", "70%"),
        (
            "What percentage of 10 did he read? Then he read 3 more. How many?",
            "7 + 3 = 10\n#### 10",
            "10",
        ),
        ("What is 70 percent of 10?", "10 * .7 = 7\n#### 7", "7"),
        ("What is 70% of 10?", "It is 7, 70%.\n#### 7", "7"),
    ],
)
def test_per_cent_are_asked_for_where_answer_solution_or_question_says_so(
    path, question, answer, asked
):
    path.write_text(json.dumps({"question": question, "answer": answer}), encoding="utf-8")
    task = load_task("gsm8k", path=path)
    (problem,) = task.problems
    assert problem.answer == asked
    number = asked.rstrip("%")
    assert task.verify(problem, f"#### {number}", ended=True).reason == "right"
    assert (task.verify(problem, f"#### {number}%", ended=True).reason == "right") == (
        asked != number
    )
    assert (
        task.verify(problem, *task.demonstrations([problem], seed=0), ended=True).reason == "right"
    )


@pytest.mark.filterwarnings("ignore:problems")
def test_prompts_are_drawn_by_seed_and_none_twice_before_all_have_come(task):
    many, every = task.prompts(21, seed=5), {p.answer for p in task.problems}
    assert task.prompts(4, seed=5) == many[:4]
    assert all({p.answer for p in many[start : start + 7]} == every for start in (0, 7, 14))
    assert len({tuple(p.answer for p in task.prompts(7, seed=seed)) for seed in range(5)}) > 1


# -- bad input
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"question": "How many?", "answer": ',
            r"expected JSON, got b'\{\"question\": \"How many",
        ),
        ('{"question": "How many?"}', "expected the keys `question` and `answer`, got question$"),
        ('{"question": " ", "answer": "x\\n#### 3"}', "question: expected text, got ' '"),
        (
            '{"question": "Who?", "answer": "Three."}',
            "answer: expected `#### ` and .* got 'Three.'",
        ),
        (
            '{"question": "Who?", "answer": "x\\n#### ~3?"}',
            r"answer: expected .* got 'x\\n#### ~3\?'",
        ),
    ],
)
def test_a_broken_line_is_named_by_its_number(path, line, message):
    good = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([good[0], "", line, *good]), encoding="utf-8")
    expected = rf"DataError: path '.*problems\.jsonl', line 3: {message}"
    refused(expected, load_task, "gsm8k", path=str(path))


def test_the_hubs_rows_make_the_same_problems_as_a_file(monkeypatch, task):
    import datasets

    rows = datasets.Dataset.from_list([{"question": q, "answer": a} for q, a in PROBLEMS])
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, split: rows)
    assert load_task("gsm8k").problems == task.problems
