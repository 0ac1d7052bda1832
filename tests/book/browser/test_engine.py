"""The playground's engine in Chromium against torch: log-probs, gradients, a step, samples, and
what it refuses."""

import base64
from functools import lru_cache

import numpy as np
import pytest
import torch

import trlib
from trbook.explorables.engine import flat, packed
from trlib.model.rollout import sample

pytestmark = pytest.mark.test_all("the playground's engine")

CHECKPOINTS = ("dial", "dial_rare", "spend")
EXACT = 1e-5
"""What is asked of single precision, relative to the size of the whole."""


@lru_cache
def policy_of(name):
    return trlib.load_policy(name)


def task_of(name):
    return trlib.load_task("spend") if name == "spend" else trlib.load_task("dial", moves=(1, 8))


@lru_cache
def written(name, prompts=6, group=4):
    """Completions of a checkpoint's own task, prompts of several lengths."""
    asked = task_of(name).prompts(prompts, seed=7)
    policy = policy_of(name)
    return asked, sample(
        policy, [p.text for p in asked], group=group, max_tokens=task_of(name).max_tokens, seed=3
    )


def as_lists(completions):
    """Prompts and completions as the page holds them."""
    prompts = [
        row[keep].tolist()
        for row, keep in zip(completions.prompt_ids, completions.prompt_mask, strict=True)
    ]
    rows = zip(completions.group.tolist(), completions.tokens, completions.mask, strict=True)
    return {
        "prompts": prompts,
        "completions": [{"prompt": g, "tokens": tokens[keep].tolist()} for g, tokens, keep in rows],
    }


def text(array):
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def numbers(said):
    return np.frombuffer(base64.b64decode(said), dtype="<f4")


def weights_of(policy):
    return {
        "vocabulary": policy.vocabulary,
        "weights": text(flat(dict(policy.model.named_parameters()))),
    }


def distance(found, wanted):
    """The difference's Euclidean norm relative to what is wanted."""
    return float(
        np.linalg.norm(found.astype(float) - wanted) / np.linalg.norm(wanted.astype(float))
    )


def a_loss(policy, completions):
    """Log-probs and a loss -sum push log p with pushes of both signs, [B, T] each."""
    logp = policy.score(completions).logp
    push = torch.randn(logp.shape, generator=torch.Generator().manual_seed(5)) / 30
    return logp, push.masked_fill(~completions.mask, 0.0)


LEARN = """
    const { passes, write } = await import("/engine/js/packing.js");
    const engine = await made(given.vocabulary, given.weights, given.build);
    const logp = [];
    for (const pass of passes(engine, given.prompts, given.completions)) {
        const first = write(engine, given.prompts, pass);
        engine.forward(pass.rows, pass.outputs);
        for (const [k, { tokens, push }] of pass.of.entries()) {
            logp.push(Array.from(engine.chosen.subarray(first[k], first[k] + tokens.length)));
            engine.push.set(push, first[k]);
        }
        engine.wasm.weigh(pass.outputs);
        engine.backward(pass.rows, pass.outputs);
    }
    return { logp, gradients: text(engine.gradients), columns: engine.columns };
"""


def learn(ask, name, build="engine"):
    """The log-probs and the gradient of one batch in the page, and the same in torch."""
    policy = trlib.load_policy(name)
    _, completions = written(name)
    logp, push = a_loss(policy, completions)
    given = as_lists(completions)
    for one, row, keep in zip(given["completions"], push, completions.mask, strict=True):
        one["push"] = row[keep].tolist()
    found = ask(LEARN, **given, **weights_of(policy), build=build)
    (-(logp * push).sum()).backward()
    logp = torch.cat([row[keep] for row, keep in zip(logp, completions.mask, strict=True)])
    gradients = flat({key: p.grad for key, p in policy.model.named_parameters()})
    return found, {"logp": logp.detach().numpy(), "gradients": gradients}


def without_padding(found, vocabulary):
    whole = numbers(found["gradients"])
    unused = slice(vocabulary * 64, found["columns"] * 64)
    assert not whole[unused].any()
    return np.delete(whole, unused)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_log_probs_and_gradients_are_torch_s(ask, name):
    found, wanted = learn(ask, name)
    logp = np.array([x for row in found["logp"] for x in row])
    assert distance(logp, wanted["logp"]) < EXACT
    assert distance(without_padding(found, policy_of(name).vocabulary), wanted["gradients"]) < EXACT


