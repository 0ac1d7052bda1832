/* The playground's state and its Workers behind what is seen: every change, message and frame goes through here. */

import { TASKS } from "../../engine/js/tasks.js";
import { addressed, read as readAddress, write as writeAddress } from "../parts/address.js";
import { still } from "../parts/common.js";
import { Fleet, Seeds } from "./fleet.js";
import { DASHES, HUES, NAMES, engineSettings, handedOn, regionOf, titles } from "./lanes.js";
import { furnish } from "./shell.js";
import { KEYS, PRESETS, flat, fromAddress, settle } from "./state.js";
import { csv, json, save } from "./files.js";
import { heard, verdict } from "./words.js";

const SLOW = 500; // milliseconds between drawings where less motion is asked for
const AGAIN = 250; // and between two samplings of one's own prompt while it plays
const OWN = 1; // the number that one's own prompt is sampled with: the same draws every time

export function open({ model, el, host, frame }) {
  const parts = model.get("_parts"), home = addressed(el, "playground"), reduced = still();
  const traits = () => ({ preset: model.get("preset"), seed: model.get("seed"), lanes: model.get("lanes"), view: model.get("view"), prompt: model.get("prompt") });
  const begun = settle(traits()), first = begun.state;
  let { state, notes } = begun;
  let told = {}, playing = false, queued = 0, drawn = 0, saving = 0, asked = null, asking = 0, guess = null, revealed = false;
  let seeding = null, seeded = false, spoken = 0, adopting = false, fault = "";
  const dirty = new Set();

  const blank = () => ({ rows: [], last: null, updates: [], answers: null, seeds: [], why: null });
  const fleet = new Fleet({ parts, told: hear, settings: (name) => ({ engine: engineSettings(state.lanes[name], state.seed), checkpoint: state.lanes[name].checkpoint }) });
  const ui = furnish(frame, host, {
    play: () => play(!playing), once: (what) => { play(false); fleet.once(what); }, reset: () => restart(), seeds: eight,
    preset: (preset) => replace({ preset, seed: state.seed }), seed: (seed) => replace({ ...given(), seed }),
    change: (name, settings) => changeLane(name, settings), add, remove, resetLane: (name) => { clear(name); show(); },
    view: (view) => { state.view = view; keep(); show(); }, ask: ownPrompt, guess: (value) => { guess = value; show(); },
    save: (kind) => download(kind), reduced, python: () => state,
  });

  /* The lanes as the views draw them. */
  const names = () => Object.keys(state.lanes);
  const pictured = () => {
    const named = titles(state.lanes, (x) => (x > 1e4 ? x.toExponential(0).replace("e+", "e") : String(Number(x.toPrecision(3)))));
    return names().map((name) => ({ name, title: named[name], colour: HUES[name], dash: DASHES[name], region: regionOf(state.lanes[name]), ...told[name], stopped: told[name].why, ms: fleet.lanes.get(name)?.ms }));
  };
  const given = () => ({ preset: state.preset, seed: state.seed, lanes: Object.values(state.lanes), view: state.view, prompt: state.prompt });

  function clear(name) {
    told[name] = { ...blank(), seeds: told[name]?.seeds ?? [] };
    fleet.reset(name);
    dirty.add(name);
  }

  function restart() {
    play(false);
    seeding?.cancel();
    for (const name of names()) {
      told[name] = blank();
      fleet.reset(name);
    }
    asked = null;
    seeded = revealed = false;
    spoken = 0;
    fault = "";
    show();
  }

  /* Another state as a whole: lanes begin anew. */
  function replace(wanted) {
    play(false);
    seeding?.cancel();
    const other = wanted.preset !== state.preset;
    ({ state, notes } = settle(wanted));
    if (other) guess = null;
    for (const name of [...fleet.lanes.keys()]) fleet.remove(name);
    told = Object.fromEntries(names().map((name) => [name, blank()]));
    for (const name of names()) fleet.add(name);
    asked = null;
    seeded = revealed = false;
    spoken = 0;
    fault = "";
    ui.furnishLanes(names());
    keep();
    show();
  }

  function changeLane(name, settings) {
    const before = state.lanes[name], kept = settings.method ? handedOn(before) : before, { lanes: { a: lane }, notes: more } = one({ ...kept, ...settings });
    notes = more;
    state.lanes[name] = lane;
    if (lane.checkpoint !== before.checkpoint) clear(name);
    told[name].seeds = [];
    seeded = names().some((other) => told[other].seeds.length);
    keep();
    show();
  }

  const one = (lane) => { const found = settle({ ...given(), lanes: [lane] }); return { ...found.state, notes: found.notes }; };

  function add() {
    const free = NAMES.find((name) => !state.lanes[name]);
    if (!free) return;
    const beside = Object.values(state.lanes).at(-1);
    state.lanes = Object.fromEntries(NAMES.filter((name) => state.lanes[name] || name === free).map((name) => [name, state.lanes[name] ?? { ...beside }]));
    told[free] = blank();
    fleet.add(free);
    ui.furnishLanes(names());
    keep();
    show();
  }

  function remove(name) {
    if (names().length === 1) return;
    delete state.lanes[name];
    delete told[name];
    fleet.remove(name);
    ui.furnishLanes(names());
    keep();
    show();
  }

  function play(on) {
    if (on) seeding?.cancel();
    playing = on;
    fleet.play(on);
    show();
  }

  function eight() {
    if (seeding) return seeding.cancel();
    play(false);
    seeded = true;
    state.view = "bands";
    for (const name of names()) told[name].seeds = [];
    seeding = new Seeds({ parts, batches: PRESETS[state.preset].batches,
      lanes: names().map((name) => ({ name, engine: engineSettings(state.lanes[name], 0), checkpoint: state.lanes[name].checkpoint })),
      told: (name, seed, row) => { if (told[name]) { (told[name].seeds[seed] ??= []).push(row); for (let s = 0; s < seed; s++) told[name].seeds[s] ??= []; show(); } },
      done: (why) => { seeding = null; fault = why ?? ""; show(); } });
    keep();
    return show();
  }

  /* Eight completions of one's own prompt by every lane that can read it. */
  function ownPrompt(text) {
    fault = "";
    const found = names().map((name) => [name, readable(text, state.lanes[name])]);
    const able = found.filter(([, { prompt }]) => prompt);
    if (!able.length) { fault = found[0][1].why; show(); return; }
    state.prompt = able[0][1].prompt.text;
    asked = { text: state.prompt, answer: able[0][1].prompt.answer, names: able.map(([name]) => name) };
    state.view = "completions";
    fleet.ask(asked.text, OWN, asked.names);
    keep();
    show();
  }

  function hear(name, data) {
    const lane = told[name];
    if (!lane) return;
    if (data.stopped) lane.why = data.stopped;
    else if (data.error !== undefined) fault = data.error;
    else if (data.answers) lane.answers = { text: asked?.text, answer: asked?.answer, completions: data.answers };
    else if (data.event === "sampled") lane.updates = [];
    else if (data.event === "update") { lane.updates = [...lane.updates, data.update]; if (data.completions) lane.last = data; }
    else if (data.event === "batch") {
      lane.rows.push(data.row);
      lane.last = data;
      lane.updates = data.updates;
      ui.tell(name, lane, fleet.lanes.get(name).ms);
      const least = Math.min(...names().map((one) => told[one].rows.length));
      revealed ||= least >= PRESETS[state.preset].batches;
      if (least >= spoken + 10) { spoken = least - (least % 10); ui.speak(heard(pictured())); }
      if (asked && performance.now() - asking > AGAIN && state.view === "completions") { asking = performance.now(); fleet.ask(asked.text, OWN, asked.names); }
    }
    show();
  }

  /* A frame at most for whatever has come. */
  function show() {
    queued ||= reduced && performance.now() - drawn < SLOW ? setTimeout(() => { queued = requestAnimationFrame(paint); }, SLOW) : requestAnimationFrame(paint);
  }

  function paint() {
    queued = 0;
    drawn = performance.now();
    const lanes = pictured(), preset = PRESETS[state.preset];
    ui.draw({ state, lanes, playing, preset, guess, revealed: revealed || (seeded && !seeding), notes, fault, full: names().length === NAMES.length,
      seeding: seeding && seeding.made / seeding.total, verdict: verdict(lanes, seeded && state.view === "bands", preset.batches, !seeding) });
    frame.dataset.drawn = "yes";
  }

  function download(kind) {
    const lanes = names().map((name) => ({ name, settings: state.lanes[name], rows: told[name].rows, seeds: told[name].seeds }));
    if (kind === "csv") save("playground.csv", csv(lanes, state.seed), "text/csv");
    else save("playground.json", json({ preset: state.preset, seed: state.seed, address: home ? location.href : null }, lanes), "application/json");
  }

  /* Into the traits at once, into the address when the hand rests. */
  function keep() {
    adopting = true;
    for (const [key, value] of Object.entries(given())) if (JSON.stringify(model.get(key)) !== JSON.stringify(value)) model.set(key, value);
    adopting = false;
    clearTimeout(saving);
    saving = setTimeout(() => { model.save_changes(); writeAddress(home, "playground", flat(state), flat(first)); }, 150);
  }

  function visit() {
    const found = readAddress(home, "playground", KEYS);
    if (!found) return;
    replace(fromAddress(found.values, first));
    notes = [...found.notes.map(({ text }) => text), ...notes];
    show();
  }

  const adopt = () => { if (!adopting) replace(traits()); };
  const hidden = () => { fleet.hide(document.hidden); seeding?.hide(document.hidden); show(); };
  const leave = () => { play(false); seeding?.cancel(); fleet.release(); };
  const again = (why) => { replace(given()); notes = [why]; show(); };
  const back = (event) => { if (event.persisted) again("The run ended when this page was left."); };
  /* On a page of the book nobody says when the element goes: its Workers go with it. */
  let there = true;
  const moved = new MutationObserver(() => {
    if (host.isConnected === there) return;
    there = !there;
    if (there) again("The run ended when this figure was taken from the page.");
    else leave();
  });
  if (home) moved.observe(document.body, { childList: true, subtree: true });
  const traitNames = ["preset", "seed", "lanes", "view", "prompt"];
  for (const key of traitNames) model.on(`change:${key}`, adopt);
  document.addEventListener("visibilitychange", hidden);
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", back);
  if (home) window.addEventListener("hashchange", visit);
  replace(given());
  notes = begun.notes;
  visit();
  fleet.hide(document.hidden);
  const wish = model.get("_wish") ?? "";
  if (wish.startsWith("guess:")) guess = wish.slice(6);
  if (wish) {
    play(true);
    ui.focus();
  }
  return () => {
    leave();
    moved.disconnect();
    for (const key of traitNames) model.off(`change:${key}`, adopt);
    document.removeEventListener("visibilitychange", hidden);
    window.removeEventListener("pagehide", leave);
    window.removeEventListener("pageshow", back);
    window.removeEventListener("hashchange", visit);
    cancelAnimationFrame(queued);
    clearTimeout(queued);
    clearTimeout(saving);
    ui.release();
  };
}

/* { prompt } or { why } of a text for a lane's task. */
function readable(text, { checkpoint }) {
  try {
    return { prompt: new TASKS[checkpoint].kind().read(text) };
  } catch (error) {
    return { why: error.message };
  }
}
