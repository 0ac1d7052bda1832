"""GRPO in one file: transformers samples, trlib's pure functions give the loss, torch's AdamW learns.

    python benchmarks/minimal_grpo.py                               # the embedded model: no download, seconds on a CPU
    python benchmarks/minimal_grpo.py --method dppo --epochs 4      # another loss, four updates per batch
    python benchmarks/minimal_grpo.py --model Qwen/Qwen2.5-0.5B-Instruct --lr 1e-6 --max-tokens 128    # downloads it

Four steps per batch: sample completions, verify them, turn rewards into advantages, descend on a loss. Copy the file
and put your own prompts and verifier in place of `dial` and `reward`.

Left out, because `trlib.train` has it: minibatches, adapters, exact divergences, saving and resuming, evaluation.

Shapes: P prompts, G completions of each, B = P * G; T tokens of the longest completion; S = longest prompt + T.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from importlib.resources import files

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from trlib.advantages import group_relative
from trlib.aggregation import aggregate
from trlib.algorithms import TokenLoss, cispo_loss, dppo_loss, gspo_loss, pg_is_loss, ppo_loss
from trlib.checks import value_checks

LOSSES = {  # name: (loss, its trust region, how tokens become one number)
    "pg_is": (pg_is_loss, {}, "token-mean"),
    "grpo": (ppo_loss, {"eps_low": 0.2, "eps_high": 0.2}, "seq-mean-token-mean"),
    "gspo": (gspo_loss, {"eps_low": 3e-4, "eps_high": 4e-4}, "seq-mean-token-mean"),
    "cispo": (cispo_loss, {"eps_low": 0.2, "eps_high": 0.2}, "token-mean"),
    "dppo": (dppo_loss, {"delta_tv": 0.15}, "seq-mean-token-sum-norm"),
}


def dial(rng: random.Random) -> tuple[str, int]:
    """A prompt of the embedded model, and its answer: where does a dial of 20 places stand after five moves?"""
    moves = {f"{k:+d}": lambda x, k=k: x + k for k in (1, 2, 3, 4, 5, -1, -2, -3, -4, -5)}
    moves |= {"x3": lambda x: 3 * x, "x7": lambda x: 7 * x, "sq": lambda x: x * x}
    moves |= {"flip": lambda x: 19 - x, "pair": lambda x: x ^ 1, "half": lambda x: x // 2}
    start, names = rng.randrange(20), rng.choices(list(moves), k=5)
    place = start
    for name in names:
        place = moves[name](place) % 20
    return f"{start} : {' '.join(names)} =", place


def sums(rng: random.Random) -> tuple[str, int]:
    """A prompt for a model from the hub, and its answer."""
    a, b = rng.randrange(100, 1000), rng.randrange(100, 1000)
    return f"What is {a} + {b}? End your answer with the number.", a + b


def reward(text: str, answer: int) -> float:
    """The verifier: 1 where the last number of the completion is the answer."""
    numbers = re.findall(r"-?\d+", text)
    return float(bool(numbers) and int(numbers[-1]) == answer)


@torch.no_grad()
def sample(model, tokenizer, prompts: list[str], group: int) -> tuple[Tensor, Tensor, Tensor]:
    """`group` completions of each prompt: ids [B, S], attention [B, S], mask [B, T] of the sampled tokens."""
    if tokenizer.chat_template:
        chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
        prompts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=not tokenizer.chat_template)
    batch = batch.to(model.device)
    ids = model.generate(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, num_return_sequences=group
    )  # [B, S], rows of one prompt stand together
    width = ids.shape[1] - batch.input_ids.shape[1]
    ends = torch.isin(ids[:, -width:], torch.tensor(model.generation_config.eos_token_id, device=ids.device))
    mask = ends.cumsum(-1) - ends.long() == 0  # [B, T]: up to the first end token, which counts
    attention = torch.cat([batch.attention_mask.repeat_interleave(group, 0), mask.long()], 1)  # [B, S]
    return ids, attention, mask


def log_probs(model, ids: Tensor, attention: Tensor, width: int) -> Tensor:
    """[B, T] log π(y_t) of the last `width` = T tokens of each row, nats."""
    positions = (attention.cumsum(-1) - 1).clamp(min=0)  # prompts are padded on the left
    out = model(input_ids=ids, attention_mask=attention, position_ids=positions, logits_to_keep=width + 1)
    logits = out.logits[:, :-1].float()  # [B, T, V]: what is said before each of the tokens
    return logits.log_softmax(-1).gather(-1, ids[:, -width:, None]).squeeze(-1)


def objective(
    method: str, logp: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor, horizon: int
) -> tuple[Tensor, TokenLoss]:
    """The loss as one number, and per token with its diagnostics.

    logp, logp_old: [B, T], now and when the batch was sampled; advantages [B]; mask [B, T]; horizon: the token limit.
    """
    loss, region, how = LOSSES[method]
    tokens = loss(logp, logp_old, advantages=advantages[:, None].expand_as(logp), mask=mask, **region)
    return aggregate(tokens.per_token, mask, how, horizon=horizon), tokens


def train(args: argparse.Namespace) -> list[dict[str, float]]:
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    problem = sums if args.model else dial
    name = args.model or str(files("trlib") / "embedded" / "dial")
    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()  # no dropout: the policy that samples also learns
    ends = model.generation_config.eos_token_id
    # The whole distribution at temperature 1. A hub model's own top_p or penalty would sample from another policy than
    # the one that `log_probs` scores, and every ratio would be wrong.
    model.generation_config = GenerationConfig(
        do_sample=True, top_k=0, top_p=1.0, max_new_tokens=args.max_tokens,
        eos_token_id=ends if isinstance(ends, list) else [ends], pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.95), weight_decay=0.0)
    group = torch.arange(args.prompts, device=model.device).repeat_interleave(args.group)  # [B]: which prompt
    history = []
    for batch in range(args.steps):
        began = time.perf_counter()
        problems = [problem(rng) for _ in range(args.prompts)]
        ids, attention, mask = sample(model, tokenizer, [prompt for prompt, _ in problems], args.group)
        texts = tokenizer.batch_decode(ids[:, -mask.shape[1] :], skip_special_tokens=True)
        answers = [answer for _, answer in problems for _ in range(args.group)]
        rewards = torch.tensor([reward(*pair) for pair in zip(texts, answers, strict=True)], device=ids.device)  # [B]
        advantages = group_relative(rewards, group)  # [B]: against the other completions of the same prompt
        with torch.no_grad():
            logp_old = log_probs(model, ids, attention, mask.shape[1])  # [B, T]
        for _ in range(args.epochs):  # with one update per batch every ratio is 1: no trust region acts
            logp = log_probs(model, ids, attention, mask.shape[1])
            with value_checks(batch == 0):  # a GPU waits for them: one batch shows whether the values fit
                loss, tokens = objective(args.method, logp, logp_old, advantages, mask, args.max_tokens)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        row = {
            "batch": batch,
            "reward": float(rewards.mean()),
            "length": float(mask.sum(-1).float().mean()),
            "loss": float(loss.detach()),
            "grad_norm": float(norm),
            "ratio_max": float(tokens.diagnostics["ratio"].max()),
            "kept": float(tokens.diagnostics["kept"][mask].float().mean()),  # share that the region does not silence
            "seconds": time.perf_counter() - began,
        }
        print("  ".join(f"{key} {value:.3g}" for key, value in row.items()), flush=True)
        history.append(row)
    return history


def settings(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="a folder or a hub id; left out: the embedded model of `dial`")
    parser.add_argument("--method", default="grpo", choices=LOSSES)
    parser.add_argument("--steps", type=int, default=40, help="batches")
    parser.add_argument("--prompts", type=int, default=16, help="P")
    parser.add_argument("--group", type=int, default=16, help="G, completions per prompt")
    parser.add_argument("--epochs", type=int, default=1, help="updates per batch")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--max-tokens", type=int, default=16, help="the longest completion")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    train(settings())
