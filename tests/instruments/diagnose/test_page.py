"""The diagnosis in the browser against `trlib diagnose`: the same numbers to 1e-9, the same words,
the same page."""

import json
import math
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.instruments.diagnose import faults
from tests.instruments.diagnose.bad import BAD, line
from trcheck.diagnose import Limits, diagnose, dump, judge, page, read
from trlib import __version__

SCRIPT = Path(__file__).with_name("diagnose.mjs")
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")
WORDS = ["so", "the", "é", "漢", "<b>", "&", "¦", "\n", "", "12", "😀", "think", "  "]


def batch(seed, prompts=6, group=4, length=24, moved=0.2):
    """Completions of unequal lengths with log-probs of a learner before and after its updates."""
    g = np.random.default_rng(seed)
    columns = {name: [] for name in ("logp", "logp_old", "logp_rollout", "advantage", "mask")}
    columns |= {"text": [], "prompt": [], "group": [], "reward": []}
    for i in range(prompts):
        rewards = g.integers(0, 2, group).astype(float)
        for reward in rewards:
            n = int(g.integers(1, length))
            rollout = -(g.exponential(1.0, n) ** 2)
            old = np.minimum(rollout + 0.05 * g.standard_normal(n) * -np.expm1(rollout), 0)
            now = np.minimum(old + moved * g.standard_normal(n) * -np.expm1(old), 0)
            for name, values in (("logp", now), ("logp_old", old), ("logp_rollout", rollout)):
                columns[name].append(values.tolist())
            columns["advantage"].append(float(reward - rewards.mean()))
            columns["mask"].append([bool(k < n - 1 or n < 3) for k in range(n)])
            columns["text"].append([WORDS[j] for j in g.integers(0, len(WORDS), n)])
            columns["prompt"].append(f"prompt {i} <i>")
            columns["group"].append(f"g{i}")
            columns["reward"].append(float(reward))
    return columns


def without(columns, *names):
    return {name: values for name, values in columns.items() if name not in names}


def jsonl(path, columns):
    return faults.jsonl(path, faults.by_row(columns))


def flat(columns):
    """One row per token, in another order than that of the completions' ids."""
    table = pd.DataFrame(columns)
    table["completion"] = 97 - table.index
    table["position"] = [list(range(len(row))) for row in table["logp"]]
    lists = [name for name, value in table.iloc[0].items() if isinstance(value, list)]
    return {name: column.tolist() for name, column in table.explode(lists).items()}


def parquet(path, columns, **settings):
    pq.write_table(pa.table(columns), path, **settings)
    return path


def csv_file(path, columns):
    pd.DataFrame(columns).to_csv(path, index=False, lineterminator="\r\n")
    return path


def ends(path, end, separator=b","):
    """The same table with other ends of lines and another separator."""
    path.write_bytes(path.read_bytes().replace(b"\r\n", end).replace(b",", separator))
    return path


def only_numbers(columns):
    return without(flat(columns), "text", "prompt", "group")


def far(columns):
    """One token that the sampler all but excluded: its ratio is infinite."""
    rollout = [list(row) for row in columns["logp_rollout"]]
    rollout[0][0] = -800.0
    return {**columns, "logp_rollout": rollout}


def padded(columns):
    width = max(len(row) for row in columns["logp"])
    made = {}
    for name in ("logp", "logp_old", "logp_rollout", "mask"):
        rows = [[*row, *[0] * (width - len(row))] for row in columns[name]]
        made[name] = np.array(rows, dtype=bool if name == "mask" else np.float32)
    return made | {
        "advantage": np.array(columns["advantage"])[:, None],
        "group": np.array(columns["group"]),
    }


def shifted(columns):
    return {**columns, "logp_rollout": [[row[0], *row[:-1]] for row in columns["logp_rollout"]]}


def prime(path, columns):
    rows = []
    for i, logp in enumerate(columns["logp"]):
        n, mask = len(logp), columns["mask"][i]
        rows.append(
            {
                "schema_version": 1,
                "step": 3,
                "token_ids": [7, 8, *range(20, 20 + n)],
                "loss_mask": [False, False, *mask],
                "advantages": [columns["advantage"][i]] * (n + 2),
                "rewards": [columns["reward"][i]] * (n + 2),
                "inference_logprobs": [0.0, 0.0, *columns["logp_rollout"][i]],
                "trainer_logprobs": [None, -1.0, *logp],
            }
        )
    return faults.jsonl(path, rows)


