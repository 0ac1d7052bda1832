/* run_explorer: the recorded runs. Choose a sweep, a point of its axes and methods; see curves with bands, accuracy
   against nats, and every arm's accuracy in one table. */

import { drawer, h, pick, prediction, say, stage, status } from "./parts/common.js";
import { axisName, between, called, looksOf, measureOf, short } from "./run_explorer/looks.js";
import { columnsAxis, open, reach } from "./run_explorer/pack.js";
import { curvePlot, scatterPlot } from "./run_explorer/plots.js";
import { KEYS, moved, opening, possible, read, write } from "./run_explorer/state.js";
import { table } from "./run_explorer/table.js";
import { aloud, answer, armsAt, verdict } from "./run_explorer/words.js";
import style from "./run_explorer/style.css";

const BANDS = 6; // more bands than these cover one another

function render({ model, el }) {
  const { frame, release } = stage(el, style, "Recorded runs: curves, accuracy against nats, and every arm's accuracy");
  const pack = open(model.get("_data"));
  /* The page's address is the book's; in a notebook it is the notebook's own, and stays as it is. */
  const home = el.closest(".trlib-explorable"),
    addressed = home && home === document.querySelector('[data-explorable="run_explorer"]');
  const raw = () => Object.fromEntries(KEYS.map((key) => [key, model.get(key)]));
  const first = possible(raw(), pack).state;
  let { state, notes } = possible(raw(), pack);
  let sweep = pack.byName.get(state.sweep),
    looks = looksOf(sweep.methods);
  let queued = 0,
    arrived = false,
    saving = 0,
    adopting = false,
    drawn = "",
    stale = true,
    tabled = "";

  const set = (changes) => {
    adopting = true;
    for (const [key, value] of Object.entries(changes)) model.set(key, value);
    adopting = false;
    adopt();
    clearTimeout(saving);
    saving = setTimeout(() => {
      model.save_changes();
      if (addressed) point(write(state));
    }, 150);
  };
  const settle = (given) => {
    adopting = true;
    for (const key of KEYS) if (JSON.stringify(given[key]) !== JSON.stringify(state[key])) model.set(key, state[key]);
    adopting = false;
  };
  const adopt = (told = []) => {
    if (adopting) return;
    const given = raw(),
      sane = possible(given, pack);
    notes = [...told, ...sane.notes];
    state = sane.state;
    if (state.sweep !== sweep.name) {
      sweep = pack.byName.get(state.sweep);
      looks = looksOf(sweep.methods);
    }
    settle(given);
    stale = true;
    ask();
  };
  const visit = () => {
    const found = read(location.hash);
    if (!found) return false;
    adopting = true;
    for (const key of KEYS)
      model.set(key, found.raw[key] ?? { sweep: first.sweep, at: {}, methods: [], batch: -1 }[key] ?? "");
    adopting = false;
    adopt(found.notes);
    return true;
  };
  const ask = () => {
    queued ||= requestAnimationFrame(draw);
  };

  const ui = furnish(frame, pack, {
    sweep: (name) => set(moved(pack, state, name)),
    at: (axis, label) => set({ at: { ...state.at, [axis]: label } }),
    measure: (measure) => set({ measure }),
    batch: (batch) => set({ batch }),
    all: () =>
      set({
        methods: state.methods.length === sweep.methods.length ? opening(pack, sweep).methods : sweep.methods,
        cell: "",
      }),
    methods: (method, on) =>
      set({
        methods: sweep.methods.filter((other) => (other === method ? on : state.methods.includes(other))),
        cell: state.cell === method && !on ? "" : state.cell,
      }),
    cell: (method, axis, label) => {
      const at = axis ? { ...state.at, [axis]: label } : state.at,
        again = state.cell === method && JSON.stringify(at) === JSON.stringify(state.at);
      set({ at, cell: again ? "" : method });
    },
    preset: (preset) => set({ ...opening(pack, pack.byName.get(preset.state.sweep)), ...preset.state }),
    guessed: () => set({ ...opening(pack, pack.byName.get(pack.question.state.sweep)), ...pack.question.state }),
    reset: () => {
      ui.asking.clear();
      ui.map.fold();
      set(first);
    },
  });

  function draw() {
    queued = 0;
    const width = ui.curves.clientWidth;
    if (!width) return;
    const { batch, ...ground } = state,
      wanted = JSON.stringify([ground, width, ui.cost.open]);
    const known = wanted === drawn ? null : shown();
    if (known) {
      if (tabled !== (tabled = JSON.stringify([state.sweep, { ...state.at, [columnsAxis(sweep)]: "" }])))
        ui.map.build(sweep, state.at, looks);
      ui.plot.draw({
        arms: known,
        batches: sweep.batches,
        measure: state.measure,
        reach: reach(pack, sweep, state.measure),
        width,
        height: ui.curves.clientHeight,
      });
      if (ui.cost.open)
        ui.cloud.draw({
          arms: armsHere(),
          reach: nats(),
          width: ui.scatter.clientWidth,
          height: ui.scatter.clientHeight,
        });
      drawn = wanted;
    }
    const at = batch < 0 ? sweep.batches - 1 : batch,
      write = measureOf(state.measure).write,
      values = new Map();
    for (const method of sweep.methods) {
      const curve = pack.curveOf(pack.armOf(sweep, method, state.at), state.measure);
      if (curve && curve.mean[at] !== null)
        values.set(method, between([curve.mean[at], curve.low[at], curve.high[at]], write));
    }
    ui.plot.cursor(at);
    ui.map.now(values);
    if (stale) {
      const said = verdict(sweep, state, armsAt(pack, sweep, state.at, state.methods));
      ui.settings(sweep, state, { notes, said, batch: at });
      const heard = (state.cell ? [state.cell] : state.methods)
        .filter((method) => values.has(method))
        .map((method) => `${called(method)} ${values.get(method)}`);
      ui.speak([...notes.map(({ text }) => text), ui.asking.said(), aloud(sweep, state, said, heard)].join(" "));
    }
    stale = false;
    if (arrived) frame.scrollIntoView({ block: "start", behavior: "instant" }); // when it has its height
    arrived = false;
  }

  const faint = (method) => Boolean(state.cell) && method !== state.cell;
  const shown = () => {
    const arms = state.methods
      .map((method) => ({
        method,
        look: looks.get(method),
        faint: faint(method),
        curve: pack.curveOf(pack.armOf(sweep, method, state.at), state.measure),
      }))
      .filter(({ curve }) => curve);
    if (arms.length > BANDS && !state.cell)
      for (const arm of arms) arm.curve = { ...arm.curve, low: arm.curve.low.map(() => null) };
    return arms;
  };
  const armsHere = () =>
    armsAt(pack, sweep, state.at, sweep.methods).map((arm) => ({
      ...arm,
      look: looks.get(arm.method),
      faint: faint(arm.method) || !state.methods.includes(arm.method),
    }));
  const nats = () => {
    const all = Object.values(sweep.arms)
      .filter((arm) => arm.nats?.[0] > 0)
      .flatMap((arm) => [arm.nats[1] || arm.nats[0], arm.nats[2] ?? arm.nats[0]]);
    return all.length ? [Math.min(...all), Math.max(...all)] : [0.01, 1];
  };

  slide(ui, { at: (pixel) => ui.plot.batchAt(pixel), set: (batch) => batch !== state.batch && set({ batch }) });
  const changed = () => adopt();
  KEYS.forEach((key) => model.on(`change:${key}`, changed));
  const watcher = new ResizeObserver(() => {
    stale = true;
    ask();
  });
  watcher.observe(ui.curves);
  ui.cost.addEventListener("toggle", ask);
  const follow = () => {
    visit();
  };
  if (addressed) {
    window.addEventListener("hashchange", follow);
    arrived = visit();
  }
  settle(raw());
  ask();
  return () => {
    KEYS.forEach((key) => model.off(`change:${key}`, changed));
    window.removeEventListener("hashchange", follow);
    watcher.disconnect();
    cancelAnimationFrame(queued);
    clearTimeout(saving);
    ui.release();
    release();
  };
}

