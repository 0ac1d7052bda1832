"""What a diagnosis reads: JSON lines as parquet, prime-rl's token export, categories; what it
refuses by name."""

import json
import math
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.typed import typed
from trcheck.diagnose import diagnose, read
from trcheck.tests.diagnose.dumps import by_row, jsonl
from trlib.model import memory

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
ARRAYS = (
    "completion",
    "logp",
    "logp_rollout",
    "advantage",
    "mask",
    "logp_old",
    "pieces",
    "group",
    "reward",
)


def lines(path, columns, **options):
    """The columns as JSON lines."""
    text = "\n".join(json.dumps(row, **options) for row in by_row(columns))
    path.write_text(text + "\n\n", encoding="utf-8")
    return str(path)


def same(a, b):
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


# -- prime-rl
# --------------------------------------------------------------------------------------------------


def record(**fields):
    """A line as prime-rl's exporter writes it: two tokens of prompt, three of completion, one of
    them a tool's."""
    rl = [{"rl": {"advantage": 0.5, "mask": keep}} for keep in (False, False, True, False, True)]
    return {
        "schema_version": 1,
        "token_ids": [11, 12, 21, 22, 23],
        "loss_mask": [False, False, True, False, True],
        "advantages": [0.5] * 5,
        "losses": rl,
        "rewards": [1.0] * 5,
        "inference_logprobs": [0.0, 0.0, -1.0, 0.0, -2.0],
        "trainer_logprobs": [None, -4.0, -1.5, -3.0, -2.0],
        "entropy": [0.1] * 5,
        "is_masked": [False] * 5,
        **fields,
    }


def export(tmp_path, *rows):
    return str(jsonl(tmp_path / "rank_0.jsonl", rows))


def test_a_token_export_of_prime_rl_is_read_without_its_prompts(tmp_path):
    other = record(advantages=[-0.5] * 5, rewards=[None, None, 0.0, 0.0, 0.0])
    elsewhere = record(token_ids=[11, 13, 21, 22, 23])
    found = read(export(tmp_path, record(), other, elsewhere))
    assert found.count == 3 and found.lengths.tolist() == [3, 3, 3] and found.layout == "completion"
    assert (
        found.logp.tolist() == [-1.5, -3.0, -2.0] * 3
        and found.logp_rollout.tolist() == [-1.0, 0.0, -2.0] * 3
    )
    assert found.mask.tolist() == [True, False, True] * 3 and found.logp_old is None
    assert found.advantage.tolist() == [0.5] * 3 + [-0.5] * 3 + [
        0.5
    ] * 3 and found.reward.tolist() == [1.0, 0.0, 1.0]
    assert found.group.tolist() == [0, 0, 1]  # equal prompts
    assert found.pieces.tolist() == ["#21", "#22", "#23"] * 3
    assert (
        "entropy" in found.unread and "is_masked" in found.unread and "rewards" not in found.unread
    )
    assert (
        found.sampling.logprobs == "processed" and found.sampling.source == "by prime-rl's default"
    )
    assert diagnose(found).spreads[0].quantiles[0] == pytest.approx(math.exp(-0.5))


def test_tokens_of_another_loss_are_masked_and_a_reward_may_be_missing(tmp_path):
    sft = [{"sft": {"advantage": 1.0, "mask": True}}] * 3
    both = [*record()["losses"][:2], *record()["losses"][2:3], *sft[:2]]
    found = read(
        export(
            tmp_path,
            record(losses=both, rewards=[None] * 5, loss_mask=[False, False, True, True, True]),
        )
    )
    assert found.mask.tolist() == [True, False, False] and found.reward is None
    alone = record(advantages=[None] * 5, losses=[{}] * 2 + sft)
    found = read(export(tmp_path, record(), alone))
    assert found.mask.tolist() == [True, False, True, False, False, False]
    # Other versions of the schema have weights instead of `losses`, or neither, and no rewards.
    plain = {k: v for k, v in record().items() if k not in ("losses", "rewards")}
    assert read(export(tmp_path, plain)).mask.tolist() == [True, False, True]
    for weights, mask in (
        ([0.0, 0.0, 1.0, 1.0, 0.0], [True, False, False]),
        ([None] * 5, [True, False, True]),
    ):
        found = read(export(tmp_path, {**plain, "rl_weights": weights}))
        assert (
            found.mask.tolist() == mask
            and found.reward is None
            and "rl_weights" not in found.unread
        )


# -- other formats, several ranks
# --------------------------------------------------------------------------------------


def padded():
    """The rollouts as arrays [B, T]."""
    return {
        "logp": np.array([LOGP[0], [*LOGP[1], 0.0]]),
        "logp_rollout": np.array([ROLLOUT[0], [*ROLLOUT[1], 0.0]]),
        "advantage": np.array([[1.0], [-0.5]]),
        "mask": np.array([[True, True, False], [True, True, False]]),
    }


