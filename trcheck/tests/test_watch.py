"""`trlib diagnose` inside TRL's GRPOTrainer and verl's driver: tiny random models, with faults and
without."""

import sys
import warnings
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("trl", reason="TRL is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

from datasets import Dataset  # noqa: E402
from transformers import AutoTokenizer, Trainer, TrainingArguments  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from tests.instruments.bridges.trl_run import QUIET, reward  # noqa: E402
from trcheck.benchmark.faults import flat  # noqa: E402
from trcheck.tests.diagnose.dumps import padded  # noqa: E402
from trcheck.watch import Watch, verl  # noqa: E402
from trcheck.watch.trl import CausesCallback  # noqa: E402
from trlib.bridges.trl import TrustRegionTrainer  # noqa: E402
from trlib.model.loading import EMBEDDED  # noqa: E402

PROMPTS = [f"{start} : +{move} =" for start in range(8) for move in (1, 2)]
TEMPERATURE = 0.7


def drawn(temperature, lag=0.0):
    """Eight completions of each prompt from the model, at a temperature, with their log-probs at
    it; `lag`: nats of a logit by which a sampler moves from version to version, ages 0 to 6."""

    def rollouts(prompts, trainer):
        age = torch.arange(len(prompts)) % 7
        ids = torch.tensor([trainer.processing_class(p).input_ids for p in prompts])
        start, logps, training = ids.shape[1], [], trainer.model.training
        trainer.model.eval()
        with torch.no_grad():
            for _ in range(12):
                logits = trainer.model(ids).logits[:, -1]
                logits = logits + lag * age[:, None] * torch.randn(logits.shape)
                scores = (logits / temperature).log_softmax(-1)
                ids = torch.cat([ids, scores.exp().multinomial(1)], 1)
                logps.append(scores.gather(1, ids[:, -1:]))
        trainer.model.train(training)
        return {
            "prompt_ids": ids[:, :start].tolist(),
            "completion_ids": ids[:, start:].tolist(),
            "logprobs": torch.cat(logps, 1).tolist(),
            **({"version": (9 - age).tolist()} if lag else {}),
        }

    return rollouts


def run(
    folder,
    model,
    kind=GRPOTrainer,
    every=1,
    rollout=True,
    lag=0.0,
    **settings,
):
    """What TRL logged of causes, step by step, and what was warned of."""
    given = {
        "per_device_train_batch_size": 64,
        "num_generations": 8,
        "max_steps": 3,
        "max_completion_length": 12,
        "learning_rate": 1e-4,
        "temperature": TEMPERATURE,
        **QUIET,
        **settings,
    }
    trainer = kind(
        model=model,
        args=GRPOConfig(output_dir=str(folder), **given),
        reward_funcs=reward,
        train_dataset=Dataset.from_list([{"prompt": p} for p in PROMPTS]),
        rollout_func=drawn(TEMPERATURE, lag) if rollout else None,
        processing_class=AutoTokenizer.from_pretrained(EMBEDDED / "dial"),
    )
    forwards = []
    trainer.model.register_forward_hook(lambda *_: forwards.append(trainer.model.training))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if every:
            trainer.add_callback(CausesCallback(trainer, every=every))
        trainer.train()
    logged = [row for row in trainer.state.log_history if "reward" in row]
    causes = [
        {k.removeprefix("causes/"): v for k, v in row.items() if k.startswith("causes/")}
        for row in logged
    ]
    return (
        causes,
        [str(w.message) for w in told if "trlib diagnose" in str(w.message)],
        sum(forwards),
    )


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")


@pytest.mark.parametrize(
    "given", [{}, {"kind": TrustRegionTrainer, "scale_rewards": "none"}], ids=["trl", "bridge"]
)
def test_a_healthy_run_has_no_cause(given, small_model, tmp_path):
    causes, told, _ = run(tmp_path, small_model(), **given)
    assert causes == [{"found": 0.0}] * 3 and not told


def test_a_learner_at_another_temperature_is_named_each_time_and_told_once(small_model, tmp_path):
    causes, told, _ = run(tmp_path, small_model(), temperature=1.0, every=2)
    assert causes == [{"found": 1.0, "temperature": 1.0}, {}, {"found": 1.0, "temperature": 1.0}]
    (only,) = told
    assert "changes by -0.2" in only and "divide its logits" in only


def test_a_sampler_that_lags_is_named_by_its_versions(small_model, tmp_path):
    causes, (told,), _ = run(tmp_path, small_model(), lag=0.1, max_steps=2)
    assert causes == [{"found": 1.0, "staleness": 1.0}] * 2
    assert "up to 6 versions older" in told


def test_micro_batches_are_one_batch_and_the_model_is_not_asked_again(small_model, tmp_path):
    given = {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 4, "max_steps": 1}
    causes, told, watched = run(tmp_path, small_model(), **given)
    *_, alone = run(tmp_path, small_model(), every=0, **given)
    assert causes == [{"found": 0.0}] and not told and watched == alone


def test_without_the_samplers_log_probs_it_says_once_what_is_not_seen(small_model, tmp_path):
    causes, told, _ = run(tmp_path, small_model(), rollout=False)
    (only,) = told
    assert (
        "no log-probs of the sampler" in only and "use_vllm=True" in only and "temperature" in only
    )
    assert causes == [{"found": 0.0}] * 3


def test_a_trainer_without_completions_is_told_once_what_it_lacks_and_trains_on(
    small_model, tmp_path
):
    ids = [{"input_ids": [3, 4, 5], "labels": [3, 4, 5]}] * 4
    args = TrainingArguments(str(tmp_path), max_steps=2, **QUIET)
    trainer = Trainer(small_model(), args, train_dataset=Dataset.from_list(ids))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trainer.add_callback(CausesCallback(trainer, every=1))
        trainer.train()
    (only,) = [str(w.message) for w in told if "trlib diagnose" in str(w.message)]
    assert (
        "log-probs of TRL's GRPOTrainer; Trainer has no _compute_loss" in only
        and trainer.state.global_step == 2
    )


def batch_of(fault):
    columns = flat(0, 64, fault)
    whole = np.bincount(columns["completion"])[columns["completion"]] < 64  # the others were cut
    found = padded({name: values[whole] for name, values in columns.items()})
    return {name: torch.from_numpy(values) for name, values in found.items()}


def test_a_run_keeps_what_its_healthy_batches_measured_and_is_held_to_it(tmp_path):
    file = tmp_path / "healthy.json"
    watch = Watch(against=file)
    for _ in range(9):
        assert watch.look(**batch_of("bf16")) == {"causes/found": 0.0}
    assert not file.exists()
    watch.look(**batch_of("bf16"))
    assert watch.look(**batch_of("bf16"))["causes/against"] == pytest.approx(1, abs=0.01)
    later = Watch(against=file)
    with pytest.warns(UserWarning, match="jump: Learner and sampler differ"):
        found = later.look(**batch_of("int8"))
    assert found["causes/against"] > 2 and found["causes/jump"] == 1
    with pytest.raises(ValueError, match="against: expected a dump that exists, or the name of a"):
        Watch(against=tmp_path / "none.parquet")


@pytest.mark.parametrize("name", ["every", "tokens"])
def test_a_number_of_steps_or_tokens_is_checked(name):
    with pytest.raises(ValueError, match=f"{name}: expected a whole number of at least 1, got 0"):
        Watch(**{name: 0})


# -- verl
# --------------------------------------------------------------------------------------------------


@pytest.fixture
def driver(monkeypatch):
    """verl's own functions in a module by its trainer's name: the trainer itself needs a cluster's
    packages."""
    pytest.importorskip("verl", reason="verl is not installed")
    from verl.trainer.ppo import core_algos, metric_utils

    def compute_advantage(data, **_):
        columns = data.batch
        advantages, returns = core_algos.compute_grpo_outcome_advantage(
            columns["token_level_rewards"], columns["response_mask"], data.non_tensor_batch["uid"]
        )
        columns["advantages"], columns["returns"] = advantages, returns
        return data

    module = ModuleType(verl.TRAINERS[0])
    module.compute_advantage = compute_advantage
    module.compute_data_metrics = metric_utils.compute_data_metrics
    monkeypatch.setattr(metric_utils, "compute_data_metrics", metric_utils.compute_data_metrics)
    for name in (*verl.TRAINERS, *verl.METRICS[1:]):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, verl.TRAINERS[0], module)
    return module


