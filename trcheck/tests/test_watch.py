"""`trlib diagnose` inside TRL's GRPOTrainer and verl's driver: tiny random models, with faults and
without."""

import sys
import warnings
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("trl", reason="TRL is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.test_all("runs of TRL's trainer and of verl's driver"),
]

from datasets import Dataset  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from tests.instruments.bridges.trl_run import QUIET, reward  # noqa: E402
from trcheck.benchmark.faults import flat  # noqa: E402
from trcheck.tests.diagnose.dumps import padded  # noqa: E402
from trcheck.watch import Watch, verl  # noqa: E402
from trcheck.watch.trl import CausesCallback, DistanceCallback  # noqa: E402
from trlib.bridges.trl import DistributionTrainer, TrustRegionTrainer  # noqa: E402
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
    with warnings.catch_warnings(record=True) as caught:
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
        [str(w.message) for w in caught if "trlib diagnose" in str(w.message)],
        sum(forwards),
    )


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")


@pytest.mark.parametrize(
    "given", [{}, {"kind": TrustRegionTrainer, "scale_rewards": "none"}], ids=["trl", "bridge"]
)
def test_a_healthy_run_has_no_cause(given, small_model, tmp_path):
    causes, messages, _ = run(tmp_path, small_model(), **given)
    assert causes == [{"found": 0.0}] * 3 and not messages


def test_a_learner_at_another_temperature_is_named_each_time_and_told_once(small_model, tmp_path):
    causes, messages, _ = run(tmp_path, small_model(), temperature=1.0, every=2)
    assert causes == [{"found": 1.0, "temperature": 1.0}, {}, {"found": 1.0, "temperature": 1.0}]
    (only,) = messages
    assert "changes by -0.2" in only and "divide its logits" in only


def test_micro_batches_are_one_batch_and_the_model_is_not_asked_again(small_model, tmp_path):
    given = {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 4, "max_steps": 1}
    causes, messages, watched = run(tmp_path, small_model(), **given)
    *_, alone = run(tmp_path, small_model(), every=0, **given)
    assert causes == [{"found": 0.0}] and not messages and watched == alone


# -- how far a batch takes the policy, in TRL
# --------------------------------------------------------------------------------------------------


def distances(folder, model, kind=GRPOTrainer, callback=None, **settings):
    """A run with a DistanceCallback: TRL's log of every step, and the trainer."""
    given = {
        "per_device_train_batch_size": 16,
        "num_generations": 8,
        "max_steps": 4,
        "max_completion_length": 12,
        "learning_rate": 1e-3,
        "optim": "sgd",
        "max_grad_norm": 1e9,
        "loss_type": "dapo",
        "scale_rewards": "none",
        **QUIET,
        **settings,
    }
    trainer = kind(
        model=model,
        args=GRPOConfig(output_dir=str(folder), **given),
        reward_funcs=reward,
        train_dataset=Dataset.from_list([{"prompt": p} for p in PROMPTS]),
        rollout_func=drawn(1.0),
        processing_class=AutoTokenizer.from_pretrained(EMBEDDED / "dial"),
    )
    trainer.add_callback(DistanceCallback(trainer, **(callback or {})))
    trainer.train()
    return [row for row in trainer.state.log_history if "distance/kl" in row], trainer


@pytest.mark.parametrize("kind", [GRPOTrainer, TrustRegionTrainer, DistributionTrainer])
def test_the_distance_is_measured_after_the_update(kind, small_model, tmp_path):
    """Against a hand-made score of the same completions by the weights before and after; before
    the update, where TRL takes its own numbers, it is 0."""
    kept = []

    class Kept(kind):
        def _compute_loss(self, model, inputs):
            kept.append((inputs, {k: v.clone() for k, v in self.model.state_dict().items()}))
            return super()._compute_loss(model, inputs)

    model = small_model()
    logged, trainer = distances(tmp_path, model, Kept, max_steps=2, learning_rate=0.3)
    weights = [state for _, state in kept] + [trainer.model.state_dict()]
    for step, (row, (inputs, _)) in enumerate(zip(logged, kept, strict=True)):
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
        scores = []
        for state in weights[step : step + 2]:
            twin = small_model()
            twin.load_state_dict(state)
            start = inputs["prompt_ids"].shape[1] - 1
            logits = twin(ids).logits[:, start:-1].log_softmax(-1)
            scores.append(logits.gather(-1, inputs["completion_ids"][..., None])[..., 0])
        d = (scores[1] - scores[0]).detach()[inputs["completion_mask"].bool()]
        assert row["distance/kl"] == pytest.approx((d.exp() - 1 - d).mean().item(), rel=1e-3)
        assert row["distance/kl"] > 1e-6 and row.get("clip_ratio/region_mean", 0) == 0


