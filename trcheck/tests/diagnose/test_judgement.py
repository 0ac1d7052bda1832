"""Which cause is named: faults made by exact sampling, healthy dumps of every kind, the command's
words and status.

`trcheck/benchmark/heldout.py` measures power and false alarms; here every fault is far beyond its
threshold, so that no seed decides.
"""

import json

import numpy as np
import pytest

from tests.typed import typed
from trcheck.benchmark.faults import (
    FAULTS,
    HEALTHY,
    UNUSUAL,
    certain_ends,
    flat,
    judged,
)
from trcheck.diagnose import (
    diagnose,
    judgement,
    read,
)
from trcheck.diagnose.live import judge_batch
from trcheck.tests.diagnose.dumps import jsonl, padded, rows

SIZE = 256
NAN = float("nan")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault):
    """On a model that shows it; without `logp_old` dropout is amber."""
    kind = "relay" if fault in ("weights", "penalty") else "softmax"
    for seed, old in ((0, True), (3, False)):
        found = judged(flat(seed, SIZE, fault, old, kind))
        if fault == "copied" and not old:
            continue  # the column that it is about
        if FAULTS[fault] == UNUSUAL or (fault == "dropout" and not old):
            assert (found.verdict, found.causes) == (UNUSUAL, ())
        else:
            assert FAULTS[fault] in [cause.name for cause in found.causes]


def test_a_change_that_a_context_repeats_is_an_update_and_no_dropout():
    """The same first token behind the same prompt moved by the same amount in every completion."""
    columns = flat(0, SIZE, "dropout", True, "relay")
    assert [cause.name for cause in judged(columns).causes] == ["dropout"]
    first = np.flatnonzero(np.diff(columns["completion"], prepend=-1))
    which = np.unique(columns["logp_rollout"][first], return_inverse=True)[1]
    moved = (columns["logp"] - columns["logp_old"])[first]
    mean = np.bincount(which, moved) / np.bincount(which)
    columns["logp"] = columns["logp"].copy()
    columns["logp"][first] = np.minimum(columns["logp_old"][first] + mean[which], 0)
    found = judged(columns)
    assert (found.verdict, found.causes) == (UNUSUAL, ())


def test_dropout_in_the_update_s_pass_alone_is_no_large_update():
    """Equal contexts move by different amounts; if they move alike it was an update."""
    columns = flat(0, SIZE, "fp32", True, "relay")
    g = np.random.default_rng(0)
    noise = 1.2 * g.standard_normal(len(columns["logp"])) * -np.expm1(columns["logp_old"])
    noisy = columns | {"logp": np.minimum(columns["logp_old"] + noise, 0)}
    assert [cause.name for cause in judged(noisy).causes] == ["dropout"]


def test_a_wrong_sign_is_named_after_it_has_collapsed_the_policy():
    columns = flat(0, SIZE, "fp32", True, "relay")
    first = np.flatnonzero(np.diff(columns["completion"], prepend=-1))
    push = -np.sign(columns["advantage"])
    g = np.random.default_rng(0)
    size = g.exponential(6, len(push)) * np.where(g.random(len(push)) < 0.75, 1, -1) * push
    _, which = np.unique(columns["logp_rollout"][first], return_inverse=True)
    size[first] = g.normal(0, 3, which.max() + 1)[which]  # an update knows the context alone
    found = judged(columns | {"logp": np.minimum(columns["logp_old"] + size, 0)})
    assert [cause.name for cause in found.causes] == ["sign"]
    assert "It has moved by" in found.causes[0].evidence


def test_the_same_unlikely_tokens_in_every_completion_were_not_sampled():
    columns = flat(1, SIZE, "fp32")
    place = np.arange(len(columns["tokens"]))
    place = place - np.searchsorted(columns["completion"], columns["completion"])
    at = (place >= 2) & (place < 6)
    columns["tokens"] = np.where(at, place, columns["tokens"])
    for name in ("logp", "logp_old", "logp_rollout"):
        columns[name] = np.where(at, -3.0 + 0.01 * place, columns[name])
    found = judged(columns).causes
    assert [cause.name for cause in found] == ["foreign-tokens"]
    assert "The same 4 tokens in a row" in found[0].evidence