SMALL_PAGES = {
    "compression": "zstd",
    "row_group_size": 50,
    "data_page_version": "2.0",
    "data_page_size": 64,
}


def kinds(columns):
    """The same columns in other types of Parquet: narrow numbers, categories, long texts."""
    wanted = {
        "logp": pa.float32(),
        "logp_rollout": pa.float64(),
        "position": pa.int16(),
        "reward": pa.float32(),
    }
    made = {name: pa.array(values, type=wanted.get(name)) for name, values in columns.items()}
    made |= {name: made[name].dictionary_encode() for name in ("prompt", "group", "completion")}
    return {**made, "text": made["text"].cast(pa.large_string())}


def holes(columns):
    """Nothing where the mask is False; the advantage as whole numbers; a column that nothing asks
    for."""
    for row, mask in zip(columns["logp"], columns["mask"], strict=True):
        row[:] = [value if keep else None for value, keep in zip(row, mask, strict=True)]
    advantage = pa.array([round(4 * x) for x in columns["advantage"]], type=pa.int64())
    return {
        **columns,
        "advantage": advantage,
        "spare": [{"a": i} for i in range(len(columns["logp"]))],
    }


def only(columns):
    """What `dump` takes: an advantage for every token."""
    spread = [[x] * len(row) for x, row in zip(columns["advantage"], columns["logp"], strict=True)]
    names = ("logp", "logp_old", "logp_rollout", "mask", "text", "group")
    return {**{name: columns[name] for name in names}, "advantage": spread}


def jobs(folder):
    """Dumps of every kind: both layouts, four formats, ranks, every verdict, every answer."""
    b = batch(0)
    known = {"logprobs": "processed", "temperature": 1.0}
    still = {**b, "logp": b["logp_old"]}
    shift = shifted(batch(1, 12))
    array, columns = folder / "array.json", folder / "columns.json"
    array.write_text(json.dumps(faults.by_row(b)))
    columns.write_text(json.dumps({**b, "temperature": 0.7, "logprobs": "processed"}))
    np.savez(folder / "arrays.npz", **padded(b))
    np.savez_compressed(folder / "packed.npz", **padded(batch(3)), temperature=1.0)
    other = {"logp": "log_probs", "mask": "response_mask"}
    of_lines = {
        "whole": (b, known, {}),
        "unknown": (b, {}, {}),
        "raw": (b, {"logprobs": "raw", "temperature": 0.7}, {}),
        "top-p": (b, {**known, "top_p": 0.9}, {}),
        "shift": (shift, known, {}),
        "shift, no old": (without(shift, "logp_old"), known, {}),
        "no old": (without(b, "logp_old", "text", "reward"), known, {}),
        "half": ({name: values[::2] for name, values in b.items()}, known, {}),
        "identical": (still, known, {}),
        "copied": ({**b, "logp_rollout": b["logp_old"]}, known, {}),
        "no advantage": ({**b, "advantage": [0.0] * len(b["logp"])}, known, {}),
        "inside": (batch(4, moved=0.01), known, {"eps_low": 0.5, "eps_high": 3}),
        "wild": (batch(5, moved=4.0), known, {"delta_tv": 0.05, "cap": 1.1}),
        "tokens": (flat(b), known, {}),
        "far": (far(b), known, {}),
        "little": ({name: values[:4] for name, values in b.items()}, known, {}),
        "renamed": (
            {other.get(name, name): values for name, values in b.items()},
            {**known, "columns": other},
            {},
        ),
    }
    files = {
        "csv": csv_file(folder / "tokens.csv", flat(batch(6))),
        "cr": ends(csv_file(folder / "cr.csv", flat(b)), b"\r"),
        "semicolons": ends(csv_file(folder / "semicolons.csv", only_numbers(b)), b"\n", b";"),
        "array": array,
        "npz": folder / "arrays.npz",
        "parquet": parquet(folder / "rows.parquet", b),
        "parquet of tokens": parquet(folder / "kinds.parquet", kinds(flat(b)), **SMALL_PAGES),
        "parquet, deflated": parquet(folder / "gzip.parquet", batch(7), compression="gzip"),
        "parquet, lz4": parquet(folder / "lz4.parquet", holes(batch(8)), compression="lz4"),
    }
    ranks = [jsonl(folder / f"rank_{i}.jsonl", batch(10 + i, prompts=3)) for i in (0, 2, 10)]
    drawn = dump(folder / "dump.parquet", **only(b), logprobs="raw", top_p=0.9)
    return {
        name: ([jsonl(folder / f"{name}.jsonl", rows)], options, limits)
        for name, (rows, options, limits) in of_lines.items()
    } | {
        **{name: ([path], known, {}) for name, path in files.items()},
        "columns": ([columns], {}, {}),
        "packed": ([folder / "packed.npz"], {"logprobs": "processed"}, {}),
        "dump": ([drawn], {}, {}),
        "ranks": (ranks, known, {}),
        "prime": ([prime(folder / "prime.jsonl", b)], {"temperature": 1.0}, {}),
    }


