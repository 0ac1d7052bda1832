"""The engine's loop in Chromium: a batch's updates against trlib's own loop, verifiers, a Worker,
what stops a lane."""

import base64
import random

import numpy as np
import pytest
import torch

import trlib
from tests.book.browser.test_engine import numbers, text
from tests.by_day import by_day
from trbook.explorables.engine import flat, order, packed
from trlab.pretraining import BASES
from trlib.loop.boxes import needs_of
from trlib.loop.collect import Collector
from trlib.loop.learner import Learner
from trlib.loop.metrics import measure, summarise
from trlib.loop.minibatch import Minibatch
from trlib.loop.optimizers import adamw
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES
from trlib.model.completions import Completions
from trlib.tasks.dial import CAREFUL
from trlib.tasks.task import Prompt

pytestmark = pytest.mark.test_all("the playground's engine")

LANE = """
    const { Engine } = await import("/engine/js/engine.js"), { Lane } = await import("/engine/js/lane.js");
    const { TASKS } = await import("/engine/js/tasks.js"), { Vocabulary } = await import("/engine/js/vocabulary.js");
    const wasm = await (await fetch("/engine/built/engine.wasm")).arrayBuffer(), { kind: Task } = TASKS[given.card.name];
    const checkpoint = { vocabulary: new Vocabulary(given.card.words), weights: numbers(given.weights) };
    const lane = new Lane(await Engine.create(wasm), checkpoint, new Task(given.knobs), given.settings);
"""
BATCH = (
    LANE
    + """
    const { engine } = lane, step = engine.step.bind(engine), steps = [];
    engine.step = (settings) => {
        const weights = text(engine.read()), gradients = text(engine.gradients), beta = lane.memory.beta ?? null;
        const norm = step(settings);
        steps.push({ weights, gradients, beta, norm, after: text(engine.read()) });
        return norm;
    };
    const { asked, completions } = lane.step(), parts = lane.batch.left.slice();
    const { row, batch } = (() => { for (;;) { const done = lane.step(); if (done.kind === "batch") return done; } })();
    const { beta = null, lam = null } = lane.memory;
    return { asked, parts, row, steps, columns: engine.columns, looked: batch.looked, beta, lam,
        completions: completions.map(({ prompt, tokens, logp, ended, words, verdict }) =>
            ({ prompt, tokens, logp, ended, words, verdict })) };
"""
)
ARMS = {
    **{
        name: (name, {})
        for name in (
            *("reinforce", "pg_is", "ppo", "grpo", "dr_grpo", "dapo", "cispo", "sapo", "gmpo"),
            *("pspo", "dppo", "ppo_penalty", "quatro", "troll"),
            *("bapo", "minpro", "cpgd", "trefree"),
        )
    },
    "r2vpo": ("r2vpo", {"delta": 1e-3, "dual_lr": 20.0}),
    "bapo by gradients": (
        "bapo",
        {"count": "gradient", "low": 0.9, "low_most": 0.98, "high": 1.02, "high_most": 1.5},
    ),
    "trefree, close": ("trefree", {"delta": 0.02}),
    "gspo": ("gspo", {"eps_low": 0.01, "eps_high": 0.01}),
    "grpo with a dual clip": ("grpo", {"dual_clip": 1.2}),
    "ppo, leave-one-out": (
        "ppo",
        {"advantage": "leave-one-out", "eps_low": 0.02, "eps_high": 0.02},
    ),
    "dppo by KL": ("dppo", {"delta_kl": 0.001}),
    "troll, close": ("troll", {"delta_kl": 0.001, "aggregation": "seq-mean-token-mean"}),
    "centered": ("centered", {"advantage": "reward"}),
    "centered, mask": ("centered", {"weight": "mask", "delta_tv": 0.002}),
}
HALVES = {"centered": {"halves": False}}
"""What only trlib's history shows takes passes that a page's twin has not."""
REACHED = {"ppo", "grpo", "dr_grpo", "dapo", "gmpo", "dppo", "gspo", "bapo", "cpgd", "trefree"}
REACHED |= {"bapo by gradients", "trefree, close", "grpo with a dual clip", "dppo by KL"}
REACHED |= {"ppo, leave-one-out", "centered, mask"}
DAILY = ("grpo with a dual clip", "gspo", "troll, close", "ppo_penalty", "r2vpo")
DAILY += ("centered, mask",)