@pytest.mark.parametrize("kind", HEALTHY)
def test_a_healthy_dump_is_not_accused(kind):
    for old in (True, False):
        columns = flat(1, SIZE, kind, old)
        judgement = judged(columns)
        assert judgement.verdict == "healthy" and judgement.causes == ()
        count = len(np.unique(columns["completion"]))
        assert judgement.headline.startswith(f"healthy within what {count} completions can show; 0")
        assert judgement.headline.endswith("times the bf16 of real engines")
        assert bool([text for text in judgement.unseen if "logp_old" in text]) is not old


def test_what_is_certain_and_has_no_name_is_unusual(tmp_path, capsys):
    """Noise between int8's and fp8's: too much for a healthy engine, too little for a name."""
    columns = flat(0, SIZE, "int8", old=False)
    columns["logp"] += 0.13 * (columns["logp"] - columns["logp_rollout"])
    path = jsonl(tmp_path / "dump.jsonl", rows(columns))
    assert typed(f"diagnose {path} --json") == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["causes"]) == ("unusual", [])
    assert found["headline"].startswith("unusual: more than any healthy engine")
    assert "; 0.07" in found["headline"]


def pushed(along):
    """A dump without `logp_old` whose log-probs differ by 0.25 nats of a logit: along the
    advantages, as after updates, or by chance."""
    columns = flat(0, SIZE, "fp32", old=False)
    sign = np.sign(columns["advantage"])
    if not along:
        sign = np.random.default_rng(0).choice([-1.0, 1.0], len(sign))
    columns["logp"] = columns["logp"] + 0.25 * sign * -np.expm1(columns["logp"])
    columns["logp"] = np.minimum(columns["logp"], 0)
    return columns


def test_flat_noise_is_amber_and_what_goes_along_the_advantages_says_so():
    """Low precision, a sampler that lags and dropout make the same noise: it has no name."""
    for along in (True, False):
        found = judged(pushed(along))
        assert (found.verdict, found.causes) == ("unusual", ())
        assert "low precision on one side (fp8, int4), a sampler that lags" in found.headline
        assert ("as updates since sampling do: give logp_old; 0" in found.headline) is along


def test_a_learner_that_is_sharper_than_a_line_explains_is_amber():
    columns = flat(1, SIZE, "fp32")
    x = columns["logp_rollout"]
    noise = np.random.default_rng(0).normal(0, 0.15, len(x))
    y = np.minimum(1.06 * x + 0.042 + noise * (x < -0.7), 0)
    found = judged(columns | {"logp": y, "logp_old": y})
    assert found.headline.startswith("unusual: log π/μ changes by +0.0")


@pytest.mark.parametrize(("sign", "verdict"), [(1, "unusual"), (-1, "found")])
def test_an_odd_completion_is_named_where_updates_do_not_explain_it(sign, verdict):
    columns = pushed(along=True)
    columns["logp"] = columns["logp_rollout"] + 0.2 * (columns["logp"] - columns["logp_rollout"])
    odd = np.flatnonzero(sign * columns["advantage"] < 0)
    wrong = columns["completion"] == columns["completion"][odd[0]]
    columns["logp"][wrong] -= 5.0
    found = judged(columns)
    assert found.verdict == verdict
    assert [cause.name for cause in found.causes] == ["pairing"] * (verdict == "found")
    assert ("1 completions differ far more" in found.headline) is (verdict == "unusual")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("critic", "as a critic's do"),
        ("batch", "one baseline for the whole batch"),
        ("running", "one baseline for the whole batch"),
    ],
)
def test_advantages_that_are_not_relative_to_a_group_are_no_half_groups(what, words):
    columns = flat(1, SIZE, "fp32")
    if what == "critic":
        noise = np.random.default_rng(0).normal(0, 0.3, len(columns["logp"]))
        columns["advantage"] = columns["reward"] - 0.4 + noise
    elif what == "batch":
        columns["advantage"] = (columns["reward"] - columns["reward"].mean()) / 0.49
    else:
        columns["advantage"] = columns["reward"] - 0.37
    found = judged(columns)
    assert found.verdict == "healthy" and any(words in text for text in found.unseen)