def test_a_step_from_the_same_gradient_is_torch_s_adamw(ask):
    shape, draws = (4, 114_112), np.random.default_rng(2)
    gradients = draws.normal(size=shape).astype("<f4") * 10.0 ** draws.uniform(
        -9, 1, size=shape
    ).astype("<f4")
    start = draws.normal(size=shape[1]).astype("<f4") / 8
    found = ask(
        """
        const engine = await made(114, given.start), head = 114 * 64, out = [];
        for (const said of given.gradients) {
            const g = numbers(said);
            engine.gradients.set(g.subarray(0, head));
            engine.gradients.set(g.subarray(head), engine.columns * 64);
            const norm = engine.step({ lr: 3e-3, warmup: 3, gradNorm: given.clip, weightDecay: .1 });
            out.push({ norm, weights: text(engine.read()) });
        }
        return out;
    """,
        start=text(start),
        gradients=[text(row) for row in gradients],
        clip=500.0,
    )
    weight = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.AdamW([weight], lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1)
    before = start
    for update, (row, one) in enumerate(zip(gradients, found, strict=True), 1):
        weight.grad = torch.tensor(row)
        norm = float(torch.nn.utils.clip_grad_norm_([weight], 500.0))
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, update / 3)
        optimizer.step()
        after = weight.detach().numpy().copy()
        assert one["norm"] == pytest.approx(norm, rel=EXACT)
        assert (
            distance(numbers(one["weights"]) - before, after - before) < 2 * EXACT
        )  # a float32's rounding of w
        assert distance(numbers(one["weights"]), after) < EXACT / 10
        before = after


def test_the_checked_build_computes_the_same(ask):
    plain, checked = (learn(ask, "spend", build)[0] for build in ("engine", "checked"))
    assert plain == checked


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_same_uniform_numbers_write_the_same_tokens(ask, name):
    asked, wanted = written(name, 16, 8)
    policy, rows, most = policy_of(name), len(wanted), task_of(name).max_tokens
    random = torch.Generator().manual_seed(0)
    random.set_state(_generator(3).get_state())
    uniform = torch.rand(rows, most, generator=random, dtype=torch.float64)
    found = ask(
        """
        const { sample } = await import("/engine/js/sampler.js");
        const engine = await made(given.vocabulary, given.weights);
        const all = sample(engine, given.prompts, { group: 8, maxTokens: given.most, keep: new Set([3, 70]),
            uniform: (row, t) => given.uniform[row][t] });
        const again = await score(engine, given.prompts, all);
        return all.map((one, i) => ({ ...one, full: one.full?.map(text) ?? null, again: again[i] }));
    """,
        prompts=policy.encode_prompts([p.text for p in asked]),
        uniform=uniform.tolist(),
        most=most,
        **weights_of(policy),
    )
    tokens = [row[keep].tolist() for row, keep in zip(wanted.tokens, wanted.mask, strict=True)]
    assert [one["tokens"] for one in found] == tokens
    assert [one["ended"] for one in found] == wanted.ended.tolist()
    for one, logp, keep in zip(found, wanted.logp, wanted.mask, strict=True):
        np.testing.assert_allclose(one["logp"], logp[keep].numpy(), atol=2e-5, rtol=0)
        assert one["again"] == one["logp"]  # sampler and learner agree bit for bit
    assert [i for i, one in enumerate(found) if one["full"]] == [3, 70]
    full = policy.score(wanted.rows(torch.tensor([70])), full=True).full[0, 0].detach().numpy()
    np.testing.assert_allclose(
        numbers(found[70]["full"][0])[: policy.vocabulary], full, atol=2e-4, rtol=0
    )


def _generator(seed):
    from trlib.seeds import generator

    return generator(seed, "sample")


def test_more_completions_than_the_cache_holds_are_written_in_portions(
    ask,
):
    policy = policy_of("spend")
    prompts = policy.encode_prompts([p.text for p in task_of("spend").prompts(40, seed=1)])
    found = ask(
        """
        const { sample } = await import("/engine/js/sampler.js"), { stream } = await import("/engine/js/random.js");
        const engine = await made(given.vocabulary, given.weights, "checked");
        const table = Array.from({ length: given.prompts.length * 10 }, (_, i) => stream(1, i));
        const numbers = table.map(random => Array.from({ length: 32 }, random));
        const uniform = (row, t) => numbers[row][t];
        const all = sample(engine, given.prompts, { group: 10, maxTokens: 32, uniform });
        const last = sample(engine, given.prompts.slice(-1), { group: 10, maxTokens: 32,
            uniform: (row, t) => uniform(390 + row, t) });
        return [all.slice(-10).map(one => one.tokens), last.map(one => one.tokens)];
    """,
        prompts=prompts,
        **weights_of(policy),
    )
    assert found[0] == found[1]