def given_of(name, **more):
    policy = trlib.load_policy(name)
    return {
        "card": packed(policy)[0].json(),
        "weights": text(flat(dict(policy.model.named_parameters()))),
        "knobs": {},
        **more,
    }


def as_completions(policy, asked, found):
    """What the page sampled, as trlib holds it."""

    def rows(values, side="right"):
        every = [torch.tensor(row) for row in values]
        return torch.nn.utils.rnn.pad_sequence(every, batch_first=True, padding_side=side)

    prompts = policy.encode_prompts([p.text for p in asked])
    mask = rows([[True] * len(one["tokens"]) for one in found])
    return Completions(
        prompt_ids=rows(prompts, "left"),
        prompt_mask=rows([[True] * len(ids) for ids in prompts], "left"),
        group=torch.tensor([one["prompt"] for one in found]),
        tokens=rows([one["tokens"] for one in found]),
        mask=mask,
        forced=torch.zeros_like(mask),
        ended=torch.tensor([one["ended"] for one in found]),
        logp=rows([one["logp"] for one in found]),
        full_rows=torch.zeros(0, dtype=torch.long),
        full=torch.zeros(0, mask.shape[1], policy.vocabulary),
        tokenizer=policy.tokenizer,
    )


class Twin:
    """A lane's batch in trlib: its collector, its boxes, its metrics; at every update the weights
    are the page's."""

    def __init__(
        self,
        name,
        method,
        found,
        settings,
        task,
        dtype="float64",
    ):
        self.found, self.method, self.policy = found, method, trlib.load_policy(name, dtype=dtype)
        names = ("prompts", "group", "minibatches", "epochs", "lr")
        run = RunSettings(steps=1, **{name: settings[name] for name in names})
        run = run.filled(max_tokens=task.max_tokens, anchor="recomputed")
        own = (
            "rollout" if method.anchor == "rollout" else run.anchor
        )  # here they are the same policy
        self.needs = needs_of(method, own)
        self.learner = Learner(self.policy, run, self.needs, adamw)
        collector = Collector(self.learner, task, method, self.needs, run)
        asked = [Prompt(p["text"], p["answer"], p["difficulty"]) for p in found["asked"]]
        self.completions = as_completions(self.policy, asked, found["completions"])
        verdicts = [
            task.verify(asked[g], words, ended=ended)
            for g, words, ended in zip(
                self.completions.group.tolist(),
                self.completions.texts(),
                self.completions.ended.tolist(),
                strict=True,
            )
        ]
        assert [vars(v) for v in verdicts] == [one["verdict"] for one in found["completions"]]
        self.hold(found["steps"][0]["weights"])
        self.batch = collector.prepare(self.completions, verdicts, 0)
        self.done = []
        self.gradients = []

    def hold(self, weights):
        at, values = 0, torch.tensor(numbers(weights))
        with torch.no_grad():
            for name in order(2):
                p = self.policy.trainable[name]
                p.copy_(values[at : at + p.numel()].view_as(p))
                at += p.numel()

    def distributions(self):
        looked = torch.tensor(self.found["looked"])
        with torch.no_grad():
            return self.policy.score(self.completions.rows(looked), full=True).full

    def run(self):
        """Every update's gradient, into `gradients`; gives the row of the history."""
        before = self.distributions()
        for part, one in zip(self.found["parts"], self.found["steps"], strict=True):
            self.update(part, one)
        if self.by_batch:
            whole = Minibatch(
                self.learner, self.method, self.needs, self.completions, self.batch, done=self.done
            )
            self.method.update(Descended(whole))
        looked = torch.tensor(self.found["looked"])
        exact, _ = measure(
            before,
            self.distributions(),
            self.completions.tokens[looked],
            self.completions.mask[looked],
        )
        return {
            "reward": float(self.batch.rewards.mean()),
            "length": float(self.completions.lengths.float().mean()),
            "kept": 1.0,
            **summarise(self.done),
            **exact,
        }

    def update(self, part, one):
        rows = torch.cat(
            [(self.completions.group == prompt).nonzero().squeeze(-1) for prompt in part]
        )
        self.hold(one["weights"])
        step = Minibatch(
            self.learner,
            self.method,
            self.needs,
            self.completions.rows(rows),
            self.batch.rows(rows),
            done=self.done,
        )
        self.policy.model.zero_grad()
        loss = step.loss()
        loss.backward()
        gradient = np.concatenate(
            [self.policy.trainable[name].grad.double().numpy().ravel() for name in order(2)]
        )
        self.gradients.append(gradient)
        step.report(float(loss.detach()), float(np.linalg.norm(gradient)))
        self.hold(one["after"])
        if not self.by_batch:
            self.method.update(Descended(step))

    @property
    def by_batch(self):
        """Whether a price follows once a batch, and not after every update."""
        return getattr(self.method, "adapt_after", "minibatch") == "batch"