def test_a_group_is_halved_only_where_the_counts_say_so():
    """Groups of one size in whole, cut evenly, or relative to a baseline per prompt, are silent."""
    columns = flat(1, SIZE, "fp32")
    even = columns["completion"] % 8 < 4
    assert judged({name: x[even] for name, x in columns.items()}).verdict == "healthy"
    for fault in ("outside", "unequal", "signs"):
        assert judged(flat(2, SIZE, fault)).causes == ()


def overlong(columns, seed, count, advantage):
    """With so many completions wholly masked, as TRL's mask_truncated_completions does; `told`: what
    stands in their advantages, "as they are", 0 (verl multiplies by the mask), or NaN."""
    made = {name: values.copy() for name, values in columns.items()}
    owners = np.unique(made["completion"])
    chosen = np.random.default_rng(seed).choice(owners, count, replace=False)
    hidden = np.isin(made["completion"], chosen)
    made["mask"] = made["mask"] & ~hidden
    if advantage != "as they are":
        made["advantage"] = np.where(hidden, advantage, made["advantage"])
    return made


@pytest.mark.test_all("two hundred dumps")
@pytest.mark.parametrize("advantage", ["as they are", 0.0, NAN])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_wholly_masked_completions_are_no_half_groups(count, advantage):
    """Nor is a baseline over those that are left. What the file really lacks is found beside them."""
    for seed in range(6):
        columns = flat(seed, 96, "fp32")
        masked = overlong(columns, seed, count, advantage)
        assert judged(masked).verdict == "healthy"
        left = {name: values[masked["mask"]] for name, values in columns.items()}
        _, first = np.unique(left["completion"], return_index=True)
        group, reward = left["group"][first], left["reward"][first]
        mean = np.bincount(group, reward, 12) / np.maximum(np.bincount(group, minlength=12), 1)
        filtered = {name: values.copy() for name, values in masked.items()}
        at = masked["mask"]
        filtered["advantage"][at] = (columns["reward"] - mean[columns["group"]])[at]
        assert judged(filtered).causes == ()
    found = [
        [
            cause.name
            for cause in judged(
                overlong(flat(seed, SIZE, "half-groups"), seed, count, advantage)
            ).causes
        ]
        for seed in range(6)
    ]
    assert found == [["half-groups"]] * 6


def test_advantages_are_compared_with_the_rewards_within_groups():
    columns = flat(1, SIZE, "fp32")
    a = columns["advantage"]
    for made in (a, 3 * a, a / 0.3 + 0.01, columns["reward"] - 0.7):
        assert judged(columns | {"advantage": made}).causes == ()
    (cause,) = judged(columns | {"advantage": -a}).causes
    assert cause.name == "advantages" and "correlation -1.00" in cause.evidence
    (cause,) = judged(flat(1, SIZE, "advantages shuffled")).causes
    assert "of these rewards in another order" in cause.evidence
    signs = np.random.default_rng(0).choice([-1.0, 1.0], SIZE)[columns["completion"]]
    (cause,) = judged(columns | {"advantage": signs}).causes
    assert "completions with equal rewards have different advantages" in cause.evidence
    found = judged(flat(1, SIZE, "tiled"))
    assert "sum to 0 over other rows" in found.causes[0].evidence
    assert not any("one baseline" in text for text in found.unseen)


@pytest.mark.parametrize("share", [0.15, 0.5, 0.99])
def test_completions_that_end_at_one_length_were_cut(share):
    """With tokens and no end among them; a task in which all have one length is none."""
    columns = flat(1, SIZE, "fp32")
    owner = columns["completion"]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    limit = int(np.quantile(np.bincount(owner), 1 - share))
    kept = {name: x[place < max(limit, 16)] for name, x in columns.items()}
    assert "truncation" in [cause.name for cause in judged(kept).causes]
    near = {name: x[place < max(limit, 16) - owner % 2] for name, x in columns.items()}
    assert "truncation" not in [cause.name for cause in judged(near).causes]
    even = {name: x[(place < 8)] for name, x in columns.items()}
    assert judged(even).verdict == "healthy"