def test_json_csv_npz_and_saved_tensors_say_what_json_lines_say(tmp_path):
    wanted = read(lines(tmp_path / "rollouts.jsonl", COLUMNS))
    (tmp_path / "rows.json").write_text(json.dumps(by_row(COLUMNS), indent=1))
    same(read(tmp_path / "rows.json"), wanted)
    (tmp_path / "columns.json").write_text(
        json.dumps({**COLUMNS, "temperature": 0.5, "logprobs": "raw"})
    )
    found = read(tmp_path / "columns.json")
    same(found, wanted)
    assert (found.sampling.temperature, found.sampling.logprobs) == (0.5, "raw")
    pd.DataFrame(COLUMNS).to_csv(tmp_path / "lists.csv", index=False, quotechar='"')
    pd.DataFrame({**FLAT, "text": list("abcde")}).to_csv(tmp_path / "tokens.csv", index=False)
    pq.write_table(pa.table({**FLAT, "text": list("abcde")}), tmp_path / "tokens.parquet")
    same(read(tmp_path / "tokens.csv"), read(tmp_path / "tokens.parquet"))

    arrays = padded()
    np.savez_compressed(tmp_path / "arrays.npz", **arrays, temperature=1.0)
    torch.save({name: torch.from_numpy(x) for name, x in arrays.items()}, tmp_path / "tensors.pt")
    for name in ("arrays.npz", "tensors.pt"):
        found = read(tmp_path / name)
        assert found.logp[found.mask].tolist() == wanted.logp[wanted.mask].tolist(), name
        assert found.advantage[found.mask].tolist() == [1.0, 1.0, -0.5, -0.5], name


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"logp": print}, tmp_path / "code.pt")
    with pytest.raises(
        ValueError, match=r"code.pt': expected tensors, arrays, lists, numbers and texts, got print"
    ):
        read(tmp_path / "code.pt")
    np.savez(tmp_path / "objects.npz", logp=np.array([{}], dtype=object))
    with pytest.raises(
        ValueError, match=r"expected arrays of numbers or texts, got Python objects"
    ):
        read(tmp_path / "objects.npz")