class Descended:
    """A batch or a minibatch whose descent the page has made: what a method's update does beside it, a price
    that follows."""

    def __init__(self, step):
        self.batch, self.score = step.batch, step.score

    def minibatches(self):
        return [self]

    def loss(self, _scores=None):
        pass

    def descend(self, loss):
        pass


def check(
    name,
    method,
    thresholds,
    found,
    settings,
):
    """The reference is torch in float64. Gradients are right to 1e-5 of their size. Where a policy
    has moved far and terms cancel, torch's own float32 is not either: there the engine's rounding
    stays within a few times torch's (it sums without fused products)."""
    task = trlib.load_task("spend" if name == "spend" else "dial")
    exact, coarse = (
        Twin(
            name,
            OBJECTIVES[method](**thresholds, **HALVES.get(method, {})),
            found,
            settings,
            task,
            dtype,
        )
        for dtype in ("float64", "float32")
    )
    wanted, row = exact.run(), found["row"]
    coarse.run()
    unused = slice(exact.policy.vocabulary * 64, found["columns"] * 64)
    for k, (one, right, single) in enumerate(
        zip(found["steps"], exact.gradients, coarse.gradients, strict=True)
    ):
        got = np.delete(numbers(one["gradients"]), unused)
        size = float(np.linalg.norm(right))
        if size == 0:
            assert not got.any()
            continue
        error, unavoidable = (float(np.linalg.norm(x - right)) / size for x in (got, single))
        assert error < (max(1e-5, 8 * unavoidable) if k else 1e-5), f"update {k}"
    for metric in ("kl", "kl_back", "tv", "tv_max", "entropy", "grad_norm", "reward", "length"):
        assert row[metric] == pytest.approx(wanted[metric], rel=1e-4, abs=1e-8), metric
    assert row["kept"] == pytest.approx(wanted["kept"], abs=1e-6)
    return exact


@pytest.mark.parametrize(
    "arm", by_day(ARMS, *DAILY, reason="every method of the page; five stand for them")
)
def test_every_update_of_a_batch_is_that_of_trlib(ask, arm):
    name, thresholds = ARMS[arm]
    settings = {
        "method": name,
        "thresholds": thresholds,
        "prompts": 6,
        "group": 4,
        "minibatches": 3,
        "epochs": 2,
        "lr": 1e-3,
        "seed": 4,
    }
    found = ask(BATCH, **given_of("dial", settings=settings))
    assert len({one["verdict"]["reward"] for one in found["completions"]}) == 2
    twin = check("dial", name, thresholds, found, settings)
    assert found["beta"] == (
        pytest.approx(twin.learner.memory["beta"], rel=1e-5) if name == "ppo_penalty" else None
    )
    assert found["lam"] == (
        pytest.approx(twin.learner.memory["lam"], rel=1e-4) if name == "r2vpo" else None
    )
    if arm in REACHED:
        assert found["row"]["kept"] < 1, "the region was never reached"


@pytest.mark.parametrize("name", ["dial_rare", "spend"])
def test_every_checkpoint_learns_a_large_batch_in_several_passes(ask, name):
    settings = {
        "method": "grpo",
        "thresholds": {},
        "prompts": 16,
        "group": 12,
        "minibatches": 1,
        "epochs": 2,
        "lr": 1e-3,
        "seed": 1,
    }
    check(name, "grpo", {}, ask(BATCH, **given_of(name, settings=settings)), settings)


