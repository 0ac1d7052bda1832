/* The playground's reducer, fault by fault: each of these was once wrong on the page. Run: node --test reducer.test.mjs */

import assert from "node:assert/strict";
import test from "node:test";

import {
  asRecorded,
  asksOfThese,
  begin,
  namesOf,
  reduce,
} from "../../../book/trbook/explorables/js/playground/reducer.js";
import {
  identity,
  knobsOf,
  packLane,
  possibleLane,
  unpackLane,
} from "../../../book/trbook/explorables/js/playground/lanes.js";
import { csv, json, unsaved } from "../../../book/trbook/explorables/js/playground/files.js";
import { PRESETS, flat, fromAddress, settle } from "../../../book/trbook/explorables/js/playground/state.js";
import { pathsOf, seriesOf } from "../../../book/trbook/explorables/js/playground/views/series.js";
import { stateIn } from "../../../book/trbook/explorables/js/parts/address.js";
import { pictured, segmentsOf } from "../../../book/trbook/explorables/js/playground/segments.js";
import { answered, apart, verdict } from "../../../book/trbook/explorables/js/playground/words.js";

const LANES = [{ method: "ppo" }, { method: "troll" }];

/* A page with Workers that answer when they are asked to: go(event), answer(lane, data), batch(lane). */
function page(given = { lanes: LANES }, cores = 4) {
  const one = { state: begin(given, { cores }), sent: [], commands: [] };
  one.go = (event) => {
    const { state, commands } = reduce(one.state, event);
    one.state = state;
    one.commands.push(...commands);
    one.sent.push(...commands.filter(({ type }) => type === "send"));
    return commands;
  };
  one.hands = (lane, seed) =>
    Object.entries(one.state.hands)
      .filter(([, hand]) => hand.lane === lane && hand.seed === seed)
      .map(([id]) => id);
  one.answer = (lane, data, seed) => one.go({ type: "heard", hand: one.hands(lane, seed)[0], data, ms: 5 });
  one.batch = (lane, row = {}, seed) => {
    const hand = one.hands(lane, seed)[0],
      rows = seed === undefined ? one.state.runs[lane].rows : one.state.runs[lane].seeds.rows[seed];
    if (one.state.hands[hand].phase === "loading") one.answer(lane, { ready: true }, seed);
    one.answer(
      lane,
      { event: "batch", row: { batch: rows.length, reward: 0.5, kl: 0, kept: 1, ...row }, updates: [] },
      seed,
    );
  };
  one.batches = (count, lanes = namesOf(one.state)) => {
    for (let i = 0; i < count; i++) for (const lane of lanes) one.batch(lane);
  };
  return one;
}
const views = ({ state }) => pictured(state).lanes.map((lane) => ({ ...lane, title: lane.name }));
const changes = (rows) => segmentsOf(rows).slice(1);

test("a lane that is touched during eight seeds loses its own seeds, and no row stands under the new name", () => {
  const one = page();
  one.go({ type: "seeds" });
  one.batch("a", {}, 0);
  one.batch("b", {}, 0);
  one.go({ type: "change", lane: "a", settings: { method: "gspo" } });
  assert.equal(one.state.runs.a.seeds, null);
  assert.equal(one.hands("a", 0).length, 0);
  assert.equal(one.state.runs.b.seeds.rows[0].length, 1);
  assert.ok(one.state.seeding, "the other lane's seeds go on");
  assert.equal(identity(one.state.runs.b.seeds.of), identity(one.state.lanes.b));
});

