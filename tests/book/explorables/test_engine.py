"""The playground's engine, in Node, against torch: log-probs, gradients, a step, samples; and its
verifiers against the tasks'. What stands on them is in `node/lane.test.mjs`."""

import base64
import random

import numpy as np
import pytest
import torch

import trlib
from trbook.explorables import storyteller
from trbook.explorables.engine import flat
from trlab.pretraining import BASES
from trlib.algorithms import PGIS, Reference
from trlib.model.rollout import sample
from trlib.seeds import generator
from trlib.tasks import Tales
from trlib.tasks.dial import CAREFUL
from trlib.tasks.tales import ANSWER
from trlib.tasks.task import Prompt

EXACT = 1e-5
"""What is asked of single precision, relative to the size of the whole."""
TOOLS = """
const { Engine } = await load("engine/js/engine.js"), { passes, write } = await load("engine/js/packing.js");
const { readFileSync } = await import("node:fs");
const numbers = (text) => new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
const text = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength).toString("base64");
const engine = await Engine.create(readFileSync(new URL(`${root}/engine/built/${given.build}.wasm`)));
engine.load({ vocabulary: given.vocabulary, weights: numbers(given.weights) });
const scored = (prompts, completions, weigh = () => {}) => passes(engine, prompts, completions).flatMap((pass) => {
    const first = write(engine, prompts, pass);
    engine.forward(pass.rows, pass.outputs);
    const logp = pass.of.map(({ tokens }, k) => Array.from(engine.chosen.subarray(first[k], first[k] + tokens.length)));
    weigh(pass, first);
    return logp;
});
"""


def task_of(name):
    return (
        trlib.load_task(name)
        if name in ("spend", "tales")
        else trlib.load_task("dial", moves=(1, 8))
    )


def written(name, prompts, group):
    """A checkpoint, its prompts' tokens, and completions of prompts of several lengths."""
    policy, task = trlib.load_policy(name), task_of(name)
    asked = [p.text for p in task.prompts(prompts, seed=7)]
    drawn = sample(policy, asked, group=group, max_tokens=task.max_tokens, seed=3)
    return policy, policy.encode_prompts(asked), drawn


def text(array):
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def numbers(encoded):
    return np.frombuffer(base64.b64decode(encoded), dtype="<f4")


def weights_of(policy, build="engine"):
    weights = text(flat(dict(policy.model.named_parameters())))
    return {"vocabulary": policy.vocabulary, "weights": weights, "build": build}


def distance(found, wanted):
    """The difference's Euclidean norm relative to what is wanted."""
    return float(
        np.linalg.norm(np.asarray(found, dtype=float) - wanted)
        / np.linalg.norm(wanted.astype(float))
    )


LEARN = """
const logp = scored(given.prompts, given.completions, (pass, first) => {
    for (const [k, { push }] of pass.of.entries()) engine.push.set(push, first[k]);
    engine.wasm.weigh(pass.outputs);
    engine.backward(pass.rows, pass.outputs);
});
return { logp, gradients: text(engine.gradients), columns: engine.columns };
"""


@pytest.mark.parametrize("name", ["dial", "dial_rare", "spend", "tales"])
def test_log_probs_and_gradients_are_torch_s(ask, name):
    policy, prompts, drawn = written(name, 6, 4)
    logp = policy.score(drawn).logp
    push = torch.randn(logp.shape, generator=torch.Generator().manual_seed(5)) / 30
    (-(logp * push.masked_fill(~drawn.mask, 0.0)).sum()).backward()
    rows = zip(drawn.group.tolist(), drawn.tokens, push, drawn.mask, strict=True)
    completions = [
        {"prompt": g, "tokens": tokens[keep].tolist(), "push": weights[keep].tolist()}
        for g, tokens, weights, keep in rows
    ]
    found, checked = (
        ask(TOOLS + LEARN, prompts=prompts, completions=completions, **weights_of(policy, build))
        for build in ("engine", "checked")
    )
    assert found == checked
    gradients, unused = (
        numbers(found["gradients"]),
        slice(policy.vocabulary * 64, found["columns"] * 64),
    )
    assert not gradients[unused].any()
    wanted = flat({key: p.grad for key, p in policy.model.named_parameters()})
    assert distance(np.delete(gradients, unused), wanted) < EXACT
    assert distance(np.concatenate(found["logp"]), logp[drawn.mask].detach().numpy()) < EXACT


STEPS = """
const head = given.vocabulary * 64;
return given.gradients.map((said) => {
    const g = numbers(said);
    engine.gradients.set(g.subarray(0, head));
    engine.gradients.set(g.subarray(head), engine.columns * 64);
    const norm = engine.step({ lr: 3e-3, warmup: 3, gradNorm: given.clip, weightDecay: .1 });
    return { norm, weights: text(engine.read()) };
});
"""