def test_the_same_seed_is_the_same_run_and_lanes_see_the_same_prompts(
    ask,
):
    body = (
        LANE
        + """
        const first = [lane.run(), lane.run(), text(lane.engine.read())];
        lane.reset();
        const again = [lane.run(), lane.run(), text(lane.engine.read())];
        lane.change({ method: "dppo", group: 6, lr: 1e-3 }); lane.reset();
        const { asked, completions } = lane.step();
        lane.reset(); lane.change({ method: "grpo", group: 4 });
        const other = lane.step();
        return [first, again, asked.map(p => p.text), completions.filter(c => c.row % 6 < 4).map(c => c.tokens),
            other.asked.map(p => p.text), other.completions.map(c => c.tokens)];
    """
    )
    settings = {"prompts": 4, "group": 4, "lr": 1e-3, "minibatches": 2, "epochs": 2}
    first, again, asked, six, also, four = ask(body, **given_of("dial", settings=settings))
    assert first == again
    assert asked == also and six == four


@pytest.mark.parametrize("name", ["dial", "spend"])
def test_verifiers_say_what_trlib_s_say(ask, name):
    task = trlib.load_task(name)
    vocabulary = BASES[name].teacher.words
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
    found = ask(
        """const { TASKS } = await import("/engine/js/tasks.js"), task = new TASKS[given.name].kind();
        return given.cases.map(([text, words, ended]) => {
            const prompt = task.read(text);
            return { answer: prompt.answer, ...task.verify(prompt, words, ended) };
        });""",
        name=name,
        cases=[(prompt.text, words, ended) for prompt, words, ended in cases],
    )
    for (prompt, words, ended), got in zip(cases, found, strict=True):
        wanted = task.verify(prompt, " ".join(words), ended=ended)
        assert got == {"answer": prompt.answer, **vars(wanted)}, words
    assert len({one["reason"] for one in found}) == 5


def test_prompts_are_those_that_the_task_can_ask(ask):
    found = ask("""const { TASKS } = await import("/engine/js/tasks.js"), { stream } = await import("/engine/js/random.js");
        const many = (name, knobs) => { const task = new TASKS[name].kind(knobs), random = stream(0, name);
            return Array.from({ length: 600 }, () => task.prompt(random)); };
        return [many("dial"), many("dial", { moves: [1, 8] }), many("spend", { amount: 12 }), many("spend")];""")
    five, some, twelve, any_ = found
    assert {p["difficulty"] for p in five} == {5} and {p["difficulty"] for p in some} == set(
        range(1, 9)
    )
    assert {p["text"] for p in twelve} == {"12 :"} and {p["difficulty"] for p in any_} == set(
        range(12, 41)
    )
    dial = trlib.load_task("dial")
    for p in five:
        assert dial.places(Prompt(p["text"], p["answer"], 5)) == p["places"]
    moves = [move for p in five for move in p["moves"]]
    assert len(set(moves)) == 16 and max(map(moves.count, set(moves))) < 1.4 * len(moves) / 16


def test_an_update_in_a_few_numbers(ask):
    ratios = np.random.default_rng(0).lognormal(0, 0.3, 201)
    got, none, careful = ask(
        """
        const { brief } = await import("/engine/js/measures.js"), { CAREFUL } = await import("/engine/js/tasks.js");
        const of = (ratios) => brief({ tokens: ratios.length, kept: .9, norm: 2, ratios }, 3, 8);
        return [of(given.ratios), of([]), CAREFUL];""",
        ratios=ratios.tolist(),
    )
    assert got["ratio"] == pytest.approx(np.quantile(ratios, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]))
    assert got["kl"] == pytest.approx((ratios - 1 - np.log(ratios)).mean())
    assert [got[name] for name in ("number", "of", "tokens", "kept", "norm")] == [3, 8, 201, 0.9, 2]
    assert none["ratio"] == [] and careful == list(CAREFUL)


def test_random_numbers_are_uniform_and_streams_differ(ask):
    drawn = ask("""const { stream } = await import("/engine/js/random.js");
        return [[0, "a"], [0, "b"], [1, "a"], [0, "a", 1]].map(path => {
            const random = stream(...path); return Array.from({ length: 20000 }, random); });""")
    table = np.array(drawn)
    assert table.min() >= 0 and table.max() < 1
    np.testing.assert_allclose(table.mean(1), 0.5, atol=0.01)
    for row in table:
        counts = np.bincount((row * 50).astype(int), minlength=50)
        assert (
            (counts - 400) ** 2 / 400
        ).sum() < 95  # chi-square with 49 degrees: above 95 once in 10,000
    assert np.abs(np.corrcoef(table) - np.eye(4)).max() < 0.03, "streams differ"