test("a change in mid-run is marked at its batch, and every exported row carries its own settings", () => {
  const one = page();
  one.go({ type: "play" });
  one.batches(3);
  one.go({ type: "change", lane: "a", settings: { threshold: 0.5 } }); // the batch in hand was begun with the old clip
  one.batches(2);
  one.go({ type: "change", lane: "a", settings: { method: "gspo" } });
  one.batches(2);
  const [first, second] = changes(one.state.runs.a.rows);
  assert.deepEqual([first.from, first.settings.threshold, second.from, second.settings.method], [4, 0.5, 6, "gspo"]);
  assert.deepEqual(changes(one.state.runs.b.rows), []);
  const lines = csv(one.state)
    .split("\n")
    .filter((line) => line.startsWith("a,"));
  assert.deepEqual(
    lines.map((line) => line.split(",")[1]),
    [...Array(6).fill("ppo"), "gspo"],
  );
  assert.match(lines[4], /"ppo,threshold:0.5"/);
  one.go({ type: "engine", made: { hash: "abc", version: "0.1.0" } });
  const saved = JSON.parse(json(one.state, { address: null, date: "2026-01-01" }));
  assert.deepEqual([saved.engine, saved.version, saved.date], ["abc", "0.1.0", "2026-01-01"]);
  assert.deepEqual(
    saved.lanes[0].rows.map(({ settings }) => settings.method),
    [...Array(6).fill("ppo"), "gspo"],
  );
});

