/* The playground's state: (state, event) -> { state, commands }. Pure: no page, no Worker, no clock, no random number.
   The shell draws states and sends events; the fleet (fleet.js) carries out commands and sends what its Workers say.

   state:  preset, seed, view, prompt, lanes   what is set: kept in the traits and in the address
           lanes[a..d]                         plain objects { method, checkpoint, threshold, lr, .. } of lanes.js
           runs[a..d]                          what a lane has done: rows, newest batch, why it stopped, its eight seeds
           hands[id]                           the Workers that are open, each with one policy in it
           pinned                              curves of earlier runs that are kept for comparison; `recorded`: the run
                                               that the preset was recorded with
   events:   { type, .. }, one for every key of EVENTS
   commands: { type: "open", hand, checkpoint, settings, knobs } a Worker with a policy; { type: "send", hand, message };
             { type: "close", hand }; { type: "keep" } traits and address; { type: "speak", text } to a screen reader

   Every row carries `settings`, the lane that its batch was sampled with, and nothing is filed by a lane's letter alone.
   A lane's identity is `identity(lane)` of lanes.js: a new kind of lane must put all that decides its rows in there. */

import { TASKS } from "../../engine/js/tasks.js";
import { NAMES, brief, engineSettings, handedOn, identity, knobsOf, possibleLane } from "./lanes.js";
import { presentOf, titler } from "./segments.js";
import { PRESETS, settle } from "./state.js";
import { heard as spokenRewards } from "./words.js";

export const MOST = 1000; // batches of a lane; its rows are kept for the curves, and more are not
export const SEEDS = 8;
const PINS = 8; // curves that are kept for comparison, at most
const OWN = 1; // the number that one's own prompt is sampled with: the same draws every time

/* What a lane has done: nothing yet. last, updates: of the newest batch, with the lane that sampled it (last.settings,
   updated). seeds: { of: the lane that they are of, rows: by seed, ends: why each stopped }. */
const run = () => ({
  rows: [],
  last: null,
  updates: [],
  updated: null,
  answers: null,
  why: null,
  ms: null,
  hand: null,
  wish: null,
  asks: null,
  begun: null,
  seeds: null,
});

/* The first state. given: { preset, seed, lanes, view, prompt } as they came; cores: Workers that may be busy at once. */
export function begin(given, { cores = 2 } = {}) {
  const { state: set, notes } = settle(given);
  return {
    ...set,
    ...fresh(set.lanes),
    free: freely(given),
    notes,
    cores,
    hands: {},
    serial: 0,
    hidden: false,
    guess: null,
    pinned: [],
    made: null,
  };
}

/* Lanes that came without a preset learn on for as long as they are let: the number of batches is a preset's. */
const freely = ({ preset, lanes, free }) => free ?? (!preset && Boolean(lanes?.length));

/* What begins anew with the lanes. */
const fresh = (lanes) => ({
  runs: Object.fromEntries(Object.keys(lanes).map((name) => [name, run()])),
  playing: false,
  halted: false,
  until: 0,
  asked: null,
  revealed: false,
  seeding: null,
  seeded: false,
  spoken: 0,
  fault: "",
});

export const namesOf = (state) => Object.keys(state.lanes);
/* What is set, for the traits, the address and another beginning. */
export const setOf = ({ preset, seed, lanes, view, prompt }) => ({
  preset,
  seed,
  lanes: Object.values(lanes),
  view,
  prompt,
});
/* Batches that every lane has done; lanes that stopped no longer count. */
export function least({ runs }) {
  const all = Object.values(runs),
    going = all.filter(({ why }) => !why);
  return Math.min(...(going.length ? going : all).map(({ rows }) => rows.length));
}
const stuck = ({ why, rows }) => Boolean(why) || rows.length >= MOST;

/* Whether the preset's lanes are there, by what `same` reads of them; others may have joined. */
function asPreset(state, same) {
  const lanes = Object.values(state.lanes),
    own = PRESETS[state.preset].lanes;
  return (
    lanes.length >= own.length && own.every((lane, i) => same(possibleLane(lane, NAMES[i]).lane) === same(lanes[i]))
  );
}