STOPPED = {
    "a learning rate that gives NaN": (
        "lane.change({ lr: 1e39, warmup: 0 }); for (let k = 0; k < 6; k++) lane.run();",
        "batch ",
    ),
    "weights that are not numbers": (
        "lane.engine.weights.fill(NaN); lane.engine.wasm.settle(); lane.run();",
        "batch 0: sampling: NaN or inf among the logits",
    ),
    "a method that is not there": ("lane.change({ method: 'grop' })", "method: expected one of"),
    "a threshold of another method": (
        "lane.change({ thresholds: { delta_kl: 1 } })",
        "grpo: expected settings among",
    ),
    "minibatches that do not divide": (
        "lane.change({ minibatches: 3 })",
        "minibatches: expected a divisor of prompts",
    ),
    "half a completion": (
        "lane.change({ group: 2.5 })",
        "group: expected a whole number of at least 1, got 2.5",
    ),
    "nobody to compare with": (
        "lane.change({ group: 1 })",
        "group: expected at least 2 with group-std",
    ),
    "no learning rate": ("lane.change({ lr: 0 })", "lr: expected a number above 0, got 0"),
    "an unknown setting": ("lane.change({ steps: 3 })", "settings: expected method"),
    "a word of another task": ("lane.ask('37 :')", "prompt: expected a start below 20"),
    "too large a group": ("lane.change({ group: 600 }); lane.run();", "group: expected at most"),
}


@pytest.mark.parametrize("case", STOPPED)
def test_what_cannot_be_is_said(ask, case):
    body, said = STOPPED[case]
    found = ask(
        LANE
        + f"""
        let message = "nothing said";
        try {{ {body} }} catch (error) {{ message = error.message; }}
        lane.reset();
        lane.change({{ lr: 1e-4, group: 4, prompts: 4, minibatches: 1, method: "grpo", thresholds: {{}} }});
        return [message, lane.run().reward];""",
        **given_of("dial", settings={"prompts": 4, "group": 4}),
    )
    assert said in found[0]
    assert 0 <= found[1] <= 1


def test_a_worker_steps_and_answers(ask):
    card, data = packed(trlib.load_policy("dial"))
    found = ask(
        """
        const wasm = await (await fetch("/engine/built/engine.wasm")).arrayBuffer();
        const bytes = Uint8Array.from(atob(given.data), c => c.charCodeAt(0));
        const worker = new Worker("/engine/js/worker.js", { type: "module" }), log = [], waiting = [];
        worker.onmessage = ({ data }) => { log.push(data); for (const see of waiting) see(data); };
        const until = (test) => new Promise(done => waiting.push(data => test(data) && done(data)));
        const said = until(data => data.error);
        worker.postMessage({ once: "batch" });
        const early = (await said).error;
        const settings = { prompts: 4, group: 4, minibatches: 2, epochs: 2, lr: 1e-3 };
        const load = { wasm, bytes, card: given.card };
        worker.postMessage({ load, settings });
        worker.postMessage({ once: "update" });
        const update = await until(data => data.event === "update");
        worker.postMessage({ once: "batch" });
        const batch = await until(data => data.event === "batch");
        worker.postMessage({ ask: "7 : +3 flip =", id: 5 });
        const { answers } = await until(data => data.id === 5);
        worker.postMessage({ load, settings });
        worker.postMessage({ once: "batch" });
        const again = await until(data => data.event === "batch" && data.row.batch === 0);
        worker.postMessage({ settings: { lr: -1 } });
        const refused = (await until(data => data.error)).error;
        worker.terminate();
        return { early, update, batch, answers, refused, ready: log.find(data => data.ready),
            same: again.row.reward === batch.row.reward };
    """,
        card=card.json(),
        data=base64.b64encode(data).decode(),
    )
    assert found["early"].startswith("lane: expected { load }")
    assert found["ready"]["memory"] < 32_000_000
    assert found["batch"]["row"]["batch"] == 0 and len(found["batch"]["completions"]) == 16
    first, *rest = found["batch"]["updates"]
    assert found["update"]["update"] == first and len(found["update"]["completions"]) == 16
    assert first["ratio"] == [1.0] * 7 and first["kl"] == 0 and first["kept"] == 1
    assert [(one["number"], one["of"]) for one in [first, *rest]] == [(k, 4) for k in (1, 2, 3, 4)]
    assert rest[-1]["ratio"][0] < 1 < rest[-1]["ratio"][-1]
    assert len(found["answers"]) == 8 and found["same"]
    assert found["refused"] == "lr: expected a number above 0, got -1"
