"""What a diagnosis reads: JSON lines as parquet, prime-rl's token export, categories; what it refuses by name."""

from __future__ import annotations

import json
import math
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trlab.diagnose import Rollouts, diagnose, read
from trlib.cli import main
from trlib.errors import DataError

LOGP, ROLLOUT = [[-0.5, -1.0, -2.0], [-0.25, -3.0]], [[-0.5, -1.5, -1.0], [-0.5, -2.0]]
COLUMNS = {
    "logp": LOGP,
    "logp_rollout": ROLLOUT,
    "advantage": [1, -0.5],
    "mask": [[True, True, False], [True, True]],
    "prompt": ["x", "y"],
    "reward": [1.0, 0.0],
    "text": [["a", "b", "c"], ["d", "é"]],
}
FLAT = {
    "logp": [*LOGP[0], *LOGP[1]],
    "logp_rollout": [*ROLLOUT[0], *ROLLOUT[1]],
    "advantage": [1.0, 1.0, 1.0, -0.5, -0.5],
    "mask": [True, True, False, True, True],
    "completion": [7, 7, 7, 3, 3],
}
ARRAYS = ("completion", "logp", "logp_rollout", "advantage", "mask", "logp_old", "pieces", "group", "reward")


def lines(path, columns, **options) -> str:
    """The columns as JSON lines."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(json.dumps(row, **options) for row in rows) + "\n\n", encoding="utf-8")
    return str(path)


def same(a: Rollouts, b: Rollouts) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert (a.layout, a.count, a.prompts) == (b.layout, b.count, b.prompts)


@pytest.mark.parametrize("columns", [COLUMNS, FLAT])
def test_json_lines_say_what_parquet_says(tmp_path, columns):
    pq.write_table(pa.table(columns), tmp_path / "rollouts.parquet")
    wanted = read(tmp_path / "rollouts.parquet")
    same(read(lines(tmp_path / "rollouts.jsonl", columns)), wanted)
    same(read(lines(tmp_path / "any.name", columns, ensure_ascii=False)), wanted)
    pd.DataFrame(columns).to_json(tmp_path / "pandas.jsonl", orient="records", lines=True)
    same(read(tmp_path / "pandas.jsonl"), wanted)


def test_nan_and_null_may_stand_where_the_mask_is_false(tmp_path):
    for odd in (math.nan, None):
        columns = {**COLUMNS, "logp": [[-0.5, -1.0, odd], LOGP[1]]}
        found = read(lines(tmp_path / "rollouts.jsonl", columns))
        assert np.isnan(found.logp[2]) and found.logp[3] == -0.25
    columns["logp"] = [[-0.5, None, -1.0], LOGP[1]]
    with pytest.raises(
        ValueError, match="column 'logp': expected finite numbers where the mask is True, got nan at row 0, position 1"
    ):
        read(lines(tmp_path / "rollouts.jsonl", columns))


def test_the_command_reads_json_lines_and_writes_the_page_beside_them(tmp_path, capsys):
    path = lines(tmp_path / "rollouts.jsonl", COLUMNS)
    assert main(["diagnose", path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["completions"] == 2 and found["tokens"] == 4 and found["page"] == str(tmp_path / "rollouts.html")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"logp": [', r"path '.*bad.jsonl', line 3: expected JSON, got b'\{\"logp\": \['"),
        ("[1]", r"line 3: expected an object with a value for each column, got list"),
        ('{"logp": "-1"}', r"column 'logp': expected values of one type in '.*bad.jsonl', got several"),
        ('{"logp_rollout": [-1.0]}', r"column 'logp': expected a list in every row, got none in row 2"),
    ],
)
def test_a_broken_line_is_named(tmp_path, text, words):
    path = tmp_path / "bad.jsonl"
    lines(path, {**COLUMNS, "text": [["a"] * 3, ["a"] * 2]})
    path.write_text(path.read_text().strip() + "\n" + text + "\n")
    with pytest.raises((ValueError, DataError), match=words):
        read(path)
    assert main(["diagnose", str(path)]) == 1


# -- prime-rl ---------------------------------------------------------------------------------------------------------


def record(**fields) -> dict:
    """A line as prime-rl's exporter writes it: two tokens of prompt, three of completion, one of them a tool's."""
    rl = [{"rl": {"advantage": 0.5, "mask": keep}} for keep in (False, False, True, False, True)]
    return {
        "schema_version": 1,
        "step": 7,
        "export_step": 7,
        "rank": 0,
        "micro_step": 0,
        "micro_sequence_idx": 0,
        "export_sequence_idx": 0,
        "run_id": None,
        "env_name": "sums",
        "token_ids": [11, 12, 21, 22, 23],
        "position_ids": [0, 1, 2, 3, 4],
        "loss_mask": [False, False, True, False, True],
        "advantages": [0.5] * 5,
        "losses": rl,
        "rewards": [1.0] * 5,
        "inference_logprobs": [0.0, 0.0, -1.0, 0.0, -2.0],
        "trainer_logprobs": [None, -4.0, -1.5, -3.0, -2.0],
        "entropy": [0.1] * 5,
        "mismatch_kl": [0.0] * 5,
        "log_importance_ratio": [0.0] * 5,
        "importance_ratio": [1.0] * 5,
        "prob_delta": [0.0] * 5,
        "is_masked": [False] * 5,
        "is_masked_high": [False] * 5,
        "is_masked_low": [False] * 5,
        **fields,
    }


def export(tmp_path, *rows) -> str:
    path = tmp_path / "rank_0.jsonl"
    path.write_text("".join(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n" for row in rows))
    return str(path)


def test_a_token_export_of_prime_rl_is_read_without_its_prompts(tmp_path):
    other = record(advantages=[-0.5] * 5, rewards=[None, None, 0.0, 0.0, 0.0], export_sequence_idx=1)
    elsewhere = record(token_ids=[11, 13, 21, 22, 23], export_sequence_idx=2)
    found = read(export(tmp_path, record(), other, elsewhere))
    assert found.count == 3 and found.lengths.tolist() == [3, 3, 3] and found.layout == "completion"
    assert found.logp.tolist() == [-1.5, -3.0, -2.0] * 3 and found.logp_rollout.tolist() == [-1.0, 0.0, -2.0] * 3
    assert found.mask.tolist() == [True, False, True] * 3 and found.logp_old is None
    assert found.advantage.tolist() == [0.5] * 3 + [-0.5] * 3 + [0.5] * 3 and found.reward.tolist() == [1.0, 0.0, 1.0]
    assert found.group.tolist() == [0, 0, 1]  # equal prompts
    assert found.pieces.tolist() == ["#21", "#22", "#23"] * 3
    assert "entropy" in found.unread and "is_masked" in found.unread and "rewards" not in found.unread
    assert found.sampling.logprobs == "processed" and found.sampling.source == "by prime-rl's default"
    assert diagnose(found).spreads[0].quantiles[0] == pytest.approx(math.exp(-0.5))


def test_tokens_of_another_loss_are_masked_and_a_reward_may_be_missing(tmp_path):
    sft = [{"sft": {"advantage": 1.0, "mask": True}}] * 3
    both = [*record()["losses"][:2], *record()["losses"][2:3], *sft[:2]]
    found = read(export(tmp_path, record(losses=both, rewards=[None] * 5, loss_mask=[False, False, True, True, True])))
    assert found.mask.tolist() == [True, False, False] and found.reward is None
    alone = record(advantages=[None] * 5, losses=[{}] * 2 + sft)
    found = read(export(tmp_path, record(), alone))
    assert found.mask.tolist() == [True, False, True, False, False, False]
    # Other versions of the schema have weights instead of `losses`, or neither, and no rewards.
    plain = {k: v for k, v in record().items() if k not in ("losses", "rewards")}
    assert read(export(tmp_path, plain)).mask.tolist() == [True, False, True]
    for weights, mask in (([0.0, 0.0, 1.0, 1.0, 0.0], [True, False, False]), ([None] * 5, [True, False, True])):
        found = read(export(tmp_path, {**plain, "rl_weights": weights}))
        assert found.mask.tolist() == mask and found.reward is None and "rl_weights" not in found.unread


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schema_version": 2}, "line 2: schema_version: expected 1 of prime-rl's token export, got 2"),
        ({"advantages": None}, "line 2: advantages: expected a list as in prime-rl's token export, got NoneType"),
        ({"loss_mask": [True]}, "line 2: loss_mask: expected 5 values, as many as in token_ids, got 1"),
        ({"rl_weights": [1.0]}, "line 2: rl_weights: expected 5 values, as many as in token_ids, got 1"),
        (
            {"inference_logprobs": [0.0, 0.0, None, 0.0, -2.0]},
            "column 'inference_logprobs': expected finite numbers where the mask is True, got nan at row 1, position 0",
        ),
    ],
)
def test_an_export_that_does_not_fit_is_named_by_its_own_fields(tmp_path, fields, words):
    with pytest.raises(ValueError, match=words):
        read(export(tmp_path, record(), record(**fields)))


# -- parquet's types --------------------------------------------------------------------------------------------------


def table(path, columns) -> str:
    pd.DataFrame(columns).to_parquet(path)
    return str(path)


def test_a_category_of_pandas_is_read_as_its_values(tmp_path):
    plain = {**COLUMNS, "group": ["u", "u"]}
    kinds = {**plain, "prompt": pd.Categorical(plain["prompt"]), "group": pd.Categorical(plain["group"])}
    wanted = read(table(tmp_path / "plain.parquet", plain))
    assert wanted.prompts == ["x", "y"] and wanted.group.tolist() == [0, 0]
    same(read(table(tmp_path / "kinds.parquet", kinds)), wanted)
    flat = {**FLAT, "prompt": ["p", "p", "p", "q", "q"], "text": list("abcde")}
    kinds = {**flat, **{name: pd.Categorical(flat[name]) for name in ("completion", "prompt", "text")}}
    same(read(table(tmp_path / "kinds.parquet", kinds)), read(table(tmp_path / "plain.parquet", flat)))


def test_a_column_that_comes_twice_is_named_where_it_is_read(tmp_path):
    path = tmp_path / "twice.parquet"
    arrays, names = [pa.array(v) for v in COLUMNS.values()], list(COLUMNS)
    pq.write_table(pa.table([*arrays, pa.array(LOGP)], names=[*names, "logp"]), path)
    with pytest.raises(ValueError, match=r"column 'logp': expected once in 'twice.parquet', got it 2 times"):
        read(path)
    pq.write_table(pa.table([*arrays, pa.array([1, 2]), pa.array([1, 2])], names=[*names, "spare", "spare"]), path)
    assert read(path).count == 2  # nothing asks for it
    with pytest.raises(ValueError, match=r"column 'spare': expected once"):
        read(path, columns={"group": "spare"})


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {**COLUMNS, "group": [{"id": 1, "split": "a"}] * 2},
            r"column 'group': expected one value for every completion that can be compared, such as a number or a "
            r"text, got struct<id: int64, split: string>",
        ),
        (
            {**FLAT, "completion": [{"id": 1}] * 5},
            r"column 'completion': expected one value for every row that can be compared, .* got struct<id: int64>",
        ),
        (
            {**COLUMNS, "prompt": [[{"role": "user"}]] * 2},
            r"column 'prompt': expected one value a completion, got list<",
        ),
    ],
)
def test_structs_that_cannot_be_told_apart_are_named(tmp_path, columns, words, capsys):
    path = table(tmp_path / "structs.parquet", columns)
    with pytest.raises(TypeError, match=words):
        read(path)
    assert main(["diagnose", path]) == 1
    error = capsys.readouterr().err
    assert error.startswith("trlib: error: column '") and error.count("\n") == 1
    assert not os.path.exists(tmp_path / "structs.html")