def test_a_step_from_the_same_gradient_is_torch_s_adamw(ask):
    shape, draws = (4, 114_112), np.random.default_rng(2)
    gradients = draws.normal(size=shape).astype("<f4")
    gradients *= 10.0 ** draws.uniform(-9, 1, size=shape).astype("<f4")
    start = draws.normal(size=shape[1]).astype("<f4") / 8
    found = ask(
        TOOLS + STEPS,
        vocabulary=114,
        weights=text(start),
        build="engine",
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
        # a float32's rounding of w
        assert distance(numbers(one["weights"]) - before, after - before) < 2 * EXACT
        assert distance(numbers(one["weights"]), after) < EXACT / 10
        before = after


SAMPLE = """
const { sample } = await load("engine/js/sampler.js");
const all = sample(engine, given.prompts, { group: 8, maxTokens: given.most, keep: new Set([3, 70]),
    uniform: (row, t) => given.uniform[row][t] });
const again = scored(given.prompts, all);
return all.map(({ tokens, ended, logp, full }, i) =>
    ({ tokens, ended, logp: Array.from(logp), full: full?.map(text) ?? null, again: again[i] }));
"""


@pytest.mark.parametrize("name", ["dial", "dial_rare", "spend", "tales"])
def test_the_same_uniform_numbers_write_the_same_tokens(ask, name):
    policy, prompts, wanted = written(name, 16, 8)
    most, draws = task_of(name).max_tokens, torch.Generator()
    draws.set_state(generator(3, "sample").get_state())
    uniform = torch.rand(len(wanted), most, generator=draws, dtype=torch.float64).tolist()
    found = ask(TOOLS + SAMPLE, prompts=prompts, uniform=uniform, most=most, **weights_of(policy))
    rows = zip(found, wanted.tokens, wanted.ended, wanted.logp, wanted.mask, strict=True)
    for one, tokens, ended, logp, keep in rows:
        assert (one["tokens"], one["ended"]) == (tokens[keep].tolist(), bool(ended))
        np.testing.assert_allclose(one["logp"], logp[keep].numpy(), atol=2e-5, rtol=0)
        assert one["again"] == one["logp"], "sampler and learner agree bit for bit"
    assert [i for i, one in enumerate(found) if one["full"]] == [3, 70]
    full = policy.score(wanted.rows(torch.tensor([70])), full=True).full[0, 0].detach().numpy()
    first = numbers(found[70]["full"][0])[: policy.vocabulary]
    np.testing.assert_allclose(first, full, atol=2e-4, rtol=0)


VERIFY = """
const { TASKS, CAREFUL } = await load("engine/js/tasks.js"), task = new TASKS[given.name].kind();
const judged = given.cases.map(([text, words, ended]) => {
    const prompt = task.read(text);
    return { answer: prompt.answer, places: prompt.places ?? null, ...task.verify(prompt, words, ended) };
});
return [judged, CAREFUL];
"""


@pytest.mark.parametrize("name", ["dial", "spend"])
def test_verifiers_say_what_trlib_s_say(ask, name):
    task, vocabulary = trlib.load_task(name), BASES[name].teacher.words
    pick, asked, cases = random.Random(3), task.prompts(40, seed=2), []
    for prompt, expert in zip(asked, task.demonstrations(asked, seed=5), strict=True):
        words = expert.split()
        more = [*words, pick.choice(vocabulary)]
        spoilt = [words, words[:-1], words[1:], [], more, words[:2] + words[3:], ["so", "3"]]
        for _ in range(6):
            one = list(words)
            for _ in range(pick.choice((1, 1, 2))):
                one[pick.randrange(len(one))] = pick.choice(vocabulary)
            spoilt.append(one)
        if name == "spend":
            spoilt += [["-9", str(int(prompt.text.split()[0]) - 9)], [*words[:-2], "-9", "bust"]]
        cases += [(prompt, one, ended) for one in spoilt for ended in (True, False)]
    texts = [(prompt.text, words, ended) for prompt, words, ended in cases]
    found, careful = ask(VERIFY, name=name, cases=texts)
    for (prompt, words, ended), got in zip(cases, found, strict=True):
        wanted = task.verify(prompt, " ".join(words), ended=ended)
        places = task.places(prompt) if name == "dial" else got["places"]
        assert got == {"answer": prompt.answer, "places": places, **vars(wanted)}, words
    assert len({one["reason"] for one in found}) == 5 and careful == list(CAREFUL)


JUDGE = """
const { TASKS } = await load("engine/js/tasks.js"), task = new TASKS.tales.kind();
return given.cases.map(([text, words, ended]) => task.verify(task.read(text), words, ended));
"""


def test_the_judge_and_the_reward_model_of_tales_are_trlib_s(ask):
    task, vocabulary = trlib.load_task("tales"), BASES["tales"].teacher.words
    pick, asked, cases = random.Random(3), task.prompts(60, seed=2), []
    for prompt in asked:
        stories = [task.story(prompt, pick, good=good).split() for good in (True, False)]
        other = task.story(pick.choice(asked), pick, good=True).split()
        words = stories[0]
        spoilt = [
            *stories,
            other,
            words[:-1],
            words[5:],
            [],
            [*words, "happy"],
            [*other[:20], *words[20:]],
        ]
        spoilt += [[*stories[1], "oh", "happy", "day", "!"]]
        for story in stories * 4:
            one = list(story)
            one[pick.randrange(len(one))] = pick.choice(vocabulary)
            spoilt.append(one)
        cases += [(prompt, one, ended) for one in spoilt for ended in (True, False)]
    found = ask(JUDGE, cases=[(prompt.text, words, ended) for prompt, words, ended in cases])
    for (prompt, words, ended), got in zip(cases, found, strict=True):
        wanted = task.verify(prompt, " ".join(words), ended=ended)
        judged = {name: got[name] for name in ("reason", "detail", "right")}
        assert judged == {"reason": wanted.reason, "detail": wanted.detail, "right": wanted.right}
        assert got["reward"] == pytest.approx(wanted.reward, abs=1e-6)
        assert 0 <= got["from"] <= got["to"] <= len(words), "the words at fault"
    assert {one["reason"] for one in found} == {"good", "sad", "muddled", "not a story"}
    places = {(one["reason"], one["to"] - one["from"] > 0) for one in found}
    assert ("muddled", True) in places and ("good", False) in places


RUN = """
const { Engine } = await load("engine/js/engine.js"), { Lane } = await load("engine/js/lane.js");
const { TASKS } = await load("engine/js/tasks.js"), { Vocabulary } = await load("engine/js/vocabulary.js");
const { stream } = await load("engine/js/random.js"), { readFileSync } = await import("node:fs");
const numbers = (text) => new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
const { settings, batches } = given, task = new TASKS.tales.kind();
const lane = new Lane(await Engine.create(readFileSync(new URL(`${root}/engine/built/engine.wasm`))),
    { vocabulary: new Vocabulary(given.words), weights: numbers(given.weights) }, task, settings);
return Array.from({ length: batches }, (_, k) => {
    const row = lane.run(), { asked, completions } = lane.last, rows = completions.map((_, i) => i);
    const draws = rows.map((i) => stream(settings.seed, "sample", k, Math.floor(i / settings.group), i % settings.group));
    return { row, asked: asked.map(({ text }) => text), tokens: completions.map(({ tokens }) => tokens.length),
        uniform: draws.map((draw) => Array.from({ length: task.maxTokens }, draw)) };
});
"""


class Asked(Tales):
    """`tales` with the prompts that a page has drawn."""

    def prompts(self, n, *, seed):
        del n, seed
        return [Prompt(text, ANSWER) for text in self.batches.pop(0)]


@pytest.mark.test_all("the storyteller learns twice in Node and twice in torch")
@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_a_run_of_the_storyteller_is_trlib_s_run_on_the_same_draws(ask, monkeypatch, beta):
    """Whole runs: the same prompts and the same uniform numbers, and every batch learned from."""
    policy, batches = trlib.load_policy("tales"), 6
    settings = {"method": "pg_is", "beta": beta, **storyteller.SETTINGS, "seed": 5}
    words = policy.tokenizer.convert_ids_to_tokens(range(policy.vocabulary))
    weights = text(flat(dict(policy.model.named_parameters())))
    found = ask(RUN, settings=settings, batches=batches, words=words, weights=weights)

    draws, rand = iter(found), torch.rand

    def drawn(*shape, **more):
        """The page's numbers in the place of those that draw tokens."""
        if more.get("dtype") is not torch.float64:
            return rand(*shape, **more)
        return torch.tensor(next(draws)["uniform"], dtype=torch.float64)

    monkeypatch.setattr(torch, "rand", drawn)
    task = Asked()
    object.__setattr__(task, "batches", [one["asked"] for one in found])
    run = trlib.train(
        policy,
        task,
        PGIS(reference=Reference(beta=beta)),
        steps=batches,
        progress=False,
        **storyteller.SETTINGS,
    )
    for k, one in enumerate(found):
        row = run.history.iloc[k]
        for name in ("reward", "right", "length", "kl_ref", "kl_ref_seq", "grad_norm", "entropy"):
            assert one["row"][name] == pytest.approx(row[name], rel=2e-3, abs=1e-5), (k, name)
    assert found[-1]["row"]["kl_ref_seq"] > 0.01
