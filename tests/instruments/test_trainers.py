"""The losses in other people's trainers, `examples/`, by each trainer's documented signature and its
own normalisation, packing and data parallelism, as its source has them. The gradient of all weights
is compared with one derived by hand, completion by completion and without padding.

None of these trainers installs beside the pinned versions, so that `sys.modules` holds stand-ins of
the names that a file imports. Each page under `examples/` says which commit they were read in."""

import importlib.util
import sys
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"
MINE = """
from dataclasses import dataclass
from trlib.algorithms import Method, TokenLoss

@dataclass(frozen=True, kw_only=True)
class Mine(Method):
    most: float = 2.0
    def objective(self, scores, batch):
        ratio = (scores.logp - batch.logp_anchor).exp()
        return TokenLoss(-ratio.clamp(max=self.most) * batch.advantages)
"""
PROMPT, VOCABULARY, LENGTHS = 2, 13, (9, 3, 7, 1, 6, 0)
"""Of the completions; the last has no token that counts."""
STEPS = [[0, 1], [2, 3, 4], [5]]
"""Micro-batches; the last is a rank's of its own."""


@dataclass
class Data:
    """Completions, [B, T] each, of a policy whose weights are a table: what follows each token."""

    weights: torch.Tensor
    tokens: torch.Tensor  #: [B, PROMPT + T]
    mask: torch.Tensor
    advantages: torch.Tensor
    old: torch.Tensor  #: The learner before this update; NaN where masked.
    sampler: torch.Tensor

    def logits(self, rows):
        return self.weights[self.tokens[rows, :-1]]

    def logp(self, rows):
        """[B, PROMPT + T - 1] of the tokens after the first."""
        logp = self.logits(rows).log_softmax(-1)
        return logp.gather(-1, self.tokens[rows, 1:].unsqueeze(-1)).squeeze(-1)

    def completions(self, rows):
        return self.logp(rows)[:, PROMPT - 1 :]

    def whole(self, values, fill=0.0):
        """[B, PROMPT + T] with something for the prompt."""
        return torch.cat([values.new_full((len(values), PROMPT), fill), values], 1)


@pytest.fixture
def data():
    g = torch.Generator().manual_seed(95_100)
    b, t = len(LENGTHS), max(LENGTHS)
    mask = torch.arange(t) < torch.tensor(LENGTHS).unsqueeze(-1)
    mask[0, 4] = False  # a tool's answer
    made = Data(
        torch.randn(VOCABULARY, VOCABULARY, generator=g, dtype=torch.float64).requires_grad_(),
        torch.randint(VOCABULARY, (b, PROMPT + t), generator=g),
        mask,
        torch.randn(b, 1, generator=g, dtype=torch.float64).expand(b, t),
        *[torch.empty(0)] * 2,
    )
    now = made.completions(slice(None)).detach()
    for name, size in (("old", 0.3), ("sampler", 0.5)):
        apart = size * torch.randn(now.shape, generator=g, dtype=torch.float64)
        setattr(made, name, (now + apart).clamp(max=-1e-3).masked_fill(~mask, torch.nan))
    return made


def slope(method, p, q, advantage):
    """dL/dlog p of one token, by hand."""
    if method == "ppo":
        r = p / q
        return -advantage * r * (r <= 1.2 if advantage > 0 else r >= 0.8)
    if method == "dppo":
        return -advantage * p / q * (p - q <= 0.15 if advantage > 0 else q - p <= 0.15)
    return -advantage * p / q * (p / q <= 2)  # Mine


def by_hand(data, method):
    """The gradient of the mean over all tokens in all weights: dlog softmax by its formula."""
    gradient = torch.zeros_like(data.weights)
    table = data.weights.detach().softmax(-1)
    for i, t in data.mask.nonzero().tolist():
        before, token = data.tokens[i, PROMPT + t - 1], data.tokens[i, PROMPT + t]
        old = (data.sampler if method == "dppo" else data.old)[i, t]
        weight = slope(method, table[before, token], old.exp(), data.advantages[i, t])
        gradient[before] += weight * (torch.eye(VOCABULARY)[token] - table[before])
    return gradient / data.mask.sum()