def test_a_run_stops_where_the_distance_is_passed_batch_after_batch(small_model, tmp_path):
    with pytest.warns(UserWarning, match="above 1e-09 in 2 steps in a row, and is"):
        logged, _ = distances(tmp_path, small_model(), callback={"most": 1e-9, "patience": 2})
    assert len(logged) == 2
    logged, _ = distances(tmp_path, small_model(), callback={"most": 1e3, "patience": 2})
    assert len(logged) == 4


@pytest.mark.parametrize("kind", [GRPOTrainer, TrustRegionTrainer])
def test_one_batch_fitted_again_and_again_says_how_far_it_may_take_the_policy(
    kind, small_model, tmp_path
):
    """Half of the completions are put aside; what is learnt of the others takes the KL further and
    further, and the loss never saw what is measured."""
    repeated = {"num_iterations": 6, "max_steps": 6, "learning_rate": 0.1}
    rows, trainer = distances(
        tmp_path, small_model(), kind, {"aside": True}, **repeated, gradient_accumulation_steps=2
    )
    far = [row["distance/kl"] for row in rows]
    assert len(far) == 6 and far[0] > 0 and far == sorted(far)
    # A mean of (π/π_old - 1) A, with advantages of about 1: small while the policy has hardly moved.
    assert all(0 < abs(row["distance/gain"]) < 5 * row["distance/kl"] ** 0.5 for row in rows)

    class Fitted(kind):  # trained on the same rows, without the callback's mask
        def _compute_loss(self, model, inputs):
            fitted = (torch.arange(len(inputs["completion_ids"])) % 2 == 0)[:, None]
            tools = fitted.long().expand(inputs["completion_mask"].shape)
            return super()._compute_loss(model, {**inputs, "tool_mask": tools})

    _, twin = distances(
        tmp_path, small_model(), Fitted, {"most": 1e9}, **repeated, gradient_accumulation_steps=2
    )
    for name, value in trainer.model.state_dict().items():
        torch.testing.assert_close(value, twin.model.state_dict()[name], rtol=1e-5, atol=1e-7)


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


# -- how far a batch takes the policy, in verl
# --------------------------------------------------------------------------------------------------


def an_engine(model, rate):
    """verl's engine with its own train_batch and infer_batch, over one process's model on a CPU:
    what its engines for GPUs fill in is filled in here."""
    from contextlib import contextmanager

    from verl.utils import tensordict_utils
    from verl.workers.engine.base import BaseEngine

    class Engine(BaseEngine):
        def __init__(self):
            self.optimizer = torch.optim.SGD(model.parameters(), rate)

        @contextmanager
        def mode(self, training):
            model.train(training)
            yield

        def train_mode(self, **_):
            return self.mode(True)

        def eval_mode(self, **_):
            return self.mode(False)

        def is_mp_src_rank_with_outputs(self):
            return True

        def optimizer_zero_grad(self):
            self.optimizer.zero_grad()

        def optimizer_step(self):
            self.optimizer.step()
            return 1.0

        def forward_backward_batch(self, data, loss_function, forward_only=False):
            assert model.training is not forward_only
            rows = data["input_ids"].unbind()
            scores = []
            for row in rows:
                logp = model(row[None]).logits[0].log_softmax(-1)
                scores.append(logp[:-1].gather(-1, row[1:, None])[:, 0])
            packed = torch.cat([torch.cat([x, x.new_zeros(1)]) for x in scores])
            offsets = data["input_ids"].offsets()
            nested = torch.nested.nested_tensor_from_jagged(packed, offsets=offsets)
            output = {"model_output": {"log_probs": nested.detach()}, "metrics": {}}
            if loss_function is not None:
                more = {"dp_size": 1, "batch_num_tokens": None, "global_batch_size": None}
                tensordict_utils.assign_non_tensor(data, **more)
                loss, metrics = loss_function(model_output={"log_probs": packed}, data=data)
                loss.backward()
                output["metrics"] = {name: [value] for name, value in metrics.items()}
            return output

    return Engine()


@pytest.fixture
def measured(monkeypatch):
    pytest.importorskip("verl", reason="verl is not installed")
    from verl.workers.engine.base import BaseEngine

    monkeypatch.setattr(BaseEngine, "train_batch", BaseEngine.train_batch)  # put back afterwards


