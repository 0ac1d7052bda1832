"""GRPO in one file: transformers samples, trlib gives the loss, torch's AdamW learns.

python examples/minimal_grpo.py                             the embedded model, seconds on a CPU
python examples/minimal_grpo.py --method dppo --epochs 4    another loss, four updates per batch
python examples/minimal_grpo.py --model smollm2             SmolLM2-135M learns two-digit sums
python examples/minimal_grpo.py --model smollm2 --task aloud --micro 16 --max-tokens 32
python examples/minimal_grpo.py --model Qwen/Qwen2.5-0.5B-Instruct --lora 16 --bf16 \
    --micro 8 --kl .001 --lr 1e-5 --max-tokens 128          a model that is downloaded

Five steps per batch: sample completions, verify them, turn rewards into advantages, descend on a
loss, and now and then look at held-out prompts. Put your own prompts and verifier in place of
`dial` and `reward`.

`--model smollm2` as it stands, seed 0, on one core of a CPU (AMD EPYC, November 2026): 14 s of
processor per batch and six minutes in all; 0.05 of 128 held-out sums were right before, 0.53 after
24 batches. (8 x 8 completions of `aloud` take two minutes; `trlib train --task aloud --policy
smollm2` reads what prompts share only once.)

P prompts, G completions of each, B = P * G; T tokens of the longest; S = T and the longest prompt."""

from __future__ import annotations

import argparse
import copy
import random
import re
import time
import warnings
from contextlib import nullcontext
from functools import cache
from importlib.resources import files
from itertools import islice

import torch
from datasets import Dataset
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from trlib.advantages import group_relative
from trlib.aggregation import aggregate
from trlib.algorithms import TokenLoss, cispo_loss, dppo_loss, gspo_loss, pg_is_loss, ppo_loss
from trlib.checks import value_checks
from trlib.divergences import k3
from trlib.model.policy import load_policy
from trlib.model.prompt_encoding import tokens_holding
from trlib.tasks import load_task

LOSSES = {  # name: (loss, its trust region, how tokens become one number)
    "pg_is": (pg_is_loss, {}, "token-mean"),
    "grpo": (ppo_loss, {"eps_low": 0.2, "eps_high": 0.2}, "seq-mean-token-mean"),
    "gspo": (gspo_loss, {}, "seq-mean-token-mean"),
    "cispo": (cispo_loss, {"eps_low": 0.2, "eps_high": 0.2}, "token-mean"),
    "dppo": (dppo_loss, {"delta_tv": 0.15}, "seq-mean-token-sum-norm"),
}
SMOLLM2 = {"prompts": 4, "group": 8, "max_tokens": 5, "lora": 8, "lr": 3e-4, "steps": 24}
SMOLLM2 |= {"task": "listed", "evaluate": 24, "held_out": 128}