@pytest.fixture
def example(monkeypatch):
    """Imports a file of `examples/`, with stand-ins for the names that it imports."""

    def load(path, **modules):
        for name, names in modules.items():
            parts = name.split("__")
            for i in range(1, len(parts)):
                monkeypatch.setitem(sys.modules, ".".join(parts[:i]), ModuleType(parts[i - 1]))
            module = ModuleType(parts[-1])
            vars(module).update(names)
            monkeypatch.setitem(sys.modules, ".".join(parts), module)
        spec = importlib.util.spec_from_file_location("example", EXAMPLES / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def prime_rl(data, method, settings, example, monkeypatch):
    """compute_loss of prime-rl: packed sequences one after the other, prompts among them, and the
    number of tokens of the whole batch."""
    inputs = namedtuple(
        "LossInputs",
        "trainer_logprobs inference_logprobs ref_logprobs advantages loss_mask loss_weights",
    )
    outputs = namedtuple("LossOutputs", "loss metrics")
    names = {"LossInputs": inputs, "LossOutputs": outputs}
    ours = example("prime_rl/losses.py", prime_rl__trainer__rl__loss=names).trlib
    mask = data.whole(data.mask, False)
    # It has the sampler's log-probs alone.
    old, advantages = (
        data.whole(x) for x in (data.sampler if method == "dppo" else data.old, data.advantages)
    )
    for rows in STEPS:
        total = 0.0
        logp = torch.nn.functional.pad(data.logp(rows), (1, 0), value=-2.5)
        for i, row in enumerate(rows):
            given = (logp[i], old[row], None, advantages[row], mask[row], None)
            total = total + ours(inputs(*given), method=settings["name"]).loss
        (total / data.mask.sum()).backward()


def skyrl(data, method, settings, example, monkeypatch):
    """The worker of SkyRL: advantages that are divided by the batch's tokens, and sums over
    micro-batches and ranks."""
    found = {}
    registry = SimpleNamespace(register=found.__setitem__)
    entry = {"BasePPOExp": None, "validate_cfg": None}
    module = example(
        "skyrl/main.py",
        ray={"remote": lambda **_: lambda f: f},
        skyrl__backends__skyrl_train__utils__ppo_utils={"PolicyLossRegistry": registry},
        skyrl__train__config={"SkyRLTrainConfig": None},
        skyrl__train__entrypoints__main_base=entry,
        skyrl__train__utils={"initialize_ray": None},
    )
    module.register(settings["name"])
    (policy_loss,) = found.values()
    scaled = data.advantages / data.mask.sum()
    for rows in STEPS:
        logp = data.completions(rows)
        mask, old, sampler = (x[rows] for x in (data.mask.double(), data.old, data.sampler))
        loss, metrics = policy_loss(
            logp, old, scaled[rows], config=None, loss_mask=mask, rollout_logprobs=sampler
        )
        assert 0 <= metrics["clip_ratio"] <= 1
        loss.backward()


def tinker(data, method, settings, example, monkeypatch):
    """forward_backward_custom: the loss's gradient in log-probs goes back as weights of a linear
    loss."""
    make = example("tinker/losses.py").loss
    rows, old = slice(None), data.sampler if method == "dppo" else data.old
    logp = data.logp(rows)
    whole = {"mask": data.mask.double(), "logprobs": old, "advantages": data.advantages}
    whole = {name: data.whole(values)[:, 1:] for name, values in whole.items()}
    numbers = [{name: x[i] for name, x in whole.items()} for i in range(len(logp))]

    def tensor(values):
        return SimpleNamespace(to_torch=lambda: values)

    made = [
        SimpleNamespace(loss_fn_inputs={name: tensor(x) for name, x in one.items()})
        for one in numbers
    ]
    found = []
    for custom in (make(settings["name"]), make(settings["name"], numbers)):
        leaves = [x.detach().clone().requires_grad_() for x in logp]
        loss, metrics = custom(made, leaves)
        assert 0 <= metrics["kept"] <= 1
        found.append(torch.stack(torch.autograd.grad(loss, leaves)))
    assert torch.equal(*found)
    (logp * found[0]).sum().backward()


def slime(data, method, settings, example, monkeypatch):
    """loss_function of slime with --calculate-per-token-loss: packed logits, sums over tokens, and
    Megatron divides by their number."""
    monkeypatch.setenv("TRLIB_METHOD", settings["name"])

    def get_log_probs_and_entropy(
        logits, *, args, unconcat_tokens, total_lengths, response_lengths, with_entropy=False
    ):
        rows, start = [], 0
        for tokens, total, length in zip(
            unconcat_tokens, total_lengths, response_lengths, strict=True
        ):
            at = logits[0, start + total - length - 1 : start + total - 1].log_softmax(-1)
            rows.append(at.gather(-1, tokens[total - length :].unsqueeze(-1)).squeeze(-1))
            start += total
        return torch.empty(0), {"log_probs": rows}

    names = {
        "get_log_probs_and_entropy": get_log_probs_and_entropy,
        "get_rollout_top_p_logprob_kwargs": lambda args, batch: {},
    }
    module = example("slime/losses.py", slime__backends__megatron_utils__loss=names)
    args = SimpleNamespace(use_rollout_logprobs=False)
    for rows in STEPS:
        lengths = [max(LENGTHS[i], 1) for i in rows]
        tokens = [data.tokens[i, : PROMPT + n] for i, n in zip(rows, lengths, strict=True)]

        def part(values, rows=rows, lengths=lengths):
            return [values[i, :n] for i, n in zip(rows, lengths, strict=True)]

        masks = part(data.mask.int())
        batch = {
            "unconcat_tokens": tokens,
            "total_lengths": [len(x) for x in tokens],
            "response_lengths": lengths,
            "loss_masks": masks,
            "advantages": part(data.advantages),
            "log_probs": part(data.old),
            "rollout_log_probs": part(data.sampler),
        }

        def sum_of_token(x, lengths=lengths, masks=masks):
            return sum((y * m).sum() for y, m in zip(x.split(lengths), masks, strict=True))

        packed = data.weights[torch.cat(tokens)].unsqueeze(0)
        loss, log = module.trlib(args, batch, packed, sum_of_token)
        assert set(log) == {"loss", "kept"}
        (loss / data.mask.sum()).backward()


def roll(data, method, settings, example, monkeypatch):
    """ROLL's worker: counts of the whole batch in meta_info, sums over micro-batches. Its token mean
    does not multiply by the mask."""
    monkeypatch.setenv("TRLIB_METHOD", settings["name"])

    def agg_loss(
        loss_mat, loss_mask, loss_agg_mode, batch_num_tokens, global_valid_samples, weights=None
    ):
        assert loss_agg_mode == "token-mean"
        return loss_mat.sum() / batch_num_tokens

    class ActorWorker:
        pipeline_config = SimpleNamespace(loss_agg_mode="token-mean")

        def get_old_log_probs_with_cache(self, data, log_probs):
            return data.batch["old_log_probs"]

    worker = example(
        "roll/worker.py",
        roll__pipeline__rlvr__actor_worker={"ActorWorker": ActorWorker},
        roll__utils__functionals={"agg_loss": agg_loss},
    ).TrlibWorker()
    worker.strategy = SimpleNamespace(
        op_compute_log_probs=lambda logits, input_ids, attention_mask: (
            logits[:, :-1]
            .log_softmax(-1)
            .gather(-1, input_ids[:, 1:].unsqueeze(-1))
            .squeeze(-1)
            .masked_fill(attention_mask[:, 1:] == 0, 0.0)
        )
    )
    counts = {
        "batch_num_tokens": {"response_mask": data.mask.sum()},
        "global_valid_samples": {"response_mask": data.mask.any(-1).sum()},
    }
    of_prompt = {"old_log_probs": data.old, "infer_logprobs": data.sampler}
    of_prompt |= {"advantages": data.advantages}
    for rows in STEPS:
        batch = {name: data.whole(x)[rows, 1:] for name, x in of_prompt.items()}
        batch["response_mask"] = data.whole(data.mask.long())[rows]
        batch["input_ids"] = data.tokens[rows]
        given = SimpleNamespace(batch=batch, meta_info=counts)
        loss, metrics = worker.loss_func(given, data.weights[data.tokens[rows]])
        assert all(name.endswith("@sum") for name in metrics)
        loss.backward()


def nemo_rl(data, method, settings, example, monkeypatch):
    """NeMo-RL's loss function: masks of tokens and of samples, the count of all ranks' tokens."""

    def masked_mean(values, mask, dim=None, global_normalization_factor=None):
        return (values * mask).sum(dim) / (global_normalization_factor + 1e-8)

    interfaces = {
        "LossFunction": object,
        "LossType": SimpleNamespace(TOKEN_LEVEL="token_level"),
        "LossInputType": SimpleNamespace(LOGPROB="logprob"),
    }
    loss = example(
        "nemo_rl/losses.py",
        nemo_rl__algorithms__loss__interfaces=interfaces,
        nemo_rl__algorithms__utils={"masked_mean": masked_mean},
    ).TrlibLoss(settings["name"])
    sample = data.mask.any(-1).double()
    for rows in STEPS:
        batch = {
            "token_mask": data.whole(data.mask.double())[rows],
            "sample_mask": sample[rows],
            "advantages": data.whole(data.advantages)[rows],
            "prev_logprobs": data.whole(data.old.nan_to_num())[rows],
            "generation_logprobs": data.whole(data.sampler.nan_to_num())[rows],
        }
        mean, metrics = loss(data.logp(rows), batch, sample.sum(), data.mask.sum())
        assert {"loss", "token_mult_prob_error", "num_valid_samples"} <= metrics.keys()
        mean.backward()


@pytest.mark.parametrize("method", ["dppo", "ppo", "mine"])
@pytest.mark.parametrize("trainer", [prime_rl, skyrl, tinker, slime, roll, nemo_rl])
def test_the_gradient_in_somebody_elses_trainer_is_the_one_by_hand(
    trainer, method, data, example, monkeypatch, tmp_path
):
    (tmp_path / "mine.py").write_text(MINE)
    settings = {"name": f"{tmp_path / 'mine.py'}:Mine" if method == "mine" else method}
    trainer(data, method, settings, example, monkeypatch)
    torch.testing.assert_close(data.weights.grad, by_hand(data, method), rtol=1e-6, atol=1e-9)
    assert data.weights.grad.abs().max() > 1e-3


def test_a_loss_that_is_not_linear_is_refused_where_advantages_carry_the_reduction(
    example, monkeypatch, data
):
    with pytest.raises(ValueError, match="linear in the advantage, got 'dro'"):
        skyrl(data, "", {"name": "dro"}, example, monkeypatch)
