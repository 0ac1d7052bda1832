/* The playground on a page: states of reducer.js are drawn, commands carried out, and what happens becomes events. */

import { addressed, read as readAddress, write as writeAddress } from "../parts/address.js";
import { still } from "../parts/common.js";
import { cores, fleet } from "./fleet.js";
import recorded from "../../playground.first.json" with { type: "json" };
import seeds from "../../playground.seeds.json" with { type: "json" };
import { NAMES } from "./lanes.js";
import { asRecorded, asksOfThese, begin, least, namesOf, progress, reduce, setOf } from "./reducer.js";
import { begun, pictured } from "./segments.js";
import { KEYS, PRESETS, flat, fromAddress } from "./state.js";
import { again as shownAgain, csv, json, save, unsaved } from "./files.js";
import { ofRecorded, verdict } from "./words.js";

const PAINT = 100; // milliseconds between two drawings at least: ten in a second
const SLOW = 500; // where less motion is asked for
const AGAIN = 250; // between two samplings of one's own prompt while it plays
const TRAITS = ["preset", "seed", "lanes", "view", "prompt"];

/* buildControls: what is seen, as shell.js makes it. whole(): the first drawing is complete. */
export function open({ model, el, host, frame, whole, buildControls }) {
  const home = addressed(el, "playground"),
    reduced = still();
  const traits = () => Object.fromEntries(TRAITS.map((key) => [key, model.get(key)]));
  let state = begin(traits(), { cores: cores() }),
    waiting = 0,
    painting = 0,
    drawn = 0,
    parts = null,
    stale = false,
    saving = 0,
    asking = 0,
    adopting = false,
    bench = model.get("bench"),
    gone = false;
  const first = state;
  const workers = fleet(model.get("_parts"), tell);
  const ui = buildControls(frame, host, {
    tell,
    save: download,
    load,
    reduced,
    changed: () => show(0),
    bench,
    play,
    set,
    open: () => openBench(),
  });

  /* In a chapter a run that has come to its end, or is set otherwise, begins anew: there is no other button for it. */
  function play() {
    if (!bench && least(state) >= PRESETS[state.preset].batches) tell({ type: "reset" });
    tell({ type: "play" });
  }

  function set(change) {
    tell({ type: "change", ...change });
    if (!state.playing && begun(state)) tell({ type: "reset" });
  }

  function openBench() {
    bench = true;
    show(0);
  }

  /* The only place where the state changes. What a command brings about comes later, as events of its own. */
  function tell(event) {
    const before = state,
      { state: next, commands } = reduce(state, event);
    state = next;
    if (namesOf(next).join() !== namesOf(before).join()) parts = null; // what was being drawn has other lanes
    for (const command of /** @type {any[]} */ (commands)) {
      if (command.type === "speak") ui.speak(command.text);
      else if (command.type === "keep") keep();
      else workers[command.type](command);
    }
    if (event.type === "heard" && event.data.event === "batch") heardBatch();
    if (next !== before) show();
  }

  /* One's own prompt again, as often as there is time for it. */
  function heardBatch() {
    if (!state.asked || state.view !== "completions" || performance.now() - asking < AGAIN) return;
    asking = performance.now();
    tell({ type: "askAgain" });
  }

  /* Whatever has come is drawn about ten times a second, a part in each frame, so that no frame takes a slow phone long. */
  function show(pause = reduced ? SLOW : PAINT) {
    stale = true;
    if (painting || gone || (waiting && pause)) return;
    const wait = pause - (performance.now() - drawn);
    clearTimeout(waiting);
    if (wait > 0 && !parts) waiting = setTimeout(nextFrame, wait);
    else nextFrame();
  }

  function nextFrame() {
    waiting = 0;
    painting = requestAnimationFrame(paint);
  }

  function paint() {
    painting = 0;
    if (!parts) {
      stale = false;
      parts = ui.draw(seen());
    }
    if (!parts.next().done) return nextFrame();
    parts = null;
    drawn = performance.now();
    if (ui.sized() && !frame.dataset.drawn) {
      frame.dataset.drawn = "yes";
      whole();
    }
    return stale ? show() : undefined;
  }

  function seen() {
    const { lanes, pinned } = pictured(state),
      preset = PRESETS[state.preset];
    return {
      state,
      now: () => state,
      lanes,
      pinned,
      preset,
      applies: asksOfThese(state),
      recorded: asRecorded(state),
      seeding: progress(state),
      bench,
      verdict:
        state.pinned.some((one) => one.recorded) && !begun(state) && !state.seeded
          ? ofRecorded(
              pinned.filter(({ kind }) => kind === "recorded"),
              lanes,
              preset.batches,
            )
          : verdict(lanes, state.seeded && state.view === "bands", preset.batches, !state.seeding, recordOf(state)),
    };
  }

  function download(kind) {
    if (kind === "csv") save("playground.csv", csv(state), "text/csv");
    else
      save(
        "playground.json",
        json(state, { address: home ? location.href : null, date: new Date().toISOString() }),
        "application/json",
      );
  }

  async function load(file) {
    try {
      tell({ type: "loaded", ...unsaved(await file.text(), state.made) });
    } catch (error) {
      tell({ type: "say", fault: `${file.name}: ${error.message}` });
    }
  }

  /* Into the traits at once, into the address when the hand rests. */
  function keep() {
    adopting = true;
    for (const [key, value] of Object.entries(setOf(state)))
      if (JSON.stringify(model.get(key)) !== JSON.stringify(value)) model.set(key, value);
    adopting = false;
    clearTimeout(saving);
    saving = setTimeout(() => {
      model.save_changes();
      writeAddress(home, "playground", flat(state), flat(first));
    }, 150);
  }

  /* What the address says; where that is set anyway, the run goes on. keepRun: a run that this ends stays as faint curves. */
  function visit(keepRun) {
    const found = readAddress(home, "playground", KEYS);
    if (!found) return;
    const given = fromAddress(found.values, first),
      notes = found.notes.map(({ text }) => text),
      asked = begin(given);
    bench ||= Object.keys(found.values).length > 0; // whoever sends settings has chosen them there
    if (keepRun && JSON.stringify(flat(asked)) === JSON.stringify(flat(state)))
      return tell({ type: "say", notes: [...notes, ...asked.notes] });
    tell({
      type: "replace",
      given,
      notes,
      keep: keepRun ? "The address changed, and with it the lanes. The curves of the run before stay, faint." : "",
    });
  }

  const again = (why) => tell({ type: "replace", notes: [why] });
  const on = {
    adopt: () => {
      if (!adopting) tell({ type: "replace", given: traits() });
    },
    hidden: () => tell({ type: "hidden", on: document.hidden }),
    follow: () => visit(true),
    /* A page that the browser keeps for *Back* sleeps with its Workers; any other lets them go. */
    left: ({ persisted }) => {
      if (!persisted && home) hold(state);
      tell(persisted ? { type: "hidden", on: true } : { type: "leave" });
    },
    back: ({ persisted }) => {
      if (persisted) on.hidden();
    },
  };
  /* On a page of the book nobody says when the element goes: its Workers go with it. */
  let there = true;
  const moved = new MutationObserver(() => {
    if (host.isConnected === there) return;
    there = !there;
    if (there) again("The run ended when this figure was taken from the page.");
    else tell({ type: "leave" });
  });
  if (home) moved.observe(document.body, { childList: true, subtree: true });
  for (const key of TRAITS) model.on(`change:${key}`, on.adopt);
  document.addEventListener("visibilitychange", on.hidden);
  window.addEventListener("pagehide", on.left);
  window.addEventListener("pageshow", on.back);
  if (home) window.addEventListener("hashchange", on.follow);
  keep();
  visit(false);
  const held = home ? heldRun() : null;
  if (held) tell({ type: "loaded", ...held, notes: ["The run that you left is here as faint curves."] });
  else if (state.seed === recorded[state.preset]?.seed && asRecorded(state))
    tell({ type: "recorded", pinned: shownAgain(recorded[state.preset]).pinned });
  on.hidden();
  show();
  return () => {
    tell({ type: "leave" });
    gone = true;
    workers.release();
    moved.disconnect();
    for (const key of TRAITS) model.off(`change:${key}`, on.adopt);
    document.removeEventListener("visibilitychange", on.hidden);
    window.removeEventListener("pagehide", on.left);
    window.removeEventListener("pageshow", on.back);
    window.removeEventListener("hashchange", on.follow);
    cancelAnimationFrame(painting);
    clearTimeout(waiting);
    clearTimeout(saving);
    ui.release();
  };
}

/* How the lanes of a preset ended with eight seeds, where they are set as then. */
const recordOf = (state) =>
  asRecorded(state) ? Object.fromEntries((seeds[state.preset] ?? []).map(({ reward }, i) => [NAMES[i], reward])) : null;

/* A run whose page the browser does not keep: *Back* finds its curves in this tab's storage, where it may have one. */
const place = () => `trlib playground ${location.pathname}`;

function hold(state) {
  try {
    if (namesOf(state).some((name) => state.runs[name].rows.length)) sessionStorage.setItem(place(), json(state, {}));
  } catch {
    /* no storage, or no room in it: then the run is gone */
  }
}

function heldRun() {
  try {
    const text = sessionStorage.getItem(place());
    sessionStorage.removeItem(place());
    return text && /** @type {any} */ (performance.getEntriesByType("navigation")[0])?.type === "back_forward"
      ? unsaved(text)
      : null;
  } catch {
    return null;
  }
}
