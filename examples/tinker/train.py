"""Policy gradient training through Tinker's client, on any server that speaks its interface:

    python train.py --base_url http://localhost:8000 --model MODEL --method dppo

The reward is a stand-in, the share of even tokens in a completion. Put your own in its place."""

import argparse

import tinker
import torch
from losses import loss
from tinker import types


def reward(tokens):
    return sum(token % 2 == 0 for token in tokens) / len(tokens)


def datum(prompt, sequence, advantage):
    """One completion for the server, and its numbers for the loss."""
    tokens, before = [*prompt, *sequence.tokens], len(prompt) - 1
    completion = len(sequence.tokens)
    numbers = {
        "logprobs": [0.0] * before + list(sequence.logprobs),
        "advantages": [0.0] * before + [advantage] * completion,
        "mask": [0.0] * before + [1.0] * completion,
    }
    targets = types.TensorData.from_torch(torch.tensor(tokens[1:]))
    asked = types.Datum(
        model_input=types.ModelInput.from_ints(tokens[:-1]),
        loss_fn_inputs={"target_tokens": targets},
    )
    return asked, {name: torch.tensor(x) for name, x in numbers.items()}


def main(given):
    torch.manual_seed(given.seed)
    service = tinker.ServiceClient(base_url=given.base_url)
    client = service.create_lora_training_client(base_model=given.model, rank=given.rank)
    drawing = types.SamplingParams(max_tokens=given.max_tokens, temperature=1.0)
    for batch in range(given.batches):
        sampler = client.save_weights_and_get_sampling_client()
        data, rewards = [], []
        for prompt in given.prompts:
            asked = sampler.sample(
                types.ModelInput.from_ints(prompt), num_samples=given.group, sampling_params=drawing
            )
            group = asked.result().sequences
            scores = torch.tensor([reward(sequence.tokens) for sequence in group])
            rewards += scores.tolist()
            advantages = (scores - scores.mean()).tolist()
            data += [datum(prompt, *pair) for pair in zip(group, advantages, strict=True)]
        asked, numbers = zip(*data, strict=True)
        done = client.forward_backward_custom(list(asked), loss(given.method, numbers))
        client.optim_step(types.AdamParams(learning_rate=given.lr)).result()
        kept = done.result().metrics["kept"]
        print(f"{batch} reward {sum(rewards) / len(rewards):.3f} kept {kept:.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--base_url", default=None)
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", default="dppo")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--group", type=int, default=16)
    parser.add_argument("--max_tokens", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--prompts",
        type=lambda text: [int(x) for x in text.split(",")],
        nargs="+",
        default=[[5, 7]],
    )
    main(parser.parse_args())
