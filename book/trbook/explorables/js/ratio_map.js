/* ratio_map: which tokens does a trust region clip? The plane of old and new probability of a sampled token, with
   the regions in which PPO-clip, DPPO-TV and DPPO-KL keep its gradient. */

import {
  button,
  choice,
  drawer,
  clamp,
  h,
  ladder,
  P_MAX,
  P_MIN,
  number,
  percent,
  sample,
  say,
  setting,
  spoken,
  stage,
  status,
  still,
  tick,
} from "./parts/common.js";
import { addressed, read as readAddress, write as writeAddress } from "./parts/address.js";
import { handling } from "./parts/handling.js";
import { MARGIN, plane } from "./ratio_map/plane.js";
import { DEFAULTS, LANDMARKS, METHODS, aloud, move, possible, read, verdict } from "./ratio_map/reading.js";
import { dots, nearestToken, reader, silenced, unpack } from "./ratio_map/tokens.js";
import style from "./ratio_map/style.css";

const KEYS = Object.keys(DEFAULTS);
const HUNDREDTHS = Array.from({ length: 101 }, (_, i) => i / 100);
const SLIDERS = {
  ppo: [
    { key: "eps_low", label: "ε low", spoken: "PPO-clip, epsilon low", rungs: HUNDREDTHS, acts: -1 },
    {
      key: "eps_high",
      label: "ε high",
      spoken: "PPO-clip, epsilon high",
      acts: 1,
      rungs: [
        0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.28, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70,
        99, 150, 300, 1000,
      ],
    },
  ],
  dppo_tv: [
    {
      key: "delta_tv",
      label: "δ TV",
      spoken: "DPPO-TV, delta",
      rungs: [
        0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.12, 0.15, 0.17, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7,
        0.8, 0.9, 1,
      ],
    },
  ],
  dppo_kl: [
    {
      key: "delta_kl",
      label: "δ KL",
      spoken: "DPPO-KL, delta in nats",
      rungs: [
        0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3,
      ],
    },
  ],
};
const onMap = (p) => clamp(p, P_MIN, P_MAX);