def workers_batch(model, seed=0, apart=0.0):
    """A minibatch as verl's worker gets it, nested; the sampler's log-probs are `apart` from the
    model's."""
    from verl.utils import tensordict_utils

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED / "dial")
    trainer = SimpleNamespace(model=model, processing_class=tokenizer)
    made = drawn(1.0)([p for p in PROMPTS[:4] for _ in range(4)], trainer)
    lengths = torch.randint(4, 12, (16,)).tolist()
    prompts = [torch.tensor(x) for x in made["prompt_ids"]]
    responses = [torch.tensor(x[:n]) for x, n in zip(made["completion_ids"], lengths, strict=True)]
    sampler = [torch.tensor(x[:n]) for x, n in zip(made["logprobs"], lengths, strict=True)]
    rewards = torch.tensor(reward(made["completion_ids"]))
    rewards = rewards - rewards.mean()
    columns = {
        "prompts": prompts,
        "responses": responses,
        "input_ids": [torch.cat(x) for x in zip(prompts, responses, strict=True)],
        "response_mask": [torch.ones(n) for n in lengths],
        "loss_mask": [torch.ones(n) for n in lengths],
        "old_log_probs": sampler,
        "rollout_log_probs": [x - apart * torch.rand(len(x)) for x in sampler],
        "advantages": [a.expand(n).clone() for a, n in zip(rewards, lengths, strict=True)],
    }
    nested = {k: torch.nested.as_nested_tensor(v, layout=torch.jagged) for k, v in columns.items()}
    return tensordict_utils.get_tensordict(nested, {}), columns


def actors_loss():
    from functools import partial

    from verl.workers.config import FSDPActorConfig
    from verl.workers.utils.losses import ppo_loss

    settings = {"strategy": "fsdp", "rollout_n": 4, "ppo_micro_batch_size_per_gpu": 16}
    return partial(ppo_loss, FSDPActorConfig(**settings))


def updated(engine, data):
    """The metrics of an update, as verl's worker makes one."""
    with engine.train_mode():
        return engine.train_batch(data, actors_loss())["metrics"]


def scored_by(model, columns):
    """Every completion's log-probs by the model, in a row."""
    rows = []
    for prompt, response in zip(columns["prompts"], columns["responses"], strict=True):
        logp = model(torch.cat([prompt, response])[None]).logits[0].log_softmax(-1)
        rows.append(logp[len(prompt) - 1 : -1].gather(-1, response[:, None])[:, 0].detach())
    return torch.cat(rows)


def test_verls_distance_is_measured_after_the_update(measured, small_model):
    """verl's own actor/ppo_kl is 0 on the same update."""
    verl.distance()
    verl.distance()  # once is enough
    model = small_model().eval()
    data, columns = workers_batch(model, apart=0.2)
    before = scored_by(model, columns)
    metrics = updated(an_engine(model, 1.0), data)
    d, mismatch = (
        scored_by(model, columns) - before,
        before - torch.cat(columns["rollout_log_probs"]),
    )
    (theirs,) = metrics["actor/ppo_kl"]
    assert theirs.aggregate() == pytest.approx(0, abs=1e-6)
    for name, difference in (("kl", d), ("sampler_kl", mismatch)):
        k3 = (difference.exp() - 1 - difference).mean().item()
        assert metrics[f"actor/distance_{name}"] == [pytest.approx(k3, rel=1e-3)] and k3 > 1e-5


def test_verl_is_measured_every_so_many_updates_and_one_batch_is_fitted_again(
    measured, small_model, capsys
):
    verl.distance(every=2)
    model = small_model().eval()
    data, columns = workers_batch(model)
    engine = an_engine(model, 0.1)
    found = [updated(engine, data) for _ in range(4)]
    assert ["actor/distance_kl" in x for x in found] == [False, True] * 2
    verl.distance(aside=True)
    model = small_model().eval()
    data, columns = workers_batch(model)
    start, held = (
        scored_by(model, columns),
        torch.cat([torch.full((len(x),), i % 2 == 1) for i, x in enumerate(columns["responses"])]),
    )
    engine, far = an_engine(model, 0.2), []
    for _ in range(3):
        metrics = updated(engine, data)
        d = (scored_by(model, columns) - start)[held]
        far.append((d.exp() - 1 - d).mean().item())
        gain = (d.expm1() * torch.cat(columns["advantages"])[held]).mean().item()
        assert metrics["actor/distance_kl"] == [pytest.approx(far[-1], rel=1e-3)]
        assert metrics["actor/distance_gain"] == [pytest.approx(gain, rel=1e-3)]
    assert 0 < far[0] < far[1] < far[2]
    lines = capsys.readouterr().out.splitlines()
    assert [line[:26] for line in lines] == [f"distance: update {i}, kl 0.0" for i in (1, 2, 3)]
