/* Random sequences of events on the playground's reducer, against Workers that are simulated here: each remembers what
   it was really told, and stamps it on every row. Nothing may throw, and no row may stand under another name.
   Usage: node fuzz.mjs SEQUENCES SEED */

import { begin, namesOf, progress, reduce, SEEDS } from "../../../book/trbook/explorables/js/playground/reducer.js";
import { METHOD_NAMES, NAMES, identity, possibleLane } from "../../../book/trbook/explorables/js/playground/lanes.js";
import { PRESETS, flat, fromAddress } from "../../../book/trbook/explorables/js/playground/state.js";
import { pictured } from "../../../book/trbook/explorables/js/playground/segments.js";
import { verdict } from "../../../book/trbook/explorables/js/playground/words.js";
import { csv, json, unsaved } from "../../../book/trbook/explorables/js/playground/files.js";

let word = 0;
const random = () => {
  // mulberry32
  word = (word + 0x6d2b79f5) | 0;
  let t = Math.imul(word ^ (word >>> 15), 1 | word);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const pick = (list) => list[Math.floor(random() * list.length)];

/* What decides a Worker's rows, as one text, from what a Worker is told. */
const fingerprint = (checkpoint, { method, thresholds, lr, epochs, minibatches, group }, knobs) =>
  JSON.stringify([checkpoint, method, thresholds, lr, epochs, minibatches, group, knobs]);

/* A Worker that obeys its messages in turn; its answers wait until the world lets them through. */
class FakeWorker {
  constructor({ checkpoint, settings, knobs }) {
    Object.assign(this, {
      checkpoint,
      settings,
      knobs,
      number: 0,
      left: 0,
      sampled: null,
      messages: [{ ready: true }],
    });
  }

  hear({ settings = this.settings, knobs = this.knobs, once, ask }) {
    Object.assign(this, { settings, knobs });
    if (ask !== undefined)
      this.messages.push(random() < 0.1 ? { error: "prompt: no", batch: null } : { answers: [{}] });
    for (let updates = 0; once; updates++) {
      if (!this.left) {
        Object.assign(this, {
          left: settings.epochs * settings.minibatches,
          sampled: fingerprint(this.checkpoint, settings, knobs),
          seed: settings.seed,
        });
        this.messages.push({ event: "sampled" });
      }
      this.left -= 1;
      if (!this.left) {
        if (random() < 0.01) return void this.messages.push({ error: `batch ${this.number}: NaN`, batch: this.number });
        this.messages.push({
          event: "batch",
          row: { batch: this.number++, reward: random(), kl: random(), kept: 1, truth: this.sampled, seed: this.seed },
          updates: [],
        });
        return;
      }
      this.messages.push({ event: "update", update: {}, ...(once === "update" ? { completions: [{}] } : {}) });
      if (once === "update") return;
    }
  }
}

const SETTINGS = [
  () => ({ method: pick(METHOD_NAMES) }),
  () => ({ threshold: random() }),
  () => ({ lr: 10 ** (-5 * random()) }),
  () => ({ epochs: pick([1, 2, 2.5, 4]) }),
  () => ({ minibatches: pick([1, 2, 3]) }),
  () => ({ group: pick([2, 8, "much", null]) }),
  () => ({ checkpoint: pick(["dial", "dial_rare", "spend", "dail"]) }),
  () => ({ difficulty: pick([1, 5, 7, 40, -1, "x"]) }),
  () => ({ nonsense: 1 }),
  () => ({
    method: "own",
    formula: pick(["A*r", "A*r*(abs(p - q) < d)", "A*clip(r, 1-lr, a ? b : 2)", "A*(", "__proto__", 7]),
    constants: pick([undefined, null, {}, { d: 0.1, lr: 3 }, { d: "x" }]),
  }),
];
const lane = () => pick(NAMES);
const change = () => Object.assign({}, ...Array.from({ length: 1 + Math.floor(2 * random()) }, () => pick(SETTINGS)()));
const given = () =>
  fromAddress(
    {
      ...(random() < 0.5 ? { preset: pick([...Object.keys(PRESETS), "__proto__", "x".repeat(20_000)]) } : {}),
      ...(random() < 0.5
        ? {
            a: pick([
              "ppo,epochs:2",
              "own,formula:A*r*(abs(p-q)<d),_d:0.15",
              "own,formula:A*(,__proto__:1",
              "troll",
              "gppo,lr:-1",
              "none",
              7,
              "m".repeat(20_000),
            ]),
          }
        : {}),
    },
    begin({}),
  );
const EVENTS = [
  [8, () => ({ type: "play" })],
  [6, () => ({ type: "once", what: pick(["batch", "update"]) })],
  [0.3, () => ({ type: "reset" })],
  [0.7, () => ({ type: "resetLane", lane: lane() })],
  [0.5, () => ({ type: "preset", preset: pick(Object.keys(PRESETS)) })],
  [0.4, () => ({ type: "seed", seed: pick([0, 3, NaN, -1]) })],
  [8, () => ({ type: "change", lane: lane(), settings: change() })],
  [2, () => ({ type: "add" })],
  [2, () => ({ type: "remove", lane: lane() })],
  [1, () => ({ type: "view", view: pick(["map", "bands", "completions"]) })],
  [1, () => ({ type: "guess", guess: "ppo" })],
  [2, () => ({ type: "ask", text: pick(["7 : +3 =", "37 :", "what?", ""]) })],
  [2, () => ({ type: "askAgain" })],
  [2, () => ({ type: "seeds" })],
  [1, () => ({ type: "hidden", on: random() < 0.5 })],
  [0.1, () => ({ type: "leave" })],
  [1, () => ({ type: "pin" })],
  [0.5, () => ({ type: "unpin" })],
  [0.5, () => ({ type: "replace", given: given(), keep: pick(["", "kept"]) })],
  [0.5, () => ({ type: "replace", notes: ["again"] })],
];
const weights = EVENTS.reduce((sum, [weight]) => sum + weight, 0);

function anyEvent() {
  let at = random() * weights;
  for (const [weight, make] of EVENTS) if ((at -= weight) < 0) return make();
  return EVENTS[0][1]();
}

const sound = new WeakMap();

/* Everything that must hold in every state. */
function check(state, world) {
  const fail = (text) => {
    throw new Error(text);
  };
  const right = (row, where) => {
    if (trueName(row.settings) !== row.truth)
      fail(`${where}: a row of ${row.truth} stands under ${identity(row.settings)}`);
  };
  for (const name of namesOf(state)) {
    const { rows, seeds, hand } = state.runs[name];
    if (sound.get(state.runs[name]) === state.lanes[name]) continue; // looked at before
    sound.set(state.runs[name], state.lanes[name]);
    rows.forEach((row, i) => {
      right(row, `lane ${name}`);
      if (row.batch !== i) fail(`lane ${name}: batch ${row.batch} stands at ${i}`);
      if (row.seed !== state.seed) fail("a row of another seed");
    });
    if (hand && state.hands[hand]?.lane !== name) fail(`lane ${name} holds the Worker of another`);
    if (!seeds) continue;
    if (identity(seeds.of) !== identity(state.lanes[name]))
      fail(`seeds of ${identity(seeds.of)} stand under ${identity(state.lanes[name])}`);
    if (seeds.rows.length !== SEEDS) fail("not eight seeds");
    seeds.rows.forEach((all, s) =>
      all.forEach((row, i) => {
        right(row, `seed ${s} of ${name}`);
        if (row.seed !== s || row.batch !== i) fail("a row of another seed");
        if (trueName(seeds.of) !== row.truth) fail("a seed's row under another name");
      }),
    );
  }
  for (const one of state.pinned)
    if (!sound.has(one)) {
      sound.set(one, true);
      one.rows.forEach((row) => right(row, "a pinned curve"));
    }
  if (Object.keys(state.runs).sort().join() !== namesOf(state).sort().join()) fail("runs of lanes that are not there");
  if (Object.keys(state.hands).sort().join() !== [...world.keys()].sort().join())
    fail("the Workers are not those of the state");
  if (state.hands && Object.values(state.hands).filter(({ seed }) => seed === undefined).length > 4)
    fail("more Workers than lanes");
  if (state.playing && namesOf(state).every((name) => state.runs[name].why)) fail("it plays though all have stopped");
  const share = progress(state);
  if (share !== null && !(share >= 0 && share <= 1)) fail(`progress is ${share}`);
}

const names = new WeakMap();
function trueName(settings) {
  if (!names.has(settings)) names.set(settings, world_(settings));
  return names.get(settings);
}
const world_ = (lane_) => {
  const { commands } = reduce({ ...begin({ lanes: [lane_] }) }, { type: "once", what: "batch" }),
    { checkpoint, settings, knobs } = commands.find(({ type }) => type === "open");
  return fingerprint(checkpoint, settings, knobs);
};

function sequence(seed) {
  word = seed;
  let state = begin({ preset: pick(Object.keys(PRESETS)) }, { cores: pick([1, 2, 8]) });
  const world = new Map(),
    log = [];
  const tell = (event) => {
    log.push(event);
    [state, state.lanes, state.runs, state.hands, ...Object.values(state.lanes), ...Object.values(state.runs)].forEach(
      Object.freeze,
    ); // it is pure
    const done = reduce(state, event);
    state = done.state;
    for (const command of done.commands) {
      if (command.type === "open") world.set(command.hand, new FakeWorker(command));
      else if (command.type === "close") {
        if (!world.delete(command.hand)) throw new Error("a Worker was closed twice");
      } else if (command.type === "send") {
        const worker = world.get(command.hand);
        if (!worker) throw new Error("a message to a Worker that is not there");
        if (worker.messages.length) throw new Error("a message to a Worker that is still busy");
        worker.hear(command.message);
      } else if (command.type !== "keep" && command.type !== "speak") throw new Error(`no command ${command.type}`);
    }
    check(state, world);
  };
  try {
    for (let i = 0; i < 64; i++) {
      const talking = [...world].filter(([, { messages }]) => messages.length);
      if (talking.length && random() < 0.85) {
        const [hand, worker] = pick(talking);
        if (random() < 0.003) tell({ type: "died", hand, text: "out of memory", begun: random() < 0.5 });
        else tell({ type: "heard", hand, data: worker.messages.shift(), ms: 10 });
      } else if (random() < 0.02) tell({ type: "heard", hand: "999", data: { ready: true } });
      else tell(anyEvent());
    }
    const { lanes, pinned } = pictured(state);
    verdict(lanes, state.seeded, 5, !state.seeding);
    for (const { settings, rows, title } of [...lanes.flatMap(({ segments }) => segments), ...pinned]) {
      for (const row of rows)
        if (row.truth !== trueName(settings)) throw new Error(`a row of ${row.truth} is drawn as ${title}`);
    }
    csv(state);
    const saved = json(state, { date: "2026-01-01" });
    const { state: again } = reduce(state, { type: "loaded", ...unsaved(saved) });
    for (const name of namesOf(state))
      if (identity(Object.values(again.lanes)[namesOf(state).indexOf(name)]) !== identity(state.lanes[name]))
        throw new Error("a saved run came back under another name");
    again.pinned.forEach(({ rows }) =>
      rows.forEach((row) => {
        if (row.batch >= rows.length) throw new Error("a saved row came back elsewhere");
      }),
    );
    JSON.stringify(fromAddress(flat(state), begin({})));
  } catch (error) {
    throw new Error(
      `sequence ${seed}: ${error.message}\n${log
        .slice(-12)
        .map((one) => JSON.stringify(one).slice(0, 200))
        .join("\n")}\n${error.stack}`,
    );
  }
  return state;
}

const [count, from] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 1)],
  sums = { rows: 0, seeds: 0, pinned: 0, stopped: 0 };
for (let seed = from; seed < from + count; seed++) {
  const state = sequence(seed);
  for (const { rows, seeds, why } of Object.values(state.runs)) {
    sums.rows += rows.length;
    sums.seeds += seeds ? seeds.rows.reduce((total, all) => total + all.length, 0) : 0;
    sums.stopped += why ? 1 : 0;
  }
  sums.pinned += state.pinned.length;
}
console.log(JSON.stringify({ sequences: count, ...sums }));