/* Whether the lanes that the preset asks its question about are there. A question that names a `measured` column is
   asked of any lanes of these methods. */
export const asksOfThese = (state) =>
  asPreset(state, PRESETS[state.preset].question?.measured ? ({ method }) => method : identity);

/* Whether they are set as when the answer was recorded. */
export const asRecorded = (state) => asPreset(state, identity);

/* The state after an event, and what is to be done. An unknown event throws: it is a fault of the page. */
export function reduce(state, event) {
  const handle = EVENTS[event.type];
  if (!handle) throw new Error(`playground: there is no event ${event.type}`);
  const commands = [],
    next = settled(pump(handle(state, event, commands) ?? state, commands));
  if (next !== state && ["preset", "seed", "lanes", "view", "prompt"].some((key) => next[key] !== state[key]))
    commands.push({ type: "keep" });
  return { state: next, commands };
}

/* Once nothing can go on, or all are where they were to go, nothing is playing. */
function settled(state) {
  if (!state.playing) return state;
  const going = namesOf(state).filter((name) => !stuck(state.runs[name]));
  if (!going.length) return { ...state, playing: false, halted: true };
  return going.some((name) => state.runs[name].rows.length < state.until) ? state : { ...state, playing: false };
}

const withRun = (state, name, change) => ({
  ...state,
  runs: { ...state.runs, [name]: { ...state.runs[name], ...change } },
});
const withHand = (state, id, change) => ({
  ...state,
  hands: { ...state.hands, [id]: { ...state.hands[id], ...change } },
});

function close(state, id, commands) {
  if (!state.hands[id]) return state;
  commands.push({ type: "close", hand: id });
  const { [id]: gone, ...hands } = state.hands;
  return { ...state, hands };
}

const closeAll = (state, commands, which = (_hand) => true) =>
  Object.entries(state.hands).reduce((next, [id, hand]) => (which(hand) ? close(next, id, commands) : next), state);

/* The lane back at its checkpoint; what its seeds said stays true. */
function cleared(state, name, commands) {
  const { seeds } = state.runs[name];
  return withRun(
    closeAll(state, commands, (hand) => hand.lane === name && hand.seed === undefined),
    name,
    { ...run(), seeds },
  );
}

/* Another state as a whole: lanes begin anew. */
function replaced(state, wanted, commands, notes = []) {
  const { state: set, notes: more } = settle(wanted),
    { hands, ...rest } = closeAll(set.preset === state.preset ? state : unrecorded(state), commands);
  return {
    ...rest,
    hands,
    ...set,
    ...fresh(set.lanes),
    free: freely(wanted),
    guess: set.preset === state.preset ? state.guess : null,
    notes: [...notes, ...more],
  };
}

/* The curves as they are now, beside those that were kept before; the oldest go. */
function pinnedWith(state, note = "") {
  const serial = state.pinned.reduce((most, { number }) => Math.max(most, number), 0) + 1;
  const more = namesOf(state)
    .filter((name) => state.runs[name].rows.length)
    .map((name) => ({ number: serial, name, seed: state.seed, rows: state.runs[name].rows }));
  return more.length
    ? { ...state, pinned: [...state.pinned, ...more].slice(-PINS), notes: note ? [note] : state.notes }
    : state;
}

/* Without the recorded run that the page began with. */
const unrecorded = (state) =>
  state.pinned.some(({ recorded }) => recorded)
    ? { ...state, pinned: state.pinned.filter(({ recorded }) => !recorded) }
    : state;

/* The seeds of a lane end: its jobs, its Workers and what they brought. */
function withoutSeeds(state, name, commands) {
  let next = closeAll(state, commands, (hand) => hand.lane === name && hand.seed !== undefined);
  next = withRun(next, name, { seeds: null });
  if (next.seeding) {
    const { [name]: gone, ...of } = next.seeding.of;
    next = { ...next, seeding: { ...next.seeding, of, jobs: next.seeding.jobs.filter((job) => job.lane !== name) } };
  }
  return { ...next, seeded: Boolean(next.seeding) || namesOf(next).some((other) => next.runs[other].seeds) };
}