test("a lane that is set otherwise is named, averaged and judged anew", () => {
  const one = page({ lanes: [{ method: "pg_is" }, { method: "ppo" }] });
  one.go({ type: "play" });
  for (let i = 0; i < 19; i++) {
    one.batch("a", { reward: i < 10 ? 0.9 : 0.1 });
    one.batch("b", { reward: 0.5 });
  }
  const verdictNow = () => verdict(pictured(one.state).lanes, false, 30);
  assert.match(verdictNow().title, /^unclipped has collapsed$/);
  one.go({ type: "play", on: false });
  one.go({ type: "change", lane: "a", settings: { method: "troll" } });
  const [before, present] = pictured(one.state).lanes[0].segments;
  assert.deepEqual(
    [before.title, before.rows.length, present.title, present.rows.length],
    ["unclipped", 19, "TROLL δ KL 0.05", 0],
  );
  assert.doesNotMatch(verdictNow().title, /collapsed/);
  assert.match(verdictNow().text, /TROLL δ KL 0.05: no batches since it was set/);
  one.answer("a", { event: "batch", row: { batch: 19, reward: 0.1, kl: 0, kept: 1 }, updates: [] }); // the batch in hand was begun without a region
  assert.equal(
    pictured(one.state).lanes[0].last.title,
    "unclipped",
    "the newest batch is of the settings that sampled it",
  );
  one.answer("b", { event: "batch", row: { batch: 19, reward: 0.5, kl: 0, kept: 1 }, updates: [] });
  one.go({ type: "play" });
  for (let i = 0; i < 10; i++) {
    one.batch("a", { reward: 0.7 });
    one.batch("b", { reward: 0.5 });
  }
  const [lane] = pictured(one.state).lanes;
  assert.deepEqual(
    lane.segments.map(({ from, rows, title }) => [from, rows.length, title]),
    [
      [0, 20, "unclipped"],
      [20, 10, "TROLL δ KL 0.05"],
    ],
  );
  assert.match(verdictNow().text, /TROLL δ KL 0.05 0.70; PPO's clip 0.2 0.50/);
  assert.equal(verdictNow().tone, "calm");
});

test("a lane that fell without a region has one offered, and what becomes of it is said as it is", () => {
  const one = page({ lanes: [{ method: "pg_is", epochs: 16 }] }),
    now = () => verdict(pictured(one.state).lanes, false, 30);
  one.go({ type: "play" });
  for (let i = 0; i < 14; i++) one.batch("a", { reward: i < 5 ? 0.8 : 0.1 });
  const { settings } = now().offer;
  assert.equal(identity(settings), "ppo,threshold:0.05,epochs:16");
  one.go({ type: "add", settings });
  for (let i = 0; i < 14; i++) one.batch("b", { reward: 0.7 });
  assert.deepEqual(
    [now().tone, now().title, now().offer],
    ["good", "PPO's clip 0.05 is stable in this run", undefined],
  );
  assert.match(now().text, /^After 14 batches it is at 0.70; its best was 0.70. .* unclipped fell from 0.80 to 0.17\./);
  for (let i = 0; i < 10; i++) {
    one.batch("a", { reward: 0.1 });
    one.batch("b", { reward: 0.2 });
  }
  assert.deepEqual(
    [now().tone, now().title, now().offer],
    ["fail", "unclipped and PPO's clip 0.05 have collapsed", null],
  );
});

test("settings that are put back before the next batch leave no mark", () => {
  const one = page();
  one.go({ type: "play" });
  one.batches(2);
  one.go({ type: "change", lane: "a", settings: { threshold: 0.5 } });
  one.go({ type: "change", lane: "a", settings: { threshold: 0.2 } });
  one.batches(3);
  assert.deepEqual(changes(one.state.runs.a.rows), []);
});

test("updates that finish a batch are filed by what the batch was sampled with", () => {
  const one = page({ lanes: [{ method: "ppo", epochs: 2 }] });
  one.go({ type: "once", what: "update" });
  one.answer("a", { ready: true });
  one.answer("a", { event: "sampled" });
  one.answer("a", { event: "update", update: {}, completions: [] });
  one.go({ type: "change", lane: "a", settings: { method: "troll" } });
  one.go({ type: "once", what: "update" });
  one.batch("a");
  assert.equal(one.state.runs.a.rows[0].settings.method, "ppo");
});

test("it stops at the preset's batches, and Play goes on for as many again", () => {
  const one = page({ preset: "bapo" }); // ten batches
  one.go({ type: "play" });
  one.batches(10);
  assert.equal(one.state.playing, false);
  assert.ok(one.state.revealed);
  one.sent.length = 0;
  one.go({ type: "hidden", on: false });
  assert.equal(one.sent.length, 0, "nothing more is asked for");
  one.go({ type: "play" });
  assert.equal(one.state.until, 20);
  assert.ok(one.sent.length > 0);
});

test("lanes that came without a preset learn on", () => {
  const one = page({ lanes: [{ method: "ppo" }] });
  one.go({ type: "seed", seed: 3 });
  one.go({ type: "play" });
  assert.equal(one.state.until, 1000);
  assert.equal(begin(fromAddress({ a: "ppo" }, begin({ lanes: LANES }))).free, true);
  one.go({ type: "preset", preset: "bapo" });
  one.go({ type: "play" });
  assert.equal(one.state.until, 10);
});

test("Play is Play again when all lanes have stopped", () => {
  const one = page();
  one.go({ type: "play" });
  for (const lane of ["a", "b"]) one.answer(lane, { ready: true });
  one.answer("a", { error: "batch 0: NaN", batch: 0 });
  assert.ok(one.state.playing);
  one.answer("b", { error: "batch 0: NaN", batch: 0 });
  assert.equal(one.state.playing, false);
  assert.equal(one.state.runs.a.why, "Stopped at batch 0: NaN");
  one.go({ type: "resetLane", lane: "a" });
  assert.ok(one.state.playing, "a lane that is mended plays on");
});

test("one batch and then a preset of fewer lanes leaves nothing half begun", () => {
  const one = page({ preset: "reuse" });
  one.go({ type: "once", what: "batch" });
  one.go({ type: "preset", preset: "opening" });
  assert.deepEqual(namesOf(one.state), ["a"]);
  assert.deepEqual(Object.keys(one.state.hands), []);
  assert.equal(one.commands.filter(({ type }) => type === "close").length, 3);
  one.go({ type: "play" });
  one.batches(1);
  assert.equal(one.state.runs.a.rows.length, 1);
});

test("what a closed Worker still says is not heard", () => {
  const one = page();
  one.go({ type: "play" });
  const [hand] = one.hands("a");
  one.go({ type: "resetLane", lane: "a" });
  const before = one.state;
  one.go({ type: "heard", hand, data: { event: "batch", row: { batch: 0 }, updates: [] } });
  assert.equal(one.state, before);
});

test("a preset's question is asked of its own lanes only", () => {
  const one = page({ preset: "reuse" });
  assert.ok(asksOfThese(one.state));
  one.go({ type: "remove", lane: "c" });
  assert.ok(!asksOfThese(one.state), "TROLL, the answer, is no longer there");
  one.go({ type: "preset", preset: "reuse" });
  one.go({ type: "change", lane: "a", settings: { lr: 1e-5 } });
  assert.ok(!asksOfThese(one.state));
  one.go({ type: "change", lane: "a", settings: { lr: 1e-4 } });
  assert.ok(asksOfThese(one.state));
});

test("a formula of the reader's own keeps the question, and the run answers it", () => {
  const one = page({ preset: "own" }),
    preset = PRESETS.own;
  one.go({ type: "guess", guess: "ppo" });
  one.go({ type: "change", lane: "a", settings: { formula: "A*r" } });
  assert.ok(asksOfThese(one.state) && !asRecorded(one.state));
  assert.equal(one.state.guess, "ppo");
  const reply = () => answered(preset, views(one));
  one.go({ type: "play" });
  for (let i = 0; i < preset.batches - 1; i++) {
    one.batch("a", { kl: 0.01 });
    one.batch("b", { kl: 0.02 });
  }
  assert.equal(reply().right, null, "not before the last batch");
  one.batch("a", { kl: 0.01 });
  one.batch("b", { kl: 0.02 });
  assert.equal(reply().right, "ppo");
  assert.match(reply().why, /the formula 0\.01, PPO's clip 0\.02/);
});

test("lanes are compared at the batch that all of them have done", () => {
  const one = page();
  one.go({ type: "play" });
  for (let i = 0; i < 11; i++) {
    one.batch("a", { reward: i < 10 ? 0.2 : 1 });
    if (i < 10) one.batch("b", { reward: 0.4 });
  }
  const { title, text } = verdict(views(one), false, 30);
  assert.equal(title, "After 10 batches");
  assert.match(text, /batches 1 to 10, the last that all lanes have done: a 0.20; b 0.40/);
});

test("a verdict is given only for an order that eight seeds share", () => {
  const named = (title, all) => ({ title, all }),
    up = [5, 6, 7, 8, 9, 10, 11, 12];
  const same = up.map((end) => end - 1),
    mixed = up.map((end, i) => (i ? end - 2 : end + 1));
  assert.deepEqual(apart([named("low", same), named("high", up)]), [[["high", "low"]], []]);
  assert.deepEqual(apart([named("a", up), named("b", mixed)]), [[], [["a", "b"]]]);
  assert.deepEqual(
    apart([named("a", up.slice(1)), named("b", same.slice(1))]),
    [[], [["a", "b"]]],
    "seven are too few",
  );
  const one = page({ preset: "bapo" });
  one.go({ type: "play" });
  one.batches(10);
  const lanes = pictured(one.state).lanes,
    conclusion = (record) => verdict(lanes, false, 10, false, record);
  assert.match(conclusion({ a: up, b: same }).title, /^In each of eight seeds PPO.* ends above BAPO/);
  assert.equal(conclusion({ a: up, b: mixed }).title, "Eight seeds do not tell these lanes apart");
  assert.match(conclusion({ a: up, b: mixed }).text, /^PPO.* and BAPO.*: not significant, in eight recorded seeds\./);
  assert.equal(conclusion(null).title, "After 10 batches");
  assert.match(conclusion(null).text, /This is one run and no evidence/);
});

test("the recorded run goes no further than the reader's, who is asked how it ends", () => {
  const one = page({ preset: "bapo" }),
    rows = (name) => Array.from({ length: 10 }, (_, i) => ({ reward: i / 10, settings: one.state.lanes[name] })),
    kept = () =>
      pictured(one.state).pinned.map(({ name, rows: { length }, ghost, kind }) => [name, length, ghost, kind]);
  const pinned = ["a", "b"].map((name) => ({ number: 1, name, seed: 0, rows: rows(name) }));
  one.go({ type: "recorded", pinned });
  assert.deepEqual(
    kept(),
    ["a", "b"].map((name) => [name, 4, false, "recorded"]),
  );
  one.go({ type: "change", lane: "a", settings: { threshold: 0.5 } });
  one.go({ type: "play" });
  one.batches(6);
  assert.deepEqual(kept(), [["a", 6, true, "recorded"]], "a lane that is as recorded takes its place");
  one.batches(4);
  assert.deepEqual(kept(), [["a", 10, true, "recorded"]]);
  one.go({ type: "reset" });
  assert.equal(one.state.pinned.length, 2, "it stays for the next run");
  one.go({ type: "preset", preset: "minpro" });
  assert.deepEqual(one.state.pinned, []);
});

test("seeds that stop are counted and named", () => {
  const one = page({ preset: "bapo" }, 16);
  one.go({ type: "seeds" });
  for (let seed = 0; seed < 8; seed++) {
    for (const lane of ["a", "b"]) {
      one.answer(lane, { ready: true }, seed);
      if (lane === "b" && seed < 3) one.answer(lane, { error: "batch 0: NaN", batch: 0 }, seed);
      else for (let i = 0; i < 10; i++) one.batch(lane, {}, seed);
    }
  }
  assert.equal(one.state.seeding, null);
  const { tone, title, text } = verdict(views(one), true, 10, true);
  assert.equal(tone, "fail");
  assert.match(title, /5 seeds of every lane: 3 of b stopped early/);
  assert.match(text, /not in these numbers/);
  assert.deepEqual(JSON.parse(json(one.state, {})).lanes[1].seeds_stopped.filter(Boolean).length, 3);
});

test("another address keeps the curves of the run that it ends", () => {
  const one = page();
  one.go({ type: "play" });
  one.batches(2);
  one.go({ type: "replace", given: { preset: "opening" }, keep: "kept" });
  assert.equal(one.state.runs.a.rows.length, 0);
  assert.deepEqual(
    one.state.pinned.map(({ rows }) => rows.length),
    [2, 2],
  );
  assert.ok(one.state.notes.includes("kept"));
});

test("curves are kept to compare with, and a run from a file comes back", () => {
  const one = page();
  one.go({ type: "play" });
  one.batches(4);
  one.go({ type: "pin" });
  one.go({ type: "reset" });
  assert.deepEqual(
    one.state.pinned.map(({ name, rows }) => [name, rows.length]),
    [
      ["a", 4],
      ["b", 4],
    ],
  );
  one.go({ type: "unpin" });
  assert.deepEqual(one.state.pinned, []);
});

test("a saved run comes back: its lanes, and its curves to compare with", () => {
  const one = page({ preset: "bapo", seed: 3 });
  one.go({ type: "play" });
  one.batches(2);
  one.go({ type: "change", lane: "a", settings: { threshold: 0.5 } });
  one.batches(2);
  one.go({ type: "engine", made: { hash: "abc", version: "1" } });
  const text = json(one.state, { date: "2026-02-03T00:00:00Z" }),
    other = page();
  other.go({ type: "loaded", ...unsaved(text, { hash: "def" }) });
  assert.deepEqual([other.state.preset, other.state.seed, other.state.lanes], ["bapo", 3, one.state.lanes]);
  assert.deepEqual(
    other.state.pinned.map(({ rows }) => rows.map(({ reward }) => reward)),
    Object.values(one.state.runs).map(({ rows }) => rows.map(({ reward }) => reward)),
  );
  assert.equal(changes(other.state.pinned[0].rows).length, 1);
  assert.match(other.state.notes.join(" "), /another version of the engine/);
  for (const bad of [
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"what": "a dump"}',
    JSON.stringify({ ...JSON.parse(text), lanes: Array(9).fill({}) }),
  ])
    assert.throws(() => unsaved(bad), /expected/);
  for (const lane of [null, 7, "a"])
    assert.throws(
      () => unsaved(JSON.stringify({ ...JSON.parse(text), lanes: [{}, lane] })),
      new RegExp(`lane 2 of this file is ${JSON.stringify(lane)}; expected its settings and rows`),
    );
  const odd = unsaved(
    JSON.stringify({
      ...JSON.parse(text),
      preset: "__proto__",
      seed: "x",
      lanes: [{ settings: { method: "<b>" }, rows: [{ reward: "1" }, null] }],
    }),
  );
  assert.ok(odd.notes.length && odd.pinned[0].rows.every(({ reward }) => Number.isNaN(reward)));
});

test("a lane that is added catches up before the others go on", () => {
  const one = page({ lanes: [{ method: "ppo" }] });
  one.go({ type: "play" });
  one.batches(3);
  one.go({ type: "add" });
  one.batch("a"); // the batch in hand
  one.sent.length = 0;
  one.batch("b");
  assert.deepEqual(
    one.sent.map(({ hand }) => one.state.hands[hand].lane),
    ["b", "b"],
  );
});

test("impossible settings are named for what they are", () => {
  const notes = (given) => possibleLane(given, "a").notes.join(" ");
  assert.match(
    notes({ method: "ppo", epochs: 2.5 }),
    /epochs per batch: expected one of 1, 2, 4, 8, 16, 32, got 2.5; using 2/,
  );
  const long = notes({ method: "p".repeat(20_000) });
  assert.ok(long.length < 200, long.length);
  assert.ok(settle({ preset: "x".repeat(20_000) }).notes.join("").length < 200);
  assert.match(notes({ method: "ppo", difficulty: 11 }), /moves: expected one of/);
  assert.match(notes({ method: "ppo", lr: {} }), /is not a number/);
});

test("how hard the prompts are is a setting of a lane", () => {
  const { lane, notes } = possibleLane({ method: "ppo", difficulty: 8 }, "a");
  assert.deepEqual([notes, knobsOf(lane), packLane(lane)], [[], { moves: 8 }, "ppo,difficulty:8"]);
  assert.equal(possibleLane(unpackLane("ppo,difficulty:8"), "a").lane.difficulty, 8);
  assert.deepEqual(knobsOf(possibleLane({ checkpoint: "spend", difficulty: 30 }, "a").lane), { amount: 30 });
  const one = page({ lanes: [{ method: "ppo", difficulty: 8 }] });
  one.go({ type: "change", lane: "a", settings: { checkpoint: "spend" } });
  assert.deepEqual([one.state.lanes.a.difficulty, one.state.notes], [null, []]);
  one.go({ type: "change", lane: "a", settings: { difficulty: 20 } });
  one.go({ type: "play" });
  assert.deepEqual(one.commands.find(({ type }) => type === "open").knobs, { amount: 20 });
});

test("an address comes back as it was", () => {
  const one = page();
  one.go({ type: "change", lane: "a", settings: { difficulty: 8, epochs: 4 } });
  const again = begin(fromAddress(flat(one.state), begin({})));
  assert.deepEqual(again.lanes, one.state.lanes);
  assert.deepEqual(again.notes, []);
});

test("a link is read however its colons are written", () => {
  assert.equal(
    stateIn("#playground:a=ppo,epochs:2&prompt=3+%3A+%2B1+%3D", "playground"),
    "a=ppo,epochs:2&prompt=3+%3A+%2B1+%3D",
  );
  assert.equal(stateIn("#playground%3Aa=ppo,epochs%3A2", "playground"), "a=ppo,epochs%3A2");
  assert.equal(
    stateIn(`#playground%3A${encodeURIComponent("a=ppo&prompt=3+%3A+%2B1")}`, "playground"),
    "a=ppo&prompt=3+%3A+%2B1",
  );
  assert.equal(stateIn("#playground%3A%E0%A4%A", "playground"), null);
  assert.equal(stateIn("#play", "playground"), null);
});

test("a curve is drawn further and not anew: a batch costs the same at the end of a run as at its beginning", () => {
  const settings = possibleLane({ method: "ppo" }, "a").lane,
    rows = [];
  let asked = 0,
    most = 0;
  const x = (i) => {
      asked += 1;
      return i;
    },
    y = (value) => value;
  for (let batch = 0; batch < 600; batch++) {
    rows.push({ batch, reward: batch / 600, kl: batch % 7 ? 0.1 : NaN, kept: 1, entropy: 1, length: 5, settings });
    asked = 0;
    const { of } = seriesOf([...rows]);
    for (const key of ["reward", "kl"]) pathsOf(of[key], "lane", "the same axes", x, y, 600);
    most = Math.max(most, asked);
  }
  assert.ok(most <= 2, most);
  const { of } = seriesOf(rows),
    mean = rows.slice(-10).reduce((sum, { reward }) => sum + reward, 0) / 10;
  assert.ok(Math.abs(of.reward.smooth.at(-1) - mean) < 1e-9);
  assert.ok(of.reward.paths.lane.line.length < 8000, "at most 400 points");
  assert.equal(seriesOf(rows.slice(0, 5)).count, 5, "a shorter run is looked at anew");
});

test("a formula and its constants go into the address and come back, also where a program has decoded it on the way", () => {
  for (const formula of ["A*r", "A * r*(abs(p - q) < d)", "clip(r, 1-lr, 1 + d)*(A > 0 ? A : c)", "A + b"]) {
    const given = {
      method: "own",
      formula,
      constants: { d: 0.15, lr: 3 },
      epochs: 16,
      aggregation: "seq-mean-token-mean",
    };
    const { lane, notes } = possibleLane(given, "a"),
      packed = packLane(lane);
    assert.deepEqual(notes, []);
    assert.equal(lane.formula, formula);
    assert.deepEqual(possibleLane(unpackLane(packed), "a"), { lane, notes: [] });
    assert.doesNotMatch(packed.replace(/^own,/, "").replaceAll(/,(?=[a-z_]+:)/g, ""), /[ ]/);
    const mark = new URLSearchParams({ a: packed }),
      decoded = new URLSearchParams(decodeURIComponent(String(mark)).replaceAll("&", "%26"));
    assert.deepEqual(
      possibleLane(unpackLane(decoded.get("a")), "a").lane,
      lane,
      "a plus sign that arrives as a space is known",
    );
  }
});

test("two formulas, or two constants, are two lanes; another method takes neither along", () => {
  const lane = (constants, formula = "A*r*(abs(p - q) < d)") =>
    possibleLane({ method: "own", formula, constants }, "a").lane;
  assert.notEqual(identity(lane({ d: 0.1 })), identity(lane({ d: 0.2 })));
  assert.notEqual(identity(lane({ d: 0.1 })), identity(lane({ d: 0.1 }, "A*r*d")));
  assert.deepEqual(
    lane({ e: 1 }).constants,
    { d: 0.2 },
    "a constant that the formula does not have is gone, a new one begins at 0.2",
  );
  const one = page({ lanes: [{ method: "own", formula: "A*r*c", constants: { c: 3 } }] });
  one.go({ type: "play" });
  one.batches(2);
  one.go({ type: "change", lane: "a", settings: { constants: { c: 1 } } });
  one.batches(2);
  assert.deepEqual(
    changes(one.state.runs.a.rows).map(({ settings }) => settings.constants.c),
    [1],
  );
  one.go({ type: "change", lane: "a", settings: { method: "ppo" } });
  assert.deepEqual(
    Object.keys(one.state.lanes.a).filter((key) => ["formula", "constants"].includes(key)),
    [],
  );
  assert.equal(one.state.lanes.a.advantage, "group-mean", "a method's own push");
  assert.deepEqual(one.state.notes, []);
});

test("a formula in a link that cannot be read says why, and the lane begins with another", () => {
  for (const [formula, message] of [
    ["A*r*(", "Character 6: expected a number"],
    ["__proto__", 'got "_"'],
    ["1e999", "1e999"],
    ["(".repeat(5000), "at most 400"],
    [{}, "{"],
  ]) {
    const { lane, notes } = possibleLane({ method: "own", formula, constants: { d: "much" } }, "b");
    assert.equal(lane.formula, "A*r");
    assert.match(notes.join(" "), /Lane B: the formula .* cannot be read. Character/);
    assert.ok(notes.join(" ").includes(message), notes.join(" "));
  }
  assert.deepEqual(Object.getPrototypeOf(unpackLane("own,__proto__:1,___proto__:2,formula:A")), Object.prototype);
});

test("lanes that could not begin try again at the next press of play", () => {
  const one = page();
  one.go({ type: "play" });
  for (const lane of ["a", "b"])
    one.go({ type: "died", hand: one.hands(lane)[0], text: "Are you offline?", begun: false });
  assert.equal(one.state.playing, false);
  assert.equal(one.state.runs.a.why, "Are you offline?");
  one.go({ type: "play" });
  assert.equal(one.state.runs.a.why, null);
  one.batches(1);
  assert.equal(one.state.runs.a.rows.length, 1);
});
