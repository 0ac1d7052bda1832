/* What explorables promise before anybody sees them: settings whose rungs ascend, presets that are possible, and a
   verdict for each. The first states are Python's (MATHS: a file that test_maths.py makes); the modules are the built ones. Besides, what
   the first page and the playground compute of rows, formulas and addresses, and how numbers are written. */

import { strict as assert } from "node:assert";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { warnings } from "../../../book/trbook/explorables/js/formula/words.js";
import { stepped } from "../../../book/trbook/explorables/js/parts/handling.js";
import { kindOf, possibleLane, thresholdsOf } from "../../../book/trbook/explorables/js/playground/lanes.js";
import { pathsOf, seriesOf } from "../../../book/trbook/explorables/js/playground/views/series.js";
import { interval } from "../../../book/trbook/explorables/js/playground/views/iqm.js";
import { fromAddress, settle } from "../../../book/trbook/explorables/js/playground/state.js";
import * as written from "../../../book/trbook/explorables/js/parts/numbers.js";
import { isOdd } from "../../../book/trbook/explorables/js/wall/words.js";
import { parse, weightOf } from "../../../book/trbook/explorables/engine/js/formula.js";
import { proportional } from "../../../book/trbook/explorables/engine/js/own.js";
import { METHODS, method } from "../../../book/trbook/explorables/engine/js/methods.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const built = (name) => read(`../../../book/trbook/explorables/built/${name}`);
const asModule = (text) => `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`;
const common = asModule(built("common.js"));
const { possible } = await import(common);
const { first: states } = JSON.parse(readFileSync(process.env.MATHS, "utf8"));
const ofData = (part, data) => (typeof part === "function" ? part(data) : part);

/* Whether a figure says that a method fails, preset by preset; some have none. */
const TONES = {
  baseline_radius: "calm fail fail fail calm calm",
  basin: "fail calm calm fail",
  clip: "fail calm calm",
  loop: "calm fail fail",
  natural_gradient: "",
  projection: "fail calm fail fail fail fail",
  query_dual: "",
  ratio_map: "fail fail calm",
  simplex: "fail calm calm calm",
  staleness: "calm fail fail fail",
  token_microscope: "fail calm fail fail",
  trsft: "fail fail calm fail",
  two_losses: "",
  two_samplers: "",
};

/* One state after the other: its settings, how its verdict looks, some of the figures beside it. */
const STATES = {
  baseline_radius: [
    [{}, "calm", { "right in the end": "0.73", "KL(μ‖π) now": "0.62", "in the end": "0.62" }],
    [{ baseline: 0.1 }, "fail", { "mean weight J − b": "0.10", "in the end": "∞" }],
    [{ baseline: 0.5, steps: 1 }, "fail", { "right in the end": "no closed form" }],
  ],
  loop: [
    [{ group: "none" }, "fail", {}],
    [{ group: "luck" }, "fail", {}],
  ],
  projection: [
    [{ delta: 0 }, "fail", { "multiplier η": "∞", "nats to q: π̃ → π": "0.07 → 0" }],
    [{ delta: 0.05, advantage: 0 }, "fail", { "multiplier η": "0.20" }],
    [{ advantage: 1, shift: Array(8).fill(0) }, "calm", { "multiplier η": "0" }],
  ],
  natural_gradient: [
    [{}, "calm", {}],
    [{ theta1: -0.5 }, "calm", {}],
  ],
  query_dual: [
    [{}, "calm", {}],
    [{ price: 0.2 }, "calm", {}], // too low for both
    [{ price: 2 }, "calm", {}], // too high
  ],
  ratio_map: [
    [{}, "fail", { "ratio r = p/q": "100", "KL, nats": "9.4×10⁻⁴" }],
    [{ show: ["dppo_tv"] }, "calm", { "ratio r = p/q": "100" }],
    [{ old_p: 0.9, new_p: 0.3, sign: -1, show: ["ppo", "dppo_tv"] }, "calm", { "ratio r = p/q": "0.33" }],
  ],
  staleness: [
    [{}, "calm", {}],
    [{ run: "none" }, "fail", { "clipped, A > 0": "24 of 206" }],
    [{ eps_high: 9 }, "fail", { "clipped, A > 0": "0 of 206" }],
    [{ update: 0 }, "calm", { "mean of |r − 1| / 2": "0", "farthest token": "none has moved" }],
    [{ run: "none", update: 32 }, "fail", { "mean of |r − 1| / 2": "0.40" }],
  ],
  token_microscope: [
    [{}, "fail", {}],
    [{ token: 0 }, "fail", { "A → weight w": "0.81 → 0", "clipped, A > 0": "19 of 199" }],
    [{ method: "cispo" }, "calm", { "A → weight w": "0.81 → 0.97" }],
    [{ method: "dppo_tv" }, "calm", { "clipped, A > 0": "0 of 199" }],
  ],
  two_losses: [
    [{}, "calm", {}],
    [{ guess: "X" }, "fail", {}],
    [{ guess: "Y" }, "calm", {}],
  ],
  two_samplers: [
    [{}, "calm", {}],
    [{ push: 1 }, "calm", {}],
  ],
};