/* The seeds that are on their way end here. */
const seedsEnded = (state, commands, fault = state.fault) =>
  state.seeding ? { ...closeAll(state, commands, ({ seed }) => seed !== undefined), seeding: null, fault } : state;

const stopped = (state, id, text, commands) => {
  const { lane } = state.hands[id];
  return withRun(close(state, id, commands), lane, { why: text, hand: null, wish: null, asks: null, begun: null });
};

/* Lanes that could not begin may try again: the network may have come back. */
const revived = (state) =>
  namesOf(state).reduce(
    (next, name) => (next.runs[name].why && !next.runs[name].rows.length ? withRun(next, name, { why: null }) : next),
    state,
  );

const EVENTS = {
  /* Play and pause. It stops at the preset's number of batches, and a press there goes on for as many again. */
  play(before, event, commands) {
    const state = revived(before);
    if (event.on === false || (event.on === undefined && state.playing))
      return { ...state, playing: false, halted: false };
    const size = PRESETS[state.preset].batches,
      going = namesOf(state)
        .map((name) => state.runs[name])
        .filter((one) => !stuck(one));
    if (!going.length) return state;
    const from = Math.min(...going.map(({ rows }) => rows.length));
    return {
      ...seedsEnded(state, commands),
      playing: true,
      halted: false,
      until: state.free ? MOST : Math.min(MOST, size * (Math.floor(from / size) + 1)),
    };
  },

  /* One batch or one update of every lane that can. */
  once(before, { what }) {
    const state = revived(before);
    return namesOf(state).reduce(
      (next, name) => (stuck(next.runs[name]) ? next : withRun(next, name, { wish: what })),
      { ...state, playing: false, halted: false },
    );
  },

  reset(state, event, commands) {
    return { ...closeAll(state, commands), ...fresh(state.lanes), notes: [] };
  },

  /* Where it played until every lane had stopped, a lane that begins anew plays on. */
  resetLane: (state, { lane }, commands) =>
    state.lanes[lane]
      ? { ...cleared(state, lane, commands), playing: state.playing || state.halted, halted: false }
      : state,

  preset: (state, { preset }, commands) => replaced(state, { preset, seed: state.seed }, commands),
  seed: (state, { seed }, commands) => replaced(state, { ...setOf(state), free: state.free, seed }, commands),

  /* given: settings as they came; keep: a sentence, where the run so far is kept as pinned curves. */
  replace(state, { given, notes = [], keep = "" }, commands) {
    const held = keep ? pinnedWith(state, keep) : state;
    return replaced(
      held,
      given ?? { ...setOf(state), free: state.free },
      commands,
      held === state ? notes : [...notes, keep],
    );
  },

  /* Settings of one lane, from the next batch on. Another checkpoint begins anew; seeds of other settings go. */
  change(state, { lane: name, settings }, commands) {
    const before = state.lanes[name];
    if (!before) return state;
    const other = settings.method && settings.method !== before.method;
    const kept = other ? handedOn(before) : before,
      task = TASKS[settings.checkpoint]?.kind ?? TASKS[before.checkpoint].kind;
    const base = task === TASKS[before.checkpoint].kind ? kept : { ...kept, difficulty: undefined };
    const { lane, notes } = possibleLane({ ...base, ...settings }, name);
    if (identity(lane) === identity(before)) return notes.length || state.notes.length ? { ...state, notes } : state;
    let next = { ...state, notes, lanes: { ...state.lanes, [name]: lane } };
    if (next.runs[name].seeds || next.seeding?.of[name]) next = withoutSeeds(next, name, commands);
    if (lane.checkpoint !== before.checkpoint) next = cleared(next, name, commands);
    return next;
  },

  /* Like the last lane, or with settings that are possible. */
  add(state, { settings }) {
    const free = NAMES.find((name) => !state.lanes[name]);
    if (!free) return state;
    const beside = Object.values(state.lanes).at(-1),
      all = { ...state.lanes, [free]: settings ?? { ...beside } };
    return {
      ...state,
      lanes: Object.fromEntries(NAMES.filter((name) => all[name]).map((name) => [name, all[name]])),
      runs: { ...state.runs, [free]: run() },
    };
  },

  remove(state, { lane }, commands) {
    if (!state.lanes[lane] || namesOf(state).length === 1) return state;
    const next = closeAll(withoutSeeds(state, lane, commands), commands, (hand) => hand.lane === lane);
    const { [lane]: gone, ...lanes } = next.lanes,
      { [lane]: done, ...runs } = next.runs;
    return {
      ...next,
      lanes,
      runs,
      asked: next.asked && { ...next.asked, names: next.asked.names.filter((name) => name !== lane) },
    };
  },

  view: (state, { view }) => ({ ...state, view }),
  guess: (state, { guess }) => ({ ...state, guess }),

  /* Eight completions of one's own prompt by every lane that can read it. */
  ask(state, { text }) {
    const found = namesOf(state).map((name) => /** @type {const} */ ([name, readable(text, state.lanes[name])])),
      able = found.filter(([, { prompt }]) => prompt);
    if (!able.length) return { ...state, fault: found[0][1].why };
    const { text: read, answer } = able[0][1].prompt;
    const asked = { text: read, answer, names: able.map(([name]) => name) };
    return wanted({ ...state, fault: "", prompt: read, asked, view: "completions" });
  },

  /* The same prompt again: the shell says when there is time for it. */
  askAgain: (state) => (state.asked ? wanted(state) : state),

  /* Every lane with eight seeds, in Workers of their own; pressed again, they end. */
  seeds(state, event, commands) {
    if (state.seeding) return seedsEnded(state, commands);
    const { batches } = PRESETS[state.preset],
      names = namesOf(state);
    const jobs = Array.from({ length: SEEDS }, (_, seed) => names.map((lane) => ({ lane, seed }))).flat();
    const runs = Object.fromEntries(
      names.map((name) => [
        name,
        {
          ...state.runs[name],
          seeds: {
            of: state.lanes[name],
            rows: Array.from({ length: SEEDS }, () => []),
            ends: Array(SEEDS).fill(null),
          },
        },
      ]),
    );
    return {
      ...state,
      runs,
      playing: false,
      seeded: true,
      view: "bands",
      fault: "",
      seeding: { of: { ...state.lanes }, jobs, batches },
    };
  },

  /* The page is hidden, or seen again: nothing begins while nobody looks. */
  hidden: (state, { on }) => ({ ...state, hidden: on }),
  /* The page is left for good. */
  leave: (state, event, commands) => ({
    ...closeAll({ ...state, playing: false, seeding: null }, commands),
    runs: Object.fromEntries(
      Object.entries(state.runs).map(([name, one]) => [
        name,
        {
          ...one,
          hand: null,
          wish: null,
          asks: null,
          begun: null,
          why: one.why ?? (one.hand && one.rows.length ? "The run ended when this page was left." : null),
        },
      ]),
    ),
  }),

  pin: (state) => pinnedWith(state),
  unpin: (state) => ({ ...state, pinned: [] }),
  recorded: (state, { pinned }) => ({ ...state, pinned: pinned.map((one) => ({ ...one, recorded: true })) }),
  /* A run from a file: its settings, and its curves to compare with. */
  loaded(state, { given, pinned, notes = [] }, commands) {
    return { ...replaced(state, given, commands, notes), pinned: pinned.slice(-PINS) };
  },

  say: (state, { notes, fault }) => ({ ...state, notes: notes ?? state.notes, fault: fault ?? state.fault }),
  /* What the Workers are made of, once it has arrived: { hash, version }. */
  engine: (state, { made }) => (made?.hash === state.made?.hash ? state : { ...state, made }),

  /* A Worker did not begin, or will say nothing more. */
  died(state, { hand: id, text, begun = true }, commands) {
    const hand = state.hands[id];
    if (!hand) return state;
    if (hand.seed !== undefined) return seedsEnded(state, commands, begun ? `Eight seeds ended early: ${text}.` : text);
    const batches = state.runs[hand.lane].rows.length;
    return stopped(
      state,
      id,
      begun ? `Lane ${hand.lane.toUpperCase()} stopped after ${batches} batches: ${text}.` : text,
      commands,
    );
  },

  /* What a Worker says: see engine/js/worker.js. ms: since it was asked. */
  heard(state, { hand: id, data, ms = null }, commands) {
    const hand = state.hands[id];
    if (!hand) return state; // it was closed while this was on its way
    return hand.seed === undefined
      ? ofLane(state, id, hand, data, ms, commands)
      : ofSeed(state, id, hand, data, commands);
  },
};

