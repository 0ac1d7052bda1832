/* What explorables promise before anybody sees them: settings whose rungs ascend, presets that are possible, and a
   verdict for each. The first states are Python's (tests/book/maths.json); the modules are the built ones. Besides, what
   the first page and the playground compute of rows and formulas. */

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { warnings } from "../../../book/trbook/explorables/js/formula/words.js";
import { drawn, neededFor } from "../../../book/trbook/explorables/js/front/rows.js";
import { stepped } from "../../../book/trbook/explorables/js/parts/handling.js";
import { kindOf, possibleLane, thresholdsOf } from "../../../book/trbook/explorables/js/playground/lanes.js";
import { pathsOf, seriesOf } from "../../../book/trbook/explorables/js/playground/views/series.js";
import { METHODS, method } from "../../../book/trbook/explorables/engine/js/methods.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const built = (name) => read(`../../../book/trbook/explorables/built/${name}`);
const asModule = (text) => `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`;
const common = asModule(built("common.js"));
const { possible } = await import(common);
const { first: states } = JSON.parse(read("../maths.json"));
const ofData = (part, data) => (typeof part === "function" ? part(data) : part);

/* Whether a figure says that a method fails, preset by preset. */
const TONES = {
  baseline_radius: "calm fail fail fail calm calm",
  basin: "fail calm calm fail",
  clip: "fail calm calm",
  gae: "fail fail calm",
  loop: "calm fail fail",
  natural_gradient: "fail fail fail fail",
  projection: "fail calm fail fail fail fail",
  query_dual: "fail calm calm fail calm",
  simplex: "fail calm calm calm",
  staleness: "calm fail fail fail",
  token_microscope: "fail calm fail fail",
  trsft: "fail fail calm fail",
  two_samplers: "fail fail fail fail",
  unifier: "fail calm calm fail calm fail calm",
  vocabulary_step: "fail fail fail calm calm",
};

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
  const reached = (own) => possible(spec, { ...first, ...own }, first, data);
  const asked = typeof spec.question === "function" ? spec.question(data, first) : spec.question,
    presets = ofData(spec.presets, data);

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
    assert.ok(asked.options.some(([value]) => value === ofData(asked.right, data)));
  });
  test(`${name}: which presets show a failure`, () => {
    const found = presets.map(({ state }) => spec.read(reached(state).state, data).verdict.tone);
    assert.equal(found.join(" "), tones);
  });
}

test("clip: a weight that is 0 because the ratio is has left no region", async () => {
  const { default: clip } = await import(asModule(built("clip.js").replaceAll('"./common.js"', `"${common}"`)));
  const said = (own) => clip.spec.read({ ...states.clip, show: ["plain", "ppo"], old_p: 0.25, ...own }).verdict;
  const { tone, title, text } = said({ sign: 1, ratio: 0 });
  assert.deepEqual([tone, title], ["calm", "no clip and PPO: no weight at r = 0"]);
  assert.match(text, /That is no region: anywhere above 0 the token is pushed up again/);
  assert.match(said({ sign: -1, ratio: 0 }).text, /no probability left to lose/);
  assert.match(said({ sign: 1, ratio: 0.01 }).title, /the way home is free/);
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

test("rows of the first page: smoothed, and when they reach the goal", () => {
  assert.deepEqual(drawn([0.5, 0, 0.75, 0.75, 0]), [0.5, 0, 0.5, 0.5, 0.375]);
  const reached = [[0.9], [0.1, 0.85], [0.2, 0.3, 0.8], [0.1]];
  assert.equal(neededFor(0.8, reached, 128), 128, "of four runs the second to reach it");
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