def dial(rng: random.Random) -> tuple[str, int]:
    """A prompt of the embedded model and its answer: where a dial of 20 stands after five moves."""
    moves = {f"{k:+d}": lambda x, k=k: x + k for k in (1, 2, 3, 4, 5, -1, -2, -3, -4, -5)}
    moves |= {"x3": lambda x: 3 * x, "x7": lambda x: 7 * x, "sq": lambda x: x * x}
    moves |= {"flip": lambda x: 19 - x, "pair": lambda x: x ^ 1, "half": lambda x: x // 2}
    place = start = rng.randrange(20)
    names = rng.choices(list(moves), k=5)
    for name in names:
        place = moves[name](place) % 20
    return f"{start} : {' '.join(names)} =", place


def sums(rng: random.Random) -> tuple[str, int]:
    """A prompt for a model from the hub, and its answer."""
    a, b = rng.randrange(100, 1000), rng.randrange(100, 1000)
    return f"What is {a} + {b}? End your answer with the number.", a + b


def listed(rng: random.Random) -> tuple[str, int]:
    """A prompt for SmolLM2, which continues a list better than it answers a question."""
    a, b = rng.randrange(10, 100), rng.randrange(10, 100)
    return f"90 + 97 = 187\n57 + 70 = 127\n{a} + {b} =", a + b


@cache
def sums_with_steps() -> Dataset:
    """Columns `question`, `steps`, `answer`. Yours: load_dataset("json", data_files=..)["train"]"""
    return load_task("aloud").problems


def aloud(rng: random.Random) -> tuple[str, int]:
    """A longer one: three numbers to add a step at a time, after two sums with their steps."""
    rows = sums_with_steps()
    solved = [f"{r['question']} {r['steps']}. Answer {r['answer']}\n" for r in rows.select([0, 1])]
    row = rows[rng.randrange(2, len(rows))]
    return "".join([*solved, row["question"]]), row["answer"]


TASKS = {"dial": dial, "sums": sums, "listed": listed, "aloud": aloud}


def reward(text: str, answer: int) -> float:
    """The verifier: 1 where the last number of the completion is the answer."""
    return float([int(number) for number in re.findall(r"-?\d+", text)][-1:] == [answer])


@torch.no_grad()
def sample(model, tokenizer, problems: list[tuple[str, int]], group: int) -> tuple[Tensor, ...]:
    """`group` completions of each prompt, those of one prompt together: ids [B, S], attention
    [B, S], mask [B, T] of sampled tokens, rewards [B]."""
    prompts = [prompt for prompt, _ in problems]
    if tokenizer.chat_template:
        chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
        prompts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    special = {"add_special_tokens": not tokenizer.chat_template, "return_token_type_ids": False}
    batch = tokenizer(prompts, return_tensors="pt", padding=True, **special).to(model.device)
    ids = model.generate(**batch, num_return_sequences=group)  # [B, S]
    own = ids[:, batch.input_ids.shape[1] :]  # [B, T]
    ends = torch.isin(own, torch.tensor(model.generation_config.eos_token_id, device=ids.device))
    mask = ends.cumsum(-1) - ends.long() == 0  # up to the first end token, which counts
    attention = torch.cat([batch.attention_mask.repeat_interleave(group, 0), mask.long()], 1)
    texts = tokenizer.batch_decode(own, skip_special_tokens=True)
    judged = [reward(text, problems[i // group][1]) for i, text in enumerate(texts)]
    return ids, attention, mask, torch.tensor(judged, device=ids.device)


def log_probs(model, ids: Tensor, attention: Tensor, width: int) -> Tensor:
    """[B, T] log π(y_t) of the last `width` = T tokens of each row, nats."""
    inputs = {"input_ids": ids, "attention_mask": attention, "logits_to_keep": width + 1}
    positions = (attention.cumsum(-1) - 1).clamp(min=0)  # prompts are padded on the left
    logits = model(**inputs, position_ids=positions).logits[:, :-1].float()  # [B, T, V]
    return logits.log_softmax(-1).gather(-1, ids[:, -width:, None]).squeeze(-1)


def objective(
    method: str, logp: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor, horizon: int, *,
    count: Tensor | None = None, logp_ref: Tensor | None = None, kl: float = 0.0,
) -> tuple[Tensor, TokenLoss]:  # fmt: skip
    """The loss as one number, and per token. logp, logp_old, logp_ref: [B, T], now, when sampled,
    before training; advantages [B]; mask [B, T]; count: what the whole batch is divided by."""
    loss, region, how = LOSSES[method]
    credit = {"advantages": advantages[:, None].expand_as(logp), "mask": mask}
    tokens = loss(logp, logp_old, **credit, **region)
    pull = 0.0 if logp_ref is None else kl * k3(logp, logp_ref) * mask
    return aggregate(tokens.per_token + pull, mask, how, horizon=horizon, count=count), tokens


def load(args: argparse.Namespace):
    """The model, its tokenizer, and what scores as the model did before training."""
    # float32, because AdamW's steps are lost in bf16; eval, because dropout is another policy
    if args.model == "smollm2":  # a file in an installed package, which trlib finds and reads
        policy = load_policy("smollm2", device=args.device, dtype="float32")
        model, tokenizer = policy.model, policy.tokenizer
        tokenizer.padding_side, tokenizer.chat_template = "left", None  # it continues a list
        ends = [*policy.end_ids, *tokens_holding(tokenizer, "\n")]  # one line of it
    else:
        name = args.model or str(files("trlib") / "embedded" / "dial")
        data = {"trust_remote_code": False}  # a folder's or the hub's code is not run
        tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left", **data)
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **data)
        model = model.to(args.device).eval()
        ends = model.generation_config.eos_token_id or tokenizer.eos_token_id
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    # Whole, at temperature 1: a hub model's top_p would sample from another policy than is scored.
    model.generation_config = GenerationConfig(
        do_sample=True, top_k=0, top_p=1.0, max_new_tokens=args.max_tokens,
        eos_token_id=ends, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    if args.lora:
        from peft import LoraConfig, get_peft_model

        # transformers complains of what peft still asks it.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        adapter = LoraConfig(r=args.lora, lora_alpha=args.lora, target_modules="all-linear")
        model = get_peft_model(model, adapter)
    frozen = args.kl and not args.lora  # an adapter can be switched off instead
    return model, tokenizer, copy.deepcopy(model) if frozen else model


def train(args: argparse.Namespace) -> list[dict[str, float]]:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)  # on a busy machine more of them wait for each other
    problem = TASKS[args.task or ("sums" if args.model else "dial")]
    rng = random.Random(args.seed)
    held_out = [problem(random.Random(f"held out {i}")) for i in range(args.held_out)]
    unseen = (p for p in iter(lambda: problem(rng), None) if p not in held_out)
    model, tokenizer, reference = load(args)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=args.lr, betas=(0.9, 0.95), weight_decay=0.0)
    group = torch.arange(args.prompts, device=args.device).repeat_interleave(args.group)  # [B]
    low = torch.autocast(args.device, torch.bfloat16, enabled=args.bf16)  # sampler and learner
    history = []
    for batch in range(args.steps):
        began = time.perf_counter()
        with low:
            problems = list(islice(unseen, args.prompts))
            ids, attention, mask, rewards = sample(model, tokenizer, problems, args.group)
        advantages = group_relative(rewards, group)  # [B]: against the same prompt's others
        rows = torch.arange(len(mask), device=args.device).split(args.micro or len(mask))
        width, how = mask.shape[1], LOSSES[args.method][2]
        count = mask.sum() if how == "token-mean" else mask.any(-1).sum()  # of the whole batch
        with torch.no_grad(), low:
            old = [log_probs(model, ids[r], attention[r], width) for r in rows]
            with model.disable_adapter() if args.lora else nullcontext():
                ref = [log_probs(reference, ids[r], attention[r], width) for r in rows if args.kl]
        for _ in range(args.epochs):  # with one update per batch every ratio is 1: nothing is cut
            total, kept, ratio = 0.0, 0.0, 0.0
            for i, r in enumerate(rows):  # parts of one batch: their gradients add up to its own
                with low:
                    logp = log_probs(model, ids[r], attention[r], width)
                with value_checks(batch == 0):  # they make a GPU wait: one batch shows the fit
                    loss, tokens = objective(
                        args.method, logp, old[i], advantages[r], mask[r], args.max_tokens,
                        count=count, logp_ref=ref[i] if args.kl else None, kl=args.kl,
                    )  # fmt: skip
                loss.backward()
                total += float(loss.detach())
                kept += float(tokens.diagnostics["kept"][mask[r]].sum())
                ratio = max(ratio, float(tokens.diagnostics["ratio"].max()))
            norm = torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        row = {"batch": batch, "reward": float(rewards.mean()), "loss": total,
               "length": float(mask.sum(-1).float().mean()), "grad_norm": float(norm),
               "ratio_max": ratio, "kept": kept / float(mask.sum()),
               "seconds": time.perf_counter() - began}  # fmt: skip
        if held_out and (batch + 1) % args.evaluate == 0:
            with low:
                row["held_out"] = float(sample(model, tokenizer, held_out, 1)[3].mean())
        print("  ".join(f"{key} {value:.3g}" for key, value in row.items()), flush=True)
        history.append(row)
    if args.out:  # adapters alone, if they learned: peft.AutoPeftModelForCausalLM reads them
        model.save_pretrained(args.out)
        tokenizer.save_pretrained(args.out)
    return history


def settings(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="smollm2, a folder, a hub id; else: the embedded one")
    parser.add_argument("--task", choices=TASKS, help="else: the one for the model")
    parser.add_argument("--method", default="grpo", choices=LOSSES)
    parser.add_argument("--out", help="a folder for what was learned")
    for name, default, text in (
        ("steps", 40, "batches"), ("prompts", 16, "P"), ("group", 16, "G, completions per prompt"),
        ("epochs", 1, "updates per batch"), ("micro", 0, "completions that pass at once; 0: all"),
        ("max-tokens", 16, "the longest completion"), ("seed", 0, "of every draw"),
        ("lora", 0, "rank; 0: all weights"), ("held-out", 64, "prompts never learned from"),
        ("evaluate", 10, "batches between two looks at them"), ("threads", 1, "of the processor"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, help=text)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--kl", type=float, default=0.0, help="weight of the KL to the first model")
    parser.add_argument("--bf16", action="store_true", help="compute in bf16, with float32 weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    if parser.parse_args(arguments).model == "smollm2":
        parser.set_defaults(**SMOLLM2)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    train(settings())