const wanted = (state) =>
  state.asked.names.reduce(
    (next, name) => (!next.runs[name] || next.runs[name].why ? next : withRun(next, name, { asks: state.asked.text })),
    state,
  );

function ofLane(state, id, hand, data, ms, commands) {
  const name = hand.lane,
    one = state.runs[name],
    ready = (change) => withRun(withHand(state, id, { phase: "ready", asking: false }), name, change ?? {});
  if (data.error !== undefined) {
    if (!hand.asking)
      return stopped(
        state,
        id,
        data.batch === null || data.batch === undefined ? data.error : `Stopped at ${data.error}`,
        commands,
      );
    return { ...ready(), fault: data.error };
  }
  if (data.ready) return ready();
  if (data.answers)
    return ready({
      answers: {
        text: hand.asking.text,
        answer: hand.asking.answer,
        completions: data.answers,
        settings: one.rows.at(-1)?.settings ?? state.lanes[name],
      },
    });
  if (data.event === "sampled") return withRun(state, name, { updates: [], updated: one.begun });
  if (data.event === "update") {
    const updates = [...one.updates, data.update];
    return data.completions
      ? ready({ updates, last: { ...data, settings: one.begun } })
      : withRun(state, name, { updates });
  }
  if (data.event !== "batch") return state;
  const rows = [...one.rows, { ...data.row, settings: one.begun }];
  return spoken(
    ready({
      rows,
      last: { ...data, settings: one.begun },
      updates: data.updates,
      updated: one.begun,
      begun: null,
      ms: one.ms === null || ms === null ? ms : 0.8 * one.ms + 0.2 * ms,
    }),
    commands,
  );
}