REFUSED = {
    "rows": ("engine.forward(5000, 1)", "rows: expected at most 1024"),
    "outputs": ("engine.forward(4, 2000)", "outputs: expected at most 1024"),
    "token": (
        "engine.token[1] = 114; engine.forward(4, 1)",
        "token: expected one of the vocabulary",
    ),
    "position": ("engine.position[2] = 128; engine.forward(4, 1)", "position: expected 0 to 127"),
    "slot": (
        "engine.slot[3] = 8192; engine.own_from[3] = 8190; engine.forward(4, 1)",
        "slot: expected 0 to 8191",
    ),
    "cache": (
        "engine.shared_from[3] = 8190; engine.shared[3] = 5; engine.forward(4, 1)",
        "slot: expected 0 to 8191",
    ),
    "keys": ("engine.shared[3] = 60; engine.forward(4, 1)", "keys: expected at most 48"),
    "many keys": (
        "engine.shared[3] = 2 ** 31 - 1; engine.forward(4, 1)",
        "keys: expected at most 48",
    ),
    "predictor": (
        "engine.predictor[0] = 4; engine.forward(4, 1)",
        "predictor: expected a row of the pass",
    ),
    "target": ("engine.target[0] = -1; engine.forward(4, 1)", "target: expected a token"),
    "gradient": (
        "engine.slot[3] = 9; engine.own_from[3] = 8; engine.forward(4, 1); engine.backward(4, 1)",
        "expected every row's own number",
    ),
    "weights": (
        "engine.load({ vocabulary: 114, weights: new Float32Array(5) })",
        "weights: expected 114112 numbers",
    ),
    "vocabulary": (
        "engine.load({ vocabulary: 300, weights: new Float32Array(5) })",
        "vocabulary: expected 1 to 272",
    ),
    "gradient that is not finite": (
        "engine.gradients[5] = NaN; engine.step({ lr: 1 })",
        "grad_norm is NaN",
    ),
}


@pytest.mark.parametrize("build", ["engine", "checked"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_by_name(ask, case, build):
    body, said = REFUSED[case]
    found = ask(
        f"""
        const engine = await made(114, new Float32Array(114112).fill(.01), given.build);
        const {{ putPrompt }} = await import("/engine/js/packing.js");
        putPrompt(engine, 0, [5, 6, 7, 8]);
        engine.predictor[0] = 3; engine.target[0] = 1;
        const before = text(engine.read());
        try {{ {body}; return "nothing said"; }}
        catch (error) {{ return before === text(engine.read()) ? error.message : "weights changed"; }}
    """,
        build=build,
    )
    assert said in found


def test_the_checked_build_names_the_array_and_the_index(ask):
    body = """
        const engine = await made(114, new Float32Array(114112).fill(.01), given.build);
        try { engine.wasm.weigh(5000); return "nothing said"; } catch (error) { return error.message; }
    """
    assert ask(body, build="checked") == "push: index 1024 of an array of 1024"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_packed_weights_open_as_they_were_packed(ask, name):
    card, data = packed(policy_of(name))
    given = {"card": card.json(), "data": base64.b64encode(data).decode()}
    found = ask(
        """
        const { open } = await import("/engine/js/checkpoint.js");
        const bytes = Uint8Array.from(atob(given.data), c => c.charCodeAt(0));
        const { vocabulary, weights } = await open(bytes, given.card);
        bytes[7] ^= 1;
        const damaged = await open(bytes, given.card).then(() => "nothing said", error => error.message);
        return { vocabulary, weights: text(weights), damaged };
    """,
        **given,
    )
    assert found["vocabulary"] == policy_of(name).vocabulary == len(card.words)
    np.testing.assert_array_equal(
        numbers(found["weights"]), np.frombuffer(data, "<f2").astype("f4")
    )
    assert "not those that were packed" in found["damaged"]