function render({ model, el }) {
  const { frame, release } = stage(el, style, "Ratio map: which tokens does a trust region clip?");
  const raw = () => Object.fromEntries(KEYS.map((key) => [key, model.get(key)]));
  const batch = unpack(model.get("batch"));
  let { state, notes } = possible(raw(), batch);
  const first = state,
    home = addressed(el, "ratio_map");
  let hover = null,
    counted = "",
    blend = state.axes === "logit" ? 1 : 0,
    stale = true,
    queued = 0,
    saving = 0,
    adopting = false,
    drawn = "";

  const set = (changes) => {
    for (const [key, value] of Object.entries(changes)) model.set(key, value);
    clearTimeout(saving);
    saving = setTimeout(() => {
      model.save_changes();
      writeAddress(home, "ratio_map", state, first);
    }, 60);
  };
  const adopt = () => {
    if (adopting) return;
    const given = raw(),
      sane = possible(given, batch);
    const switched = sane.state.axes !== state.axes,
      standing = notes.filter(({ key, value }) => given[key] === value);
    const reads = sane.state.token >= 0 && (sane.state.token !== state.token || sane.state.update !== state.update);
    state = reads ? { ...sane.state, ...placeOf(sane.state) } : sane.state;
    notes = [...standing, ...sane.notes];
    stale = true;
    if (reads || sane.notes.length) {
      adopting = true;
      set(state);
      adopting = false;
    }
    if (switched) unfold();
    ask();
  };
  const ask = () => {
    queued ||= requestAnimationFrame(draw);
  };

  /* Where the token that is read stands now: the cursor stays on it. */
  const placeOf = ({ token, update }) => ({
    sign: batch.sign[token],
    old_p: onMap(batch.old[token]),
    new_p: onMap(batch.after[update][token]),
  });
  const visit = (event = null) => {
    const found = readAddress(home, "ratio_map", KEYS);
    if (!found) return;
    notes = []; // what an earlier address got wrong
    set({ ...first, ...found.values });
    adopt();
    notes = [...notes, ...found.notes];
    // A link in the page's text moves the map where it stands.
    if (event?.isTrusted !== false) ui.plane.scrollIntoView({ block: "center", behavior: "instant" });
  };

  const map = plane();
  const ui = buildControls(frame, map, { set, state: () => state, read: batch && reader(batch, set) });

  function draw() {
    queued = 0;
    const width = ui.plane.clientWidth;
    if (!width) return;
    const { old_p, new_p, update, token, ...ground } = state;
    const wanted = JSON.stringify([ground, blend, width]);
    if (wanted !== drawn) map.regions(state, blend, width);
    drawn = wanted;
    if (batch && counted !== wanted + update) {
      map.tokens(dots(batch, state, map));
      ui.counts(silenced(batch, state), batch.tokens.length);
      counted = wanted + update;
    }
    if (stale) ui.settings(state, notes);
    const r = read(state, hover?.q ?? old_p, hover?.p ?? new_p);
    ui.token(state, hover ? hover.token : token);
    map.cursor(r, state, state);
    ui.reading(state, r);
    grips.place([cursor()]);
    if (stale && !hover) ui.speak([...notes.map(({ text }) => text), aloud(state, r, verdict(state, r))].join(" "));
    stale = false;
    frame.dataset.drawn = "yes";
  }

  /* Linear to logit and back: the corner unfolds before the eye. */
  function unfold() {
    const target = state.axes === "logit" ? 1 : 0,
      from = blend,
      begun = performance.now();
    const length = still() ? 0 : 500;
    const step = (now) => {
      const share = length ? clamp((now - begun) / length, 0, 1) : 1;
      blend = share === 1 ? target : from + (target - from) * share * share * (3 - 2 * share);
      stale = true;
      ask();
      if (share < 1 && target === (state.axes === "logit" ? 1 : 0)) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /* What lies at a place of the plane: a token that is near, else the two probabilities. */
  const at = (x, y) => {
    const left = clamp(x - MARGIN.left, 0, map.size),
      top = clamp(y - MARGIN.top, 0, map.size);
    const token = batch ? nearestToken(batch, state, map, left, top) : -1;
    return token < 0
      ? { q: onMap(map.x.invert(left)), p: onMap(map.y.invert(top)), token }
      : { q: onMap(batch.old[token]), p: onMap(batch.after[state.update][token]), token };
  };
  /* The cursor: a key moves it step by step, a hand to a token or a landmark that is near. */
  const cursor = () => ({
    label: "Cursor on the map, across the old probability, up the new one",
    words: `${spoken(state.old_p)} to ${spoken(state.new_p)}`,
    x: MARGIN.left + clamp(map.x(state.old_p), 0, map.size),
    y: MARGIN.top + clamp(map.y(state.new_p), 0, map.size),
    move: (left, top, keyed) => {
      hover = null;
      if (keyed)
        return {
          old_p: onMap(map.x.invert(left - MARGIN.left)),
          new_p: onMap(map.y.invert(top - MARGIN.top)),
          token: -1,
        };
      const { q, p, token } = at(left, top);
      const near =
        token < 0 &&
        LANDMARKS.find((mark) => Math.hypot(map.x(mark.old_p) - map.x(q), map.y(mark.new_p) - map.y(p)) < 9);
      return near
        ? { old_p: near.old_p, new_p: near.new_p, sign: near.sign, token: -1 }
        : { old_p: q, new_p: p, token };
    },
    next: ({ x, y }, [dx, dy], far) => {
      const step = ((far ? 8 : 1) * map.size) / (state.axes === "linear" ? 100 : 92);
      return { x: x + dx * step, y: y + dy * step };
    },
  });
  const grips = handling(ui.plane, { set });
  const look = (event) => {
    if (!map.x) return;
    const box = ui.plane.getBoundingClientRect();
    hover = event && at(event.clientX - box.left, event.clientY - box.top);
    ask();
  };
  ui.plane.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && !event.buttons) look(event);
  });
  ui.plane.addEventListener("pointerleave", () => look(null));

  KEYS.forEach((key) => model.on(`change:${key}`, adopt));
  const watcher = new ResizeObserver(() => {
    stale = true;
    ask();
  });
  watcher.observe(ui.plane);
  if (notes.length) set(state);
  window.addEventListener("hashchange", visit);
  visit();
  ask();
  return () => {
    window.removeEventListener("hashchange", visit);
    KEYS.forEach((key) => model.off(`change:${key}`, adopt));
    watcher.disconnect();
    cancelAnimationFrame(queued);
    clearTimeout(saving);
    grips.release();
    ui.release();
    release();
  };
}