/* After a lane's batch: is the answer known, and has the page something to say? */
function spoken(state, commands) {
  const count = least(state),
    known = state.revealed || count >= PRESETS[state.preset].batches;
  if (count < state.spoken + 10) return known === state.revealed ? state : { ...state, revealed: known };
  const title = titler(Object.values(state.lanes));
  commands.push({
    type: "speak",
    text: spokenRewards(
      count,
      namesOf(state).map((name) => ({
        title: title(state.lanes[name]),
        rows: presentOf(state.runs[name].rows, state.lanes[name]).rows,
      })),
    ),
  });
  return { ...state, revealed: known, spoken: count - (count % 10) };
}

function ofSeed(state, id, hand, data, commands) {
  const { lane, seed, settings } = hand,
    { seeds } = state.runs[lane];
  if (data.event === "batch") {
    const row = { ...data.row, settings },
      rows = seeds.rows.map((all, i) => (i === seed ? [...all, row] : all));
    const next = withRun(state, lane, { seeds: { ...seeds, rows } });
    return rows[seed].length < next.seeding.batches
      ? withHand(next, id, { phase: "ready" })
      : close(next, id, commands);
  }
  if (data.error !== undefined) {
    // a seed that stops keeps what it did, and why
    const ends = seeds.ends.map((why, i) => (i === seed ? data.error : why));
    return close(withRun(state, lane, { seeds: { ...seeds, ends } }), id, commands);
  }
  return data.ready ? withHand(state, id, { phase: "ready" }) : state;
}