const specs = {};
for (const [name, tones] of Object.entries(TONES)) {
  const { default: explorable } = await import(
    asModule(built(`${name}.js`).replaceAll('"./common.js"', `"${common}"`))
  );
  let data = null;
  try {
    data = JSON.parse(built(`${name}.data.json`));
  } catch {
    /* it draws no packed data */
  }
  const settings = ofData(explorable.spec.settings, data),
    spec = { ...explorable.spec, settings },
    { state: first } = possible(spec, states[name], null, data);
  specs[name] = { spec, first };
  const reached = (own) => possible(spec, { ...first, ...own }, first, data);
  const asked = (typeof spec.question === "function" ? spec.question(data, first) : spec.question) ?? { state: {} },
    presets = ofData(spec.presets, data) ?? [];

  test(`${name}: rungs ascend within their bounds`, () => {
    for (const [key, { rungs, low, high }] of Object.entries(settings)) {
      if (!rungs) continue;
      assert.ok(rungs[0] >= (low ?? rungs[0]) && rungs.at(-1) <= (high ?? rungs.at(-1)), key);
      rungs.slice(1).forEach((rung, i) => assert.ok(rung > rungs[i], `${key}: ${rung} after ${rungs[i]}`));
    }
  });
  test(`${name}: what presets and the question ask for is possible`, () => {
    for (const { name: preset, state } of [...presets, { name: "question", state: asked.state }]) {
      const found = reached(state);
      assert.deepEqual({ preset, notes: found.notes }, { preset, notes: [] });
      for (const [key, value] of Object.entries(state)) assert.deepEqual(found.state[key], value, `${preset}: ${key}`);
    }
    if (spec.question) assert.ok(asked.options.some(([value]) => value === ofData(asked.right, data)));
  });
  test(`${name}: the impossible is clamped and explained`, () => {
    for (const key of Object.keys(settings).filter((one) => typeof first[one] === "number"))
      for (const wrong of [1e12, -1e12, null]) {
        const { state, notes } = reached({ [key]: wrong });
        assert.ok(Math.abs(state[key]) < 1e12 && notes.length, `${key}: ${wrong}`);
      }
  });
  test(`${name}: no readout repeats what the verdict says`, () => {
    const NUMBER = /\d+(?:\.\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?/g;
    const seen = {}; // by readout: in how many states the verdict has its numbers, and in how many it has some
    for (const state of [{}, ...presets.map((one) => one.state)]) {
      const { verdict, facts } = spec.read(reached(state).state, data),
        said = new Set(`${verdict.title} ${verdict.text}`.match(NUMBER));
      for (const [readout, value] of facts) {
        const numbers = (String(value).split("[")[0].match(NUMBER) ?? []).filter((one) => /\.|\d\d/.test(one));
        if (!numbers.length) continue;
        const counts = (seen[readout] ??= [0, 0]);
        counts[0] += Number(numbers.every((one) => said.has(one)));
        counts[1] += 1;
      }
    }
    const repeated = Object.entries(seen).filter(([, [both, all]]) => all > 2 && both >= all / 2);
    assert.deepEqual(repeated, []);
  });
  test(`${name}: which presets show a failure`, () => {
    const found = presets.map(({ state }) => spec.read(reached(state).state, data).verdict.tone);
    assert.equal(found.join(" "), tones);
  });
  if (STATES[name])
    test(`${name}: figures and verdict are those of the state`, () => {
      let now = first;
      for (const [own, tone, wanted] of STATES[name]) {
        now = possible(spec, { ...now, ...own }, now, data).state;
        const { verdict, facts } = spec.read(now, data),
          found = Object.fromEntries(facts.map((row) => [row[0], String(row[1])]));
        assert.deepEqual([verdict.tone, { ...found, ...wanted }], [tone, found], JSON.stringify(own));
      }
    });
}

test("an opener's verdict answers the question above it, in numbers", async () => {
  const titles = (name, opener, ...states) =>
    states.map((own) => {
      const { spec, first } = specs[name],
        state = possible(spec, { ...first, ...own }, first, null).state,
        { verdict, follow } = spec.openers?.[opener] ?? {};
      const shown = { ...state, ...follow?.(state) };
      return (verdict ?? ((_, found) => found.verdict))(shown, spec.read(shown, null)).title;
    });
  assert.deepEqual(titles("natural_gradient", "", { theta1: 4 }, { theta1: -0.5 }), [
    "From 4 it moves the probability by 0.011, 22 times less than in the middle",
    "From −0.5 it moves the probability by 0.24, as in the middle",
  ]);
  const both = { show: ["ppo", "dppo_tv"] };
  assert.deepEqual(titles("ratio_map", "map", { ...both, old_p: 1e-5, new_p: 1e-3 }, { old_p: 0.99, new_p: 0.8 }), [
    "PPO's clip stops its growth at 1.2×10⁻⁵, DPPO-TV at 0.15",
    "PPO's clip stops its fall at 0.79, DPPO-TV at 0.84",
  ]);
  const [before, one, many] = specs.trsft.spec.openers.expert.choose.options.map(([, state]) => state);
  assert.deepEqual(titles("trsft", "expert", before, one, many), [
    "The pupils have learned nothing yet",
    "SFT makes the mistake in 36 of 100, TrSFT in 50",
    "SFT errs in 45 of 100, TrSFT in 2",
  ]);
});

test("an idea has one name and one look on every control", async () => {
  const { IDEAS } = await import(common),
    wanted = { ppo: IDEAS.clip, none: IDEAS.none, plain: IDEAS.none, pg_is: IDEAS.none };
  const seen = [];
  for (const [
    name,
    {
      spec: { settings },
    },
  ] of Object.entries(specs))
    for (const [key, { choices = [], ticks = [] }] of Object.entries(settings))
      for (const [value, text, hue, dash] of [...choices, ...ticks]) {
        const idea = wanted[value],
          of = `${name}, ${key}: ${value}`;
        if (!idea || /^trained with/.test(text)) continue;
        assert.equal(text, idea.name, of);
        if (ticks.length) assert.deepEqual([hue, dash], [idea.hue, idea.dash], of);
        seen.push(name);
      }
  assert.ok(new Set(seen).size >= 5, String(seen));
});

/* What trains a model while it is watched, and the questions in a page's text; everything else is on the bench. */
const APART = ["dial.js", "playground.js", "predict.js", "storyteller.js"];

test("drawings, axes and what surrounds a figure are those that all share", () => {
  const sources = new URL("../../../book/trbook/explorables/js/", import.meta.url);
  const files = readdirSync(sources, { recursive: true }).filter(
    (name) => name.endsWith(".js") && !/^(parts|node_modules)\b/.test(name),
  );
  const text = Object.fromEntries(files.map((name) => [name, readFileSync(new URL(name, sources), "utf8")]));
  const own = /d3-(axis|selection)|createElementNS|attachShadow/;
  assert.deepEqual(
    files.filter((name) => own.test(text[name])),
    [],
  );
  const entries = files.filter((name) => !/[/\\]/.test(name));
  assert.ok(entries.length > APART.length);
  assert.deepEqual(entries.filter((name) => !text[name].includes("export default bench({")).sort(), APART);
});

test("clip: a weight that is 0 because the ratio is has left no region", async () => {
  const { default: clip } = await import(asModule(built("clip.js").replaceAll('"./common.js"', `"${common}"`)));
  const read = (own) => clip.spec.read({ ...states.clip, show: ["plain", "ppo"], old_p: 0.25, ...own }).verdict;
  const { tone, title, text } = read({ sign: 1, ratio: 0 });
  assert.deepEqual([tone, title], ["calm", "unclipped and PPO's clip: no weight at r = 0"]);
  assert.match(text, /That is no trust region: anywhere above 0 the gradient increases the token again/);
  assert.match(read({ sign: -1, ratio: 0 }).text, /no probability left to lose/);
  assert.match(read({ sign: 1, ratio: 0.01 }).title, /nothing clips the way back/);
});

test("a setting that counts is whole, inside its bounds, and told", () => {
  const settings = { n: { label: "n", low: 1, high: 4, whole: "updates" } };
  const of = (n) => {
    const { state, notes } = possible({ settings }, { n }, { n: 2 }, null);
    return [state.n, notes.map(({ text }) => text.split(": ")[1]).join()];
  };
  assert.deepEqual(of(3), [3, ""]);
  assert.deepEqual(of(2.6), [3, "updates are whole."]);
  assert.deepEqual(of(9.5), [4, "it lies between 1 and 4."]);
  assert.deepEqual(of("3"), [2, "it is no number."]);
});

test("a slider's keys", () => {
  const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", "a"];
  assert.deepEqual(
    keys.map((key) => stepped(key, 7, 20, 5)),
    [6, 8, 8, 6, 0, 20, 12, 2, undefined],
  );
  assert.deepEqual([stepped("ArrowLeft", 0, 20, 5), stepped("PageUp", 18, 20, 5)], [0, 20]);
});

test("a lane's threshold is the setting that it stands for", () => {
  for (const name of Object.keys(METHODS)) {
    const { threshold } = kindOf({ method: name });
    if (!threshold) continue;
    for (const value of threshold.rungs) {
      const { lane } = possibleLane({ method: name, threshold: value }, "a"),
        { settings } = method(name, thresholdsOf(lane));
      assert.equal(settings[threshold.from], value, `${name}, ${threshold.from}`);
    }
  }
});

test("series: means of ten batches, placed from the first batch of their settings on", () => {
  const row = (reward) => ({ reward, kl: 0.5, kept: NaN, entropy: 2, length: 4 });
  const rows = Array.from({ length: 12 }, (_, i) => row(i)),
    { reward, kept, kl } = seriesOf(rows).of;
  assert.deepEqual([reward.smooth[0], reward.smooth[3], reward.smooth[11]], [0, 1.5, 6.5]);
  assert.deepEqual([reward.least, reward.most, kl.least], [1, 11, 0.5]);
  const x = (i) => 10 * i,
    y = (v) => 100 - v,
    { line, points } = pathsOf(reward, "line", "", x, y, 12, 5);
  assert.ok(line.startsWith("M50.0,100.0L60.0,99.5"), line);
  assert.ok(points.endsWith("M160.0,89.0h.01"), points);
  assert.equal(pathsOf(kept, "line", "", x, y, 12).line, "", "what was not measured has no line");
});

test("what a formula is warned of", () => {
  const about = (formula) => warnings({ formula, constants: {} }).map((text) => text.split(":")[0]);
  assert.deepEqual(about("A*r"), []);
  assert.deepEqual(about("-abs(A)*(r > 2)"), ["It is never positive for A > 0"]);
  assert.deepEqual(about("abs(A)*(r > 2)"), ["It is never negative for A < 0"]);
  assert.deepEqual(about("A*0"), ["It is 0 everywhere"]);
  assert.deepEqual(about("A*r*2000"), ["It grows beyond 1 000"]);
  assert.match(about("A*log(1 - r)")[0], /^It is (infinite|no number) at A = 1/);
});

test("what the loop is told of a method is so", () => {
  const completion = {
    logp: [-1, -0.2],
    old: [-0.7, -0.9],
    advantage: 0,
    multiplier: 1,
    target: 0.4,
    window: [0.6, 1.2],
  };
  for (const [name, { proportional = false, full = false, survey }] of Object.entries(METHODS)) {
    const { objective, settings } = method(name);
    assert.equal(full, ["troll", "ppo_penalty", "centered"].includes(name), `${name}: whole distributions`);
    if (full) continue;
    const { weight } = objective(completion);
    assert.equal(
      proportional,
      weight.every((w) => w === 0),
      `${name}: without an advantage nothing is learned`,
    );
    assert.equal(Boolean(survey), "count" in settings, `${name}: a survey`);
  }
});

const NUMBERS = {
  number: [
    [
      [0, 12.34, 99.97, 1234, 200000, 0.00994, 0.000996, 0.00099],
      "0 12.3 100 1\u202f234 200_thousand 0.0099 0.0010 9.9×10⁻⁴",
    ],
    [[1e-7, 9.97e-7, 4e-17, -2.5, NaN, Infinity, -Infinity], "10⁻⁷ 10⁻⁶ 4.0×10⁻¹⁷ −2.50 ? ∞ −∞"],
  ],
  probability: [
    [[0, 1e-5, 0.001, 9.97e-4, 0.0034, 0.9987, 0.9999, 1], "0 10⁻⁵ 10⁻³ 10⁻³ 0.0034 0.9987 0.9999 1.00"],
    [[3.4e-7], "3.4×10⁻⁷"],
  ],
  percent: [[[0, 1e-6, 1e-5, 0.015, 0.00996, 1, 0.0005], "0_% <_0.001_% 0.001_% 1.5_% 1.0_% 100_% 0.05_%"]],
  setting: [[[0, 0.0005, 99, 1000], "0 0.0005 99.0 1\u202f000"]],
  spoken: [[[1e-5, 1e-7, 0.3], "0.00001 0.0000001 0.30"]],
};

test("numbers are written as they are read", () => {
  for (const [name, rows] of Object.entries(NUMBERS))
    for (const [values, wanted] of rows)
      assert.equal(values.map((x) => written[name](x).replaceAll(" ", "_")).join(" "), wanted, name);
  for (let u = -20; u < 3; u += 0.0037)
    for (const text of [written.number(10 ** u), written.probability(Math.min(10 ** u, 1))])
      assert.doesNotMatch(text, /^10\.0×|^0\.0×|NaN|^0(\.0+)?$/, `10^${u}`);
});

/* Every way to draw the runs with replacement, counted. */
test("the interval of a few runs", () => {
  for (const runs of [
    [0.64, 0.27, 0.04],
    [0.02, 0.81, 0.91, 0.61],
    [0.5, 0.12, 0.93, 0.11, 0.8],
  ]) {
    const n = runs.length,
      cut = Math.floor(n / 4);
    const middle = (way) => {
      const kept = [...way].sort((a, b) => a - b).slice(cut, n - cut);
      return kept.reduce((sum, x) => sum + x, 0) / kept.length;
    };
    const ways = Array.from({ length: n ** n }, (_, i) => runs.map((_, k) => runs[Math.floor(i / n ** k) % n]));
    const sorted = ways.map(middle).sort((a, b) => a - b),
      at = (share) => sorted[Math.ceil(share * sorted.length) - 1];
    interval(runs).forEach((x, i) => assert.ok(Math.abs(x - [middle(runs), at(0.025), at(0.975)][i]) < 1e-12));
  }
  assert.deepEqual(interval([0.25, 0.75]), [0.5, NaN, NaN]);
});

/* What an address asks for that cannot be. */
const IMPOSSIBLE = {
  "a=gppo": 'there is no method "gppo"; using ppo',
  "a=ppo,lr:-1": "learning rate = -1 is impossible; using 1e-7",
  "a=ppo,lr:much": 'learning rate = "much" is not a number',
  "a=ppo,minibatches:3": "minibatches = 3 is not possible with 16 prompts; using 2",
  "a=ppo,epochs:2.5": "epochs per batch: expected one of 1, 2, 4, 8, 16, 32, got 2.5; using 2",
  "a=ppo,difficulty:11": "moves: expected one of",
  "a=ppo,group:99": "completions per prompt = 99 is impossible; using 32",
  "a=troll,checkpoint:dail": 'there is no checkpoint "dail"; using dial',
  "a=ppo,eps:1": '"eps" cannot be set',
  "a=bapo,count:values": 'a token counts: there is no "values"; using value',
  "preset=wid": 'There is no preset "wid"; using wide',
  "preset=__proto__": 'There is no preset "__proto__"',
  "seed=-4": "seed = -4 is impossible; using 0",
  "view=constructor": 'There is no picture "constructor"',
};

test("the impossible in an address is named", () => {
  for (const [mark, message] of Object.entries(IMPOSSIBLE)) {
    const values = Object.fromEntries(new URLSearchParams(mark)),
      { state, notes } = settle(fromAddress(values, settle({}).state));
    assert.ok(Object.keys(state.lanes).length && notes.join(" ").includes(message), `${mark}: ${notes}`);
  }
});

const token = { A: 1, r: 1.5, p: 0.75, q: 0.5, l: Math.log(1.5), s: 1.2, t: 2, n: 5 };
const VALUES = {
  "w = A*r": 1.5,
  "-r^2": -2.25,
  "2^3^2": 512,
  "r**-1": 1 / 1.5,
  "1 - 2 - 3": -4,
  "8/2/2": 2,
  "not A > 0 or r < 2": 1,
  "!A + 1": 1,
  "A > 0 ? 1 : A < 0 ? 2 : 3": 1,
  "if(A > 0, r, q)": 1.5,
  "min(r, 1 + d, 3) - max(0, d)": 1,
  "1.5e1 + .5": 15.5,
  "0/0 + 0*log(0)": 0,
  "A×r − 1": 0.5,
  "A·π÷μ": 1.5,
  "r ≤ 1.5 and r ≥ 1 and r ≠ 2": 1,
  "r² − r³ + √(q·2) + √p²": 2.25 - 3.375 + 1 + 0.75,
  "ε + δ + eps": 0.6,
  "A*toString + constructor": 0.4, // constants like any other
};
const WRONG = {
  "": [0, "expected a formula, such as A*r, got the end"],
  "A*r*(": [5, 'expected a number, a name or "(", got the end'],
  "A r": [2, 'a product is written with "*", got "r"'],
  "A*constructor(1)": [2, "expected a function: min, max"],
  ["__proto__"]: [0, 'got "_"'],
  "A*r; alert(1)": [3, 'got ";"'],
  "1e999": [0, 'expected a number below 1.8e308, got "1e999"'],
  "w*2": [0, "expected anything but w, which the formula is to define"],
  "A*ratio": [2, 'expected r for the token\'s ratio p/q, got "ratio"'],
  "r = 2": [2, 'expected "==", which compares'],
  "0 < r < 2": [6, 'expected "and" between two comparisons'],
  "clip(r)": [0, "expected 3 arguments of clip, got 1"],
  ["x".repeat(500)]: [400, "expected at most 400 characters, got 500"],
  ["(".repeat(300)]: [40, "expected at most 40 brackets and signs inside each other"],
  ["-".repeat(300)]: [40, "expected at most 40 brackets and signs inside each other"],
  "a+b+c+d+e+f+g+h+i": [16, "expected at most 8 constants"],
};

test("formulas have one meaning, and errors a place", () => {
  for (const [text, value] of Object.entries(VALUES)) {
    const { tree, constants } = parse(text),
      found = weightOf(tree, Object.fromEntries(constants.map((name) => [name, 0.2])))(token);
    assert.ok(Math.abs(found - value) < 1e-9, `${text}: ${found}`);
  }
  for (const [text, [at, expected]] of Object.entries(WRONG))
    assert.throws(
      () => parse(text),
      ({ name, at: place, message }) =>
        name === "FormulaError" &&
        place === at &&
        message.startsWith(`Character ${at + 1}: `) &&
        message.includes(expected),
      text,
    );
});

test("completions without an advantage are left out where they can teach nothing", () => {
  const teaches = { "A > 0 ? r : 0": false, "A*r - a*(r-1)": true, "A >= 0 ? r : 0": true, "A*r": false };
  for (const [formula, some] of Object.entries(teaches))
    assert.equal(proportional({ formula, constants: { a: 0.1 } }), !some, formula);
  assert.ok(proportional({ formula: "A*r - a*(r-1)", constants: { a: 0 } }));
});

test("a word that no right answer uses is marked", () => {
  const words = "19 + 31 = 6th (containing 3), 61 + 36 = 77. Answer 77";
  assert.deepEqual(words.split(" ").filter(isOdd), ["6th", "(containing", "3),"]);
});

for (const name of Object.keys(TONES)) {
  test(`${name}: no word names a colour, which a theme may change, or an everyday word for a term`, async () => {
    const { spec } = (await import(asModule(built(`${name}.js`).replace(/"\.\/common\.js"/g, `"${common}"`)))).default;
    const data = spec.settings instanceof Function || spec.presets instanceof Function ? null : undefined;
    const texts = [spec.title, spec.hint ?? ""];
    if (data === undefined)
      texts.push(
        ...(spec.presets ?? []).flatMap(({ name: own, text }) => [own, text]),
        JSON.stringify(spec.question ?? ""),
      );
    const found = texts.join(" ").match(/\b(red|green|blue|mauve|brown|violet|orange|purple|silen\w*)\b/gi);
    assert.deepEqual(found, null);
  });
}

/* Everyday words that stand where the field has a term, in everything that a built module says: preset, verdict, readout. */
const EVERYDAY = [
  /\b(an?|one|the|this|that|these|same|best|higher|lower|each|every|which|its|negative) rates?\b/g,
  /[\w}] earn(s|ed|ing)?\b/g,
  /\bpull(s|ed|ing)? (it |them |every token )?back/g,
  /\b(has|have|all) fallen\b/g,
  /\bjourneys?\b/g,
  /\bdecides? nothing\b/g,
];
for (const name of [...Object.keys(TONES), "dial", "playground", "storyteller", "wall", "common"])
  test(`${name}: the learning rate, a reward and a gradient are called what they are`, () => {
    const found = EVERYDAY.flatMap((word) => [...built(`${name}.js`).matchAll(word)].map(({ index }) => index));
    assert.deepEqual(
      found.map((at) => built(`${name}.js`).slice(at - 30, at + 30)),
      [],
    );
  });