@pytest.mark.parametrize("times", [1, 1.6, 4])
def test_a_mismatch_that_has_grown_since_a_healthy_dump_is_found(tmp_path, capsys, times):
    """From .02 nats: no threshold on one dump sees the .08."""
    columns = flat(3, SIZE, "bf16")
    for name, more in (("before", 1), ("now", times)):
        d = columns["logp"] - columns["logp_rollout"]
        grown = columns["logp_rollout"] + more * d
        jsonl(tmp_path / f"{name}.jsonl", rows(columns | {"logp": grown, "logp_old": grown}))
    now, before = tmp_path / "now.jsonl", tmp_path / "before.jsonl"
    assert typed(f"diagnose {before} --json") == 0
    (tmp_path / "before.json").write_text(capsys.readouterr().out, encoding="utf-8")
    for file in (before, tmp_path / "before.json"):
        assert typed(f"diagnose {now} --against {file}") == (times > 2)
        output = capsys.readouterr().out
        assert output.startswith("found: jump") is (times > 2)
    assert times < 2 or "4 times as much in nats of a logit" in output
    assert typed(f"diagnose {now} --against {tmp_path / 'none'}") == 2


def test_versions_of_every_token_are_read_and_may_decrease(tmp_path):
    columns = flat(2, SIZE, "staleness")
    table = rows(columns)
    for row in table:
        row["versions"] = [row.pop("version")] * len(row["logp"])
    read_back = read(jsonl(tmp_path / "dump.jsonl", table))
    assert ("version", "versions") in read_back.recognised
    found = judgement.judge(read_back)[0]
    assert "staleness" in [cause.name for cause in found.causes]
    backwards = read(jsonl(tmp_path / "dump.jsonl", table[::-1]))
    assert "staleness" in [cause.name for cause in judgement.judge(backwards)[0].causes]


def test_prompts_as_ids_are_groups_and_areals_log_probs_are_the_samplers(tmp_path):
    dump = rows(flat(2, 64, "temperature 0.7"))
    for row in dump:
        row["prompt_ids"] = [7, int(row.pop("group"))]
        row["logprobs"], row["prox_logp"] = row.pop("logp_rollout"), row.pop("logp_old")
        del row["logp"]
    found = read(jsonl(tmp_path / "dump.jsonl", dump))
    assert ("logp_rollout", "logprobs") in found.recognised
    assert ("logp_old", "prox_logp") in found.recognised
    assert found.group is not None and len(np.unique(found.group)) == 8
    assert diagnose(found).judgement.headline.startswith("found: temperature; ")


def test_tokens_of_which_a_model_is_certain_are_no_padding():
    """A live run was accused of it: 0 is a log-prob that a softmax gives."""
    assert judged(certain_ends()).verdict == "healthy"
    (cause,) = judged(certain_ends(pad=8)).causes
    assert cause.name == "padding"


def test_a_batch_without_any_advantage_is_named():
    columns = flat(1, 64, "fp32")
    columns["advantage"] = np.zeros(len(columns["mask"]))
    (cause,) = judged(columns).causes
    assert (cause.name, cause.evidence) == ("dead-groups", "Every advantage is 0.")


def test_batches_pool_their_evidence_and_the_name_stays():
    """A temperature that most tokens hardly feel stays amber; one that they feel keeps its name."""
    faint, plain = judgement.Memory(), judgement.Memory()
    for seed in range(20):
        found = judged(flat(seed, 64, "temperature 0.7", True, "dial"), faint)
        assert found.verdict == "unusual"
        found = judged(flat(seed, 64, "temperature 0.7"), plain)
        assert [cause.name for cause in found.causes] == ["temperature"]
    healthy = judgement.Memory()
    for seed in range(20):
        assert judged(flat(seed, 64, "bf16", True, "dial"), healthy).verdict == "healthy"