def in_page(every):
    done = subprocess.run(
        [str(NODE), "--no-warnings", str(SCRIPT)],
        input=json.dumps(every),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def compare(name, wanted, got, where=""):
    """Numbers to 1e-9, relative where they are large; everything else alike."""
    at = f"{name}{where}"
    if isinstance(wanted, dict):
        assert set(wanted) <= set(got), at
        for key in wanted:
            compare(name, wanted[key], got[key], f"{where}.{key}")
    elif isinstance(wanted, list | tuple):
        assert len(wanted) == len(got), (at, wanted, got)
        for i, (a, b) in enumerate(zip(wanted, got, strict=True)):
            compare(name, a, b, f"{where}[{i}]")
    elif isinstance(wanted, float):
        if isinstance(got, str):
            got = float(got.removeprefix("number:").replace("Infinity", "inf"))
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9) or (
            math.isnan(wanted) and math.isnan(got)
        ), at
    else:
        assert got == wanted, at


@needs_node
@pytest.mark.nightly("writes and reads twenty dumps twice")
def test_twenty_dumps_give_the_same_findings_and_the_same_page(tmp_path):
    every = jobs(tmp_path)
    asked = [
        {"files": list(map(str, files)), "options": options, "limits": vars(Limits(**limits))}
        for files, options, limits in every.values()
    ]
    seen = {"verdicts": set(), "codes": set()}
    for (name, (files, options, limits)), got in zip(every.items(), in_page(asked), strict=True):
        assert "error" not in got, (name, got)
        wanted = diagnose(read(*files, **options), Limits(**limits))
        compare(
            name, {**wanted.as_dict(), "points": [vars(p) for p in wanted.points]}, got["findings"]
        )
        ours = (
            page(wanted)
            .replace(f"trlib diagnose {__version__}", "trlib diagnose")
            .replace(f"</code> {__version__}", "</code>")
        )
        assert got["page"] == ours, name
        seen["verdicts"].add(wanted.judgement.verdict)
        seen["codes"].add(wanted.answer.code)
    assert seen["verdicts"] == {"healthy", "found", "unclear"} and len(seen["codes"]) >= 4


NAMED = {
    **BAD,
    "parquet": ("PAR1 something", "damaged or cut off"),
    "encrypted": ("PARE something PARE", "encrypted Parquet"),
    "missing": ('{"log_probs": [-1], "mask": [1]}\n', "Columns by other names"),
    "nan": (line(logp=[float("nan")] * 2), "all log-probs, got none"),
}
"""What the page refuses in words of its own, too."""


HELD = [
    (kind, fault, number)
    for number, (kind, fault) in enumerate(
        (faults.KINDS[i % len(faults.KINDS)], fault)
        for i, fault in enumerate((*faults.FAULTS, *faults.HEALTHY) * 2)
    )
][:60]
"""Sixty dumps that no threshold was set on: seeds from 7,000."""


@needs_node
def test_sixty_dumps_are_judged_alike_in_the_page(tmp_path):
    """Verdict, evidence and advice to the last digit that is written."""
    asked = []
    for kind, fault, number in HELD:
        columns = faults.flat(7000 + number, 64, fault, old=number % 3 > 0, kind=kind)
        path = faults.jsonl(tmp_path / f"{number}.jsonl", faults.rows(columns))
        asked.append({"files": [str(path)], "options": {}})
    for pad in (0, 8):
        path = faults.jsonl(
            tmp_path / f"certain {pad}.jsonl", faults.rows(faults.certain_ends(pad))
        )
        asked.append({"files": [str(path)], "options": {}})
    held = (*HELD, ("dial", "certain", 0), ("dial", "certain", 8))
    verdicts = set()
    for (kind, fault, number), job, got in zip(held, asked, in_page(asked), strict=True):
        wanted, _ = judge(read(*job["files"]))
        ours = {
            "verdict": wanted.verdict,
            "headline": wanted.headline,
            "unseen": list(wanted.unseen),
            "seen": list(wanted.seen),
            "causes": [vars(cause) for cause in wanted.causes],
        }
        assert "error" not in got, (kind, fault, got)
        assert {name: got["findings"][name] for name in ours} == ours, (kind, fault, number)
        verdicts.add(wanted.verdict)
    assert {"healthy", "found"} <= verdicts