/* The address, without a step in the history of the page; a page that may not change it keeps its own. */
function point(hash) {
  try {
    history.replaceState(history.state, "", hash);
  } catch {
    /* a document without an address of its own */
  }
}

/* Mouse and finger choose the batch on the curves; a finger that goes up or down scrolls the page. */
/** @param {any} ui @param {{ at: (pixel: number) => number, set: (batch: number) => any }} way */
function slide(ui, { at, set }) {
  let held = null;
  const place = (event) => set(at(event.clientX - ui.curves.getBoundingClientRect().left));
  ui.curves.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = event.pointerId;
    if (event.pointerType === "mouse") ui.curves.setPointerCapture(held);
    place(event);
  });
  ui.curves.addEventListener("pointermove", (event) => {
    if (held === event.pointerId) place(event);
  });
  const drop = () => {
    held = null;
  };
  for (const kind of ["pointerup", "pointercancel"]) ui.curves.addEventListener(kind, drop);
}

const ROUNDS = { 3: "third round", 2: "second round", 1: "first round" };

/* Everything around the drawings. */
function furnish(frame, pack, act) {
  const plot = curvePlot(),
    cloud = scatterPlot(),
    spoken = status();
  const map = table({ pack, onCell: act.cell, onMethods: act.methods });
  const curves = h("div", { class: "plane" }, plot.node),
    scatter = h("div", { class: "plane low" }, cloud.node),
    cost = drawer("cost", "Accuracy against the nats that it cost", scatter);
  const rounds = [...new Set(pack.sweeps.map((sweep) => sweep.round))].sort().reverse(),
    listed = (round) =>
      pack.sweeps.filter((sweep) => sweep.round === round).map(({ name, title }) => [name, `${name}: ${title}`]);
  const sweeps = pick({
      label: "sweep",
      options: Object.fromEntries(rounds.map((round) => [ROUNDS[round], listed(round)])),
      onChange: act.sweep,
    }),
    measures = pick({ label: "curve of", onChange: act.measure }),
    axes = h("div", { class: "axes" });
  const batch = h("input", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "batch",
    oninput: () => act.batch(batch.valueAsNumber),
  });
  const which = h("output", { class: "value" });
  const asked = h("span"),
    seeds = h("span", { class: "more" }),
    asks = h("p", { class: "asks" }, asked, seeds);
  const ruling = h("b"),
    because = h("span"),
    judged = h("div", { class: "verdict" }, ruling, because),
    noted = h("ul", { class: "notes", hidden: true });
  const all = h("button", { type: "button", onclick: act.all });
  const presets = pack.presets.map((preset) => [
    preset,
    h("button", { type: "button", text: preset.name, onclick: () => act.preset(preset) }),
  ]);
  const hint = h("p", { class: "hint", hidden: true });
  const asking = prediction(
    { text: pack.question.text, options: pack.question.options.map((name) => [name, called(name)]) },
    { reply: (guess) => reveal(pack, guess), guessed: act.guessed },
  );
  frame.append(
    h(
      "div",
      { class: "framed grid" },
      h(
        "p",
        { class: "top" },
        h("b", { text: "Recorded runs" }),
        h("span", { class: "aim", text: "Change a setting: who still learns?" }),
      ),
      h("div", { class: "head" }, sweeps.el, axes, measures.el),
      asks,
      h(
        "div",
        { class: "left" },
        curves,
        h("div", { class: "slider batch" }, h("span", { text: "batch", "aria-hidden": "true" }), batch, which),
      ),
      h(
        "div",
        { class: "right" },
        map.el,
        h("div", { class: "marks" }, map.more, all, h("button", { type: "button", text: "reset", onclick: act.reset })),
      ),
      h("div", { class: "judged" }, judged, noted),
      cost,
      h("div", { class: "try" }, h("div", { class: "marks" }, ...presets.map(([, button]) => button)), hint),
      asking.el,
    ),
    spoken.el,
  );
  let axed = "",
    /** @type {any[]} */ picks = [];
  return {
    curves,
    cost,
    scatter,
    plot,
    cloud,
    map,
    speak: spoken.speak,
    release: spoken.release,
    asking,
    settings: (sweep, state, { notes, said, batch: at }) => {
      sweeps.set(state.sweep);
      if (axed !== (axed = sweep.name)) {
        picks = Object.entries(sweep.axes).map(([axis, points]) => [
          axis,
          pick({
            label: axisName(axis),
            options: points.map((label) => [label, short(label)]),
            onChange: (label) => act.at(axis, label),
          }),
        ]);
        axes.replaceChildren(...picks.map(([, { el }]) => el));
      }
      for (const [axis, { set }] of picks) set(state.at[axis]);
      measures.set(
        state.measure,
        sweep.measures.map((name) => [name, measureOf(name).text]),
      );
      say(asked, `${sweep.text} ${sweep.seeds} seeds.`);
      say(seeds, " Bands and brackets: 95 % intervals of the interquartile mean.");
      map.mark(state);
      batch.max = sweep.batches - 1;
      batch.value = at;
      batch.style.setProperty("--at", `${(100 * at) / (sweep.batches - 1)}%`);
      batch.setAttribute("aria-valuetext", `batch ${at} of ${sweep.batches - 1}`);
      say(which, `${at} of ${sweep.batches - 1}`);
      all.hidden = opening(pack, sweep).methods.length === sweep.methods.length;
      say(all, state.methods.length === sweep.methods.length ? "draw a few" : "draw all");
      judged.dataset.tone = said.tone;
      say(ruling, `${said.tone === "fail" ? "✕ " : ""}${said.title}`);
      say(because, said.text);
      noted.hidden = notes.length === 0;
      noted.replaceChildren(...notes.map(({ text }) => h("li", { text })));
      const pressed = presets.find(([preset]) => holds(preset.state, state));
      presets.forEach((pair) => pair[1].setAttribute("aria-pressed", String(pair === pressed)));
      hint.hidden = !pressed;
      say(hint, pressed ? pressed[0].text : "");
    },
  };
}

function reveal(pack, guess) {
  const { state, options, why } = pack.question,
    { right, text } = answer(guess, armsAt(pack, pack.byName.get(state.sweep), state.at, options));
  return `${right ? "✓" : "✕"} ${text} ${why}`;
}

const holds = (part, whole) =>
  Object.entries(part).every(([key, value]) => JSON.stringify(value) === JSON.stringify(whole[key]));

export default { render };