def test_a_tokenizer_that_brings_code_is_refused_and_its_code_is_not_run(
    tmp_path, capsys, monkeypatch
):
    """transformers would ask whether to run it, and do so after a y."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    named = {"auto_map": {"AutoTokenizer": ["own.Own", None]}, "tokenizer_class": "Own"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    (folder / "config.json").write_text("{}")
    (folder / "own.py").write_text(
        "from pathlib import Path\nfrom transformers import PreTrainedTokenizer\n\n"
        f"Path({str(tmp_path / 'mark')!r}).touch()\n\n\nclass Own(PreTrainedTokenizer):\n    pass\n"
    )
    ids = {name: values for name, values in COLUMNS.items() if name != "text"}
    dump = lines(tmp_path / "rollouts.jsonl", {**ids, "tokens": [[1, 2, 3], [1, 2]]})
    assert typed(f"diagnose {dump} --tokenizer tokenizer") == 2
    message = capsys.readouterr().err
    assert "got 'tokenizer' (one that needs code of its own, and trlib runs none)" in message
    assert not (tmp_path / "mark").exists()


def test_a_training_dump_of_slime_is_read_as_it_is(tmp_path):
    rollouts = {
        "tokens": [torch.tensor([7, 8, 21, 22, 23]), torch.tensor([7, 8, 24, 25])],
        "response_lengths": [3, 2],
        "loss_masks": [[1, 1, 0], [1, 1]],
        "log_probs": [torch.tensor(row) for row in LOGP],
        "rollout_log_probs": [torch.tensor(row) for row in ROLLOUT],
        "advantages": [torch.tensor([0.5] * 3), torch.tensor([-0.5] * 2)],
        "rewards": [1.0, 0.0],
        "truncated": [0, 0],
    }
    torch.save({"rollout_id": 3, "rank": 0, "rollout_data": rollouts}, tmp_path / "3_0.pt")
    found = read(tmp_path / "3_0.pt")
    assert (
        found.group.tolist() == [0, 0]
        and found.group_names == ("7 8",)
        and found.reward.tolist() == [1.0, 0.0]
    )
    assert found.pieces.tolist() == ["#21", "#22", "#23", "#24", "#25"] and found.unread == (
        "truncated",
    )
    assert found.mask.tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(found.logp, found.logp_old)
    np.testing.assert_allclose(found.logp_rollout, [*ROLLOUT[0], *ROLLOUT[1]])
    del rollouts["rollout_log_probs"]
    torch.save({"rollout_data": rollouts}, tmp_path / "3_0.pt")
    with pytest.raises(
        ValueError, match=r"rollout_data: expected 'rollout_log_probs' as in slime's training dump"
    ):
        read(tmp_path / "3_0.pt")


def test_ranks_are_read_together(tmp_path, capsys):
    """Rank 0 has one completion of every group and rank 1 the other; both count their completions
    from 0."""
    folder = tmp_path / "step_7"
    folder.mkdir()
    for rank, advantage in ((0, 0.5), (10, 0.0), (2, -0.5)):
        flat = {**FLAT, "advantage": [advantage] * 5, "group": ["x", "x", "x", "y", "y"]}
        lines(folder / f"rank_{rank}.jsonl", flat)
    (folder / "notes.txt").write_text("no dump")
    together = read(folder)
    assert (
        together.source == "step_7 (3 files)"
        and together.count == 6
        and together.lengths.tolist() == [3, 2] * 3
    )
    assert together.advantage[:7].tolist() == [0.5] * 5 + [-0.5] * 2, "rank 2 comes before rank 10"
    assert together.group.tolist() == [0, 1] * 3
    # Groups that every rank numbers from 0 are told apart by their prompts.
    for rank in (0, 2, 10):
        flat = {**FLAT, "group": [0, 0, 0, 1, 1], "prompt": [f"p{rank}"] * 3 + [f"q{rank}"] * 2}
        lines(folder / f"rank_{rank}.jsonl", flat)
    assert len(set(read(folder).group.tolist())) == 6

    assert typed(f"diagnose {folder} --json") == 2
    assert json.loads(capsys.readouterr().out)["page"] == str(tmp_path / "step_7.html")
    lines(folder / "rank_2.jsonl", FLAT)
    with pytest.raises(
        ValueError, match=r"rank_2.jsonl': expected the columns of '.*rank_0.jsonl'"
    ):
        read(folder)


# -- files that are not what they seem
# --------------------------------------------------------------------------------------


@pytest.fixture
def little_memory(monkeypatch):
    """50 MB are free."""
    monkeypatch.setattr(memory, "free", lambda device: 50_000_000)


def npz_bomb(folder):
    np.savez_compressed(folder / "bomb", **dict.fromkeys(padded(), np.zeros(5_000_000)))
    return folder / "bomb.npz"


def parquet_bomb(folder):
    zeros = pa.array(np.zeros(5_000_000))
    pq.write_table(pa.table(dict.fromkeys(FLAT, zeros)), folder / "bomb.parquet")
    return folder / "bomb.parquet"


def tensor_bomb(folder):
    wide = torch.zeros(1).expand(5000, 5000)  # one number, shown many times over
    torch.save(dict.fromkeys(padded(), wide), folder / "bomb.pt")
    return folder / "bomb.pt"


@pytest.mark.parametrize("bomb", [npz_bomb, parquet_bomb, tensor_bomb])
def test_a_small_file_that_takes_much_memory_is_refused_before_it_is_read(
    bomb, tmp_path, little_memory, capsys
):
    path = bomb(tmp_path)
    assert path.stat().st_size < 15_000_000
    assert typed(f"diagnose {path} --json") == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"] == "unclear"
    assert f"{str(path)!r}: expected a dump that fits into memory, got a file of" in err
    assert "and 50.0 MB are free" in err and err.count("\n") == 1


def test_a_dump_that_fits_is_read_however_little_memory_is_left(tmp_path, little_memory):
    columns = {name: values * 250 for name, values in COLUMNS.items()}
    long = {**columns, "prompt": ["x" * 70_000] * 500}  # longer than what is looked at first
    wanted = read(lines(tmp_path / "rollouts.jsonl", long))
    pq.write_table(pa.table(long), tmp_path / "rollouts.parquet")
    same(read(tmp_path / "rollouts.parquet"), wanted)


@pytest.mark.parametrize(
    ("raised", "words", "shown"),
    [
        (MemoryError("Unable to allocate 7.45 GiB"), "fits into memory.*7.45 GiB", False),
        (RuntimeError("odd"), r"failed \(RuntimeError: odd\), which is a fault of its own", True),
    ],
)
def test_a_crash_is_not_a_cause(raised, words, shown, tmp_path, monkeypatch, capsys):
    """1 says that a cause was found. Where our own code failed the place is printed as well."""

    def fails(*_, **__):
        raise raised

    dump = lines(tmp_path / "rollouts.jsonl", COLUMNS)
    monkeypatch.setattr("trcheck.diagnose.read", fails)
    for more in ("", "--traceback"):
        assert typed(f"diagnose {dump} --json {more}") == 2
        out, err = capsys.readouterr()
        document = json.loads(out)
        assert (document["verdict"], document["causes"]) == ("unclear", [])
        assert re.search(words, err) and re.search(words, document["headline"])
        assert ("Traceback" in err) == (shown or bool(more))