@needs_node
def test_utf_16_is_named(tmp_path):
    path = tmp_path / "windows.csv"
    path.write_text("logp,mask\n-1,1\n", encoding="utf-16")
    words = "expected text in UTF-8, got UTF-16: save it as UTF-8"
    (got,) = in_page([{"files": [str(path)], "options": {}}])
    assert words in got["error"]
    with pytest.raises(ValueError, match=words):
        read(path)


@needs_node
def test_an_archive_that_inflates_is_refused_before_it_does(tmp_path):
    large, lying = tmp_path / "large.npz", tmp_path / "lying.npz"
    with zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("logp.npy", "logp_rollout.npy", "mask.npy"):
            archive.writestr(name, bytes(70_000_000))
    np.savez_compressed(lying, logp=np.zeros((4, 100_000)))
    packed = bytearray(lying.read_bytes())
    said = packed.rindex(b"PK\x01\x02") + 24  # the unpacked size, in the archive's directory
    packed[said : said + 4] = (1000).to_bytes(4, "little")
    lying.write_bytes(packed)
    asked = [{"files": [str(path)], "options": {}} for path in (large, lying)]
    refused, damaged = (got["error"] for got in in_page(asked))
    assert "'large.npz' is 210 MB once unpacked" in refused and "at most 200 MB" in refused
    assert "expected a whole archive, got a damaged one" in damaged


@needs_node
def test_what_the_page_cannot_read_is_named(tmp_path):
    asked = []
    for name, (text, _) in NAMED.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_text(text, encoding="utf-8")
        asked.append({"files": [str(path)], "options": {}})
    for (name, (_, words)), got in zip(NAMED.items(), in_page(asked), strict=True):
        assert re.search(words, got.get("error", "")), (name, got)
        assert got["stack"] == "", got["stack"]


@needs_node
def test_parquet_that_the_page_cannot_read_is_named_with_what_to_do(tmp_path):
    b = batch(0)
    whole = parquet(tmp_path / "whole.parquet", b).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "torn.parquet").write_bytes(whole[:4] + bytes(60) + whole[64:])
    parquet(tmp_path / "brotli.parquet", b, compression="brotli")
    twice = pa.Table.from_arrays(
        [pa.array(b["logp"]), *map(pa.array, b.values())], names=["logp", *b]
    )
    pq.write_table(twice, tmp_path / "twice.parquet")
    pq.write_table(pa.table(b).slice(0, 0), tmp_path / "none.parquet")
    wanted = {
        "cut": "'cut.parquet': .* damaged or cut off",
        "torn": "Copy or write it once more",
        "brotli": "'logp' is compressed by BROTLI, .*trlib diagnose",
        "twice": "'logp': expected once in 'twice.parquet', got it 2 times",
        "none": "'none.parquet': .* got a table without rows",
    }
    asked = [{"files": [str(tmp_path / f"{name}.parquet")], "options": {}} for name in wanted]
    for words, got in zip(wanted.values(), in_page(asked), strict=True):
        assert re.search(words, got.get("error", "")), got
        assert got["stack"] == "", got["stack"]


@needs_node
def test_a_huge_file_is_refused_unread_and_a_changing_one_is_named():
    wanted = {
        "huge": "'huge.jsonl' is 2.1 GB; .* at most 1.0 GB.* trlib diagnose",
        "long": "'long.json' is 300 MB; .* at most 200 MB",
        "changed": "'changed.jsonl' changed while it was read",
        "shorter": "'shorter.jsonl' changed while it was read",
    }
    found = in_page([{"files": [name], "options": {}} for name in wanted])
    for (name, words), got in zip(wanted.items(), found, strict=True):
        assert re.search(words, got.get("error", "")), (name, got)
        assert got["stack"] == ""