/* Everything around the drawing. */
function buildControls(frame, map, { set, state, read }) {
  const begun = { ...DEFAULTS };
  const sign = choice({
    legend: "Sign of the advantage",
    options: [
      [1, "A > 0 ↑", "increase p"],
      [-1, "A < 0 ↓", "decrease p"],
    ],
    onChange: (value) => set({ sign: value }),
  });
  const axes = choice({
    legend: "Axes",
    options: [
      ["linear", "linear"],
      ["logit", "logit"],
    ],
    onChange: (value) => set({ axes: value }),
  });
  const board = h("div", { class: "plane" }, map.node);
  const facts = ["from q to p", "ratio r = p/q", "TV", "KL, nats"].map((text) => [text, h("dd")]);
  const ruling = h("b"),
    because = h("span");
  const judged = h("div", { class: "verdict" }, ruling, because);
  const methods = Object.entries(METHODS).map(([key, method]) => methodCard(key, method, set, state));
  const marks = LANDMARKS.map((mark) => [
    mark,
    button(mark.name, () => set({ old_p: mark.old_p, new_p: mark.new_p, sign: mark.sign, token: -1 })),
  ]);
  for (const [mark, pressed] of marks) pressed.append(h("span", { class: "more", text: ` ${mark.text}` }));
  const reset = button("reset", () => set(begun));
  const noted = h("ul", { class: "notes", hidden: true });
  const spoken = status();
  frame.append(
    h(
      "div",
      { class: "framed grid" },
      h(
        "p",
        { class: "top" },
        h("b", { text: "Which tokens may still learn?" }),
        h("span", { class: "aim", text: "Drag the dot: where a token was, and where it is now." }),
      ),
      h("div", { class: "board" }, board),
      read && read.el,
      h("div", { class: "judged" }, judged, noted),
      h("div", { class: "marks" }, ...marks.map(([, pressed]) => pressed), reset),
      h("dl", { class: "facts" }, ...facts.map(([text, dd]) => h("div", {}, h("dt", { text }), dd))),
      h("div", { class: "side" }, ...methods.map((card) => card.el)),
      drawer("more-settings", "More settings", h("div", { class: "head" }, sign.el, axes.el)),
    ),
    spoken.el,
  );
  return {
    plane: board,
    speak: spoken.speak,
    release: spoken.release,
    settings: (s, notes) => {
      sign.set(s.sign);
      axes.set(s.axes);
      methods.forEach((card) => card.settings(s));
      read?.settings(s);
      marks.forEach(([mark, pressed]) =>
        pressed.setAttribute("aria-pressed", String(mark.old_p === s.old_p && mark.new_p === s.new_p)),
      );
      noted.hidden = notes.length === 0;
      noted.replaceChildren(...notes.map(({ text }) => h("li", { text })));
    },
    token: (s, i) => read?.read(s, i),
    counts: (found, all) => methods.forEach((card) => card.count(found, all)),
    reading: (s, r) => {
      const values = [move(r.q, r.p), number(r.ratio), percent(r.tv), number(r.kl)];
      facts.forEach(([, dd], i) => say(dd, values[i]));
      const { tone, title, text } = verdict(s, r);
      judged.dataset.tone = tone;
      say(ruling, `${tone === "fail" ? "✕ " : ""}${title}`);
      say(because, text);
      methods.forEach((card) => card.reading(s, r));
    },
  };
}

function methodCard(key, method, set, state) {
  const toggle = tick({
    label: h(
      "span",
      { style: "display:flex;align-items:center;gap:8px" },
      sample(method.dash),
      h("span", { text: method.name }),
    ),
    spoken: `Show ${method.name}`,
    onChange: (on) =>
      set({ show: Object.keys(METHODS).filter((other) => (other === key ? on : state().show.includes(other))) }),
  });
  const kept = h("span", { class: "kept" }),
    total = h("p", { class: "total", hidden: true });
  const sliders = SLIDERS[key].map((spec) => [
    spec,
    ladder({
      ...spec,
      words: (value) =>
        `${setting(value)}${spec.acts && spec.acts !== state().sign ? ", acts only for the other sign of A" : ""}`,
      write: setting,
      onInput: (value) => set({ [spec.key]: value }),
    }),
  ]);
  const el = h(
    "div",
    { class: "method", style: `--hue: ${method.hue}` },
    h("div", { class: "row" }, toggle.el, kept),
    total,
    ...sliders.map(([, slider]) => slider.el),
  );
  return {
    el,
    settings: (s) => {
      const on = s.show.includes(key);
      toggle.input.checked = on;
      el.classList.toggle("off", !on);
      for (const [spec, slider] of sliders) {
        slider.set(s[spec.key]);
        slider.el.classList.toggle("idle", !on || (spec.acts !== undefined && spec.acts !== s.sign));
      }
    },
    count: (found, all) => {
      total.hidden = !(key in found);
      if (key in found) say(total, `clips ${found[key]} of the batch’s ${all} tokens`);
    },
    reading: (s, r) => {
      if (!(key in r.kept)) return;
      kept.dataset.kept = r.kept[key] ? "yes" : "no";
      say(kept, r.kept[key] ? `✓ keeps, w = ${number(r.ratio)} A` : `✕ clips, ${method.measured(r)}`);
    },
  };
}

export default { render };