@pytest.mark.test_all("a hundred dumps")
def test_a_fault_that_was_repaired_is_forgotten():
    memory = judgement.Memory()
    for seed in range(10):
        judged(flat(seed, 64, "temperature 0.7", True, "dial"), memory)
    verdicts = [judged(flat(seed, 64, "bf16", True, "dial"), memory).verdict for seed in range(90)]
    assert verdicts[0] == "unusual" and verdicts[-1] == "healthy"


def test_another_prompt_that_matters_at_one_token_is_told_from_an_edit():
    """Completions behind another prompt differ at the same place; edits fall anywhere."""
    clean = flat(0, SIZE, "bf16", True, "relay")
    first = np.flatnonzero(np.diff(clean["completion"], prepend=-1))[:24]
    for places, name in ((1, ["pairing"]), (np.arange(24), [])):
        columns = {key: values.copy() for key, values in clean.items()}
        for key in ("logp", "logp_old"):
            columns[key][first + places] -= 6
        found = judged(columns)
        assert [cause.name for cause in found.causes] == name
        message = found.causes[0].evidence if name else found.headline
        assert ("24 of the 24 tokens" if name else "edited logits (a penalty") in message
    # All behind another prompt, and updates that move the learner's passes as far apart.
    columns = flat(0, SIZE, "pairing all", True, "relay")
    free = 1 - np.exp(columns["logp_old"])
    columns["logp"] = columns["logp_old"] + free * np.sign(columns["advantage"]) / 4
    verdict = judged(columns)
    assert not verdict.causes and "another prompt" in verdict.headline


def test_the_temperature_says_whose_it_is():
    for fault, words in (
        ("temperature 0.7", "so the sampler's log-probs are right"),
        ("temperature sampler", "are not of"),
    ):
        (cause,) = judged(flat(3, SIZE, fault)).causes
        assert words in cause.evidence


@pytest.mark.parametrize(
    ("fault", "status", "verdict"),
    [("fp32", 0, "healthy"), ("temperature 0.7", 1, "found"), ("non-finite", 1, "found")],
)
def test_the_command_names_the_cause_and_ends_with_its_status(
    tmp_path, capsys, fault, status, verdict
):
    path = jsonl(tmp_path / "dump.jsonl", rows(flat(0, 64, fault)))
    assert typed(f"diagnose {path}") == status
    first = capsys.readouterr().out.splitlines()[0]
    assert typed(f"diagnose {path} --json") == status
    found = json.loads(capsys.readouterr().out)
    names = [FAULTS[fault]] if status else []
    assert (found["verdict"], [cause["name"] for cause in found["causes"]]) == (verdict, names)
    assert found["headline"] == first
    message = f"found: {names[0]}" if names else "healthy within what 64 completions can show"
    assert first.startswith(f"{message}; ")
    assert all(
        set(cause) == {"name", "evidence", "advice"} and all(cause.values())
        for cause in found["causes"]
    )


def test_a_reward_that_is_no_number_is_found(tmp_path):
    columns = flat(0, 64, "fp32")
    columns["reward"][columns["completion"] == 5] = float("nan")
    found = diagnose(read(jsonl(tmp_path / "dump.jsonl", rows(columns)))).judgement
    (cause,) = found.causes
    assert (
        cause.name == "non-finite"
        and cause.evidence.startswith("1 of reward are NaN")
        and "5." in cause.evidence
    )


def test_what_the_file_says_may_be_the_cause(tmp_path):
    path = jsonl(tmp_path / "dump.jsonl", rows(flat(0, 64, "fp32")))
    for message, name in (
        ({"temperature": 0.7}, "temperature"),
        ({"temperature": 1.0, "top_p": 0.9}, "support"),
    ):
        found = diagnose(read(path, logprobs="raw", **message)).judgement
        assert [cause.name for cause in found.causes] == [name]


@pytest.mark.parametrize("old", [True, False])
def test_a_batch_in_memory_is_judged_as_its_file(old):
    """Whatever stands behind a completion's last token, and whichever rows are empty."""
    columns = flat(3, 64, "temperature 0.7", old)
    batch = padded(columns)
    group = np.zeros(66, dtype=int)
    group[columns["completion"] + 1] = columns["group"]
    found = judge_batch(**batch, group=group)
    assert found.causes == judged(columns).causes != ()