/* How far the eight seeds are, from 0 to 1; null: there are none on their way. */
export function progress({ seeding, runs }) {
  if (!seeding) return null;
  let done = 0,
    all = 0;
  for (const lane of Object.keys(seeding.of)) {
    all += SEEDS * seeding.batches;
    runs[lane].seeds.rows.forEach((rows, i) => {
      done += runs[lane].seeds.ends[i] === null ? rows.length : seeding.batches;
    });
  }
  return all ? done / all : 1;
}

/* Every lane that is due, one batch at a time, as many at once as there are cores, and none further ahead than a batch:
   so all are seen at the same one, what has not been asked for can be paused, and a slider acts with the next. */
function pump(state, commands) {
  let next = pumpLanes(state, commands);
  if (next.seeding) next = pumpSeeds(next, commands);
  return next;
}

const busy = (state, seeds) =>
  Object.values(state.hands).filter(({ phase, seed }) => phase !== "ready" && (seed !== undefined) === seeds).length;

function opened(state, hand, lane, seed, commands) {
  const id = String(state.serial + 1);
  commands.push({
    type: "open",
    hand: id,
    checkpoint: lane.checkpoint,
    settings: engineSettings(lane, seed),
    knobs: knobsOf(lane),
  });
  return [{ ...state, serial: state.serial + 1, hands: { ...state.hands, [id]: { ...hand, phase: "loading" } } }, id];
}

function pumpLanes(state, commands) {
  const going = namesOf(state).filter((name) => !stuck(state.runs[name])),
    first = Math.min(...going.map((name) => state.runs[name].rows.length));
  const open = namesOf(state)
    .filter((name) => !state.runs[name].why)
    .sort((a, b) => state.runs[a].rows.length - state.runs[b].rows.length);
  let next = state;
  for (const name of open) {
    if (busy(next, false) >= next.cores) return next;
    const one = next.runs[name],
      count = one.rows.length,
      hand = next.hands[one.hand];
    if (hand && hand.phase !== "ready") continue;
    const due = !next.hidden && !stuck(one) && (one.wish || (next.playing && count <= first && count < next.until));
    if (!due && !one.asks) continue;
    if (!hand) {
      const [more, id] = opened(next, { lane: name }, next.lanes[name], next.seed, commands);
      next = withRun(more, name, { hand: id });
    } else if (one.asks) {
      commands.push({ type: "send", hand: one.hand, message: { ask: one.asks, id: OWN } });
      next = withRun(
        withHand(next, one.hand, { phase: "busy", asking: { text: one.asks, answer: next.asked?.answer } }),
        name,
        { asks: null },
      );
    } else {
      const lane = next.lanes[name];
      commands.push({
        type: "send",
        hand: one.hand,
        message: { settings: engineSettings(lane, next.seed), knobs: knobsOf(lane), once: one.wish ?? "batch" },
      });
      next = withRun(withHand(next, one.hand, { phase: "busy" }), name, { wish: null, begun: one.begun ?? lane }); // a batch that was begun keeps its settings
    }
  }
  return next;
}

function pumpSeeds(state, commands) {
  let next = state;
  for (const [id, { seed, phase }] of Object.entries(next.hands)) {
    if (seed === undefined || phase !== "ready" || next.hidden) continue;
    commands.push({ type: "send", hand: id, message: { once: "batch" } });
    next = withHand(next, id, { phase: "busy" });
  }
  const running = () => Object.values(next.hands).filter(({ seed }) => seed !== undefined).length;
  while (next.seeding.jobs.length && running() < next.cores) {
    const [{ lane, seed }, ...jobs] = next.seeding.jobs,
      settings = next.seeding.of[lane];
    [next] = opened(
      { ...next, seeding: { ...next.seeding, jobs } },
      { lane, seed, settings },
      settings,
      seed,
      commands,
    );
  }
  return running() ? next : { ...next, seeding: null, revealed: Object.keys(next.seeding.of).length > 0 };
}

/* { prompt } or { why } of a text for a lane's task. */
/** @returns {{ prompt?: any, why?: string }} */
function readable(text, { checkpoint }) {
  try {
    return { prompt: new TASKS[checkpoint].kind().read(text) };
  } catch (error) {
    return { why: brief(error.message, 300) };
  }
}