def verls_batch(model, seed, learner=TEMPERATURE, lag=0.0):
    """A batch of verl's driver: the sampler's and the learner's log-probs, rewards and uids."""
    from verl import DataProto

    torch.manual_seed(seed)
    trainer = SimpleNamespace(
        model=model, processing_class=AutoTokenizer.from_pretrained(EMBEDDED / "dial")
    )
    made = drawn(TEMPERATURE, lag)([p for p in PROMPTS[:8] for _ in range(8)], trainer)
    prompts, responses = torch.tensor(made["prompt_ids"]), torch.tensor(made["completion_ids"])
    with torch.no_grad():
        logits = (
            model(torch.cat([prompts, responses], 1)).logits[:, prompts.shape[1] - 1 : -1] / learner
        )
    rewards = torch.zeros(responses.shape)
    rewards[:, -1] = torch.tensor(reward(made["completion_ids"]))
    return DataProto.from_dict(
        tensors={
            "prompts": prompts,
            "responses": responses,
            "attention_mask": torch.ones(
                64, prompts.shape[1] + responses.shape[1], dtype=torch.long
            ),
            "response_mask": torch.ones(responses.shape),
            "rollout_log_probs": torch.tensor(made["logprobs"]),
            "old_log_probs": logits.log_softmax(-1).gather(-1, responses.unsqueeze(-1)).squeeze(-1),
            "token_level_scores": rewards,
            "token_level_rewards": rewards,
        },
        non_tensors={
            "uid": [str(i // 8) for i in range(64)],
            **({"min_global_steps": made["version"]} if lag else {}),
        },
    )


def step(driver, batch):
    """What verl's driver does with a batch, as far as it concerns metrics."""
    metrics = driver.compute_data_metrics(
        batch=driver.compute_advantage(batch, adv_estimator="grpo"), use_critic=False
    )
    assert "critic/rewards/mean" in metrics
    return {k.removeprefix("causes/"): v for k, v in metrics.items() if k.startswith("causes/")}


def test_verls_metrics_name_the_cause_every_so_many_steps(driver, small_model):
    verl.watch(every=2, use_v1=False)
    verl.watch(every=2, use_v1=False)  # once is enough
    model = small_model().eval()
    assert step(driver, verls_batch(model, 0)) == {"found": 0.0}
    assert step(driver, verls_batch(model, 1, learner=1.0)) == {}
    # Of 64 completions of a random model a line explains just less than half: amber.
    with pytest.warns(UserWarning, match="an error of temperature"):
        assert step(driver, verls_batch(model, 2, learner=1.0)) == {"found": 0.0, "unusual": 1.0}
    verl.watch(every=1, use_v1=False)
    with pytest.warns(UserWarning, match="staleness: .* up to 6 versions older"):
        assert step(driver, verls_batch(model, 3, lag=0.1)) == {"found": 1.0, "staleness": 1.0}


def test_verl_is_told_once_which_option_records_the_sampler(driver, small_model):
    verl.watch(every=1, use_v1=False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for seed in range(2):
            batch = verls_batch(small_model().eval(), seed)
            batch.batch.pop("rollout_log_probs")
            assert step(driver, batch) == {"found": 0.0}
    (only,) = [str(w.message) for w in told if "trlib diagnose" in str(w.message)]
    assert "rollout.calculate_log_probs=True" in only


def test_without_verls_trainers_it_says_which_module_each_of_them_lacks(driver, monkeypatch):
    def missing(name):
        raise ImportError("No module named 'cachetools'")

    monkeypatch.setattr(verl, "import_module", missing)
    with pytest.raises(ImportError, match="watch: expected verl's default trainer") as told:
        verl.watch()
    assert f"{verl.TRAINERS[1]}: No module named 'cachetools'" in str(told.value)
