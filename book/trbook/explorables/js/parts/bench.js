/* bench: what a small explorable does like every other. It keeps the settings possible and says what it changed, writes
   them into the page's address, offers presets and one prediction, draws at most once a frame, and speaks its verdict.

   An explorable gives:
     name       as its file and its mark in the address (#name:key=value)
     title      what the figure is called, above it
     style      its own CSS
     settings   by key, one of:
                  { label, spoken, rungs, low, high, why, write }   a slider over the rungs; kept in [low, high], which
                                                                         are the ends of the rungs if nothing else is said
                  { legend, choices: [[value, text, more]] }             one of several
                  { ticks: [[value, text, hue, dash]], most, alias,
                    few, others }                                        any of several, at least one, by other names too;
                                                                         those that are not in `few` open at a press of `others`
                  { low, high, why }                                     a number that is only dragged
                  { label, check(value) -> value or undefined,
                    list(state) -> [[value, text]] }                     one of many, as a list to open
                  { check(value) -> value or undefined }                 anything else
                `whole`: what a number counts, one by one; `shown(state)`: whether its control matters now; `ends(state)`: how far its
                slider goes now; `fold`: it is one of the settings that open on demand, as all are but the first slider and the first choice
     limit      (state, data) -> [[key, value, why]]: what two settings together make impossible (optional)
     follow     (state, before, data) -> settings that go with what has changed, without a note (optional)
     data       (model) -> what the figure draws, where it is not packed (optional)
     presets    [{ name, text, state }]; the text says what to notice; those that fail come first, and one is in
                sight, or `inSight`; the other settings are the first ones, or with `inPlace` those that stand (optional)
     question   { text, options: [[value, text]], right: value or (data) => value, why, state } (optional)
     read       (state, data) -> { verdict: calm(title, text) or fail(title, text), facts: [[name, text, hue, dash]], ... }; with a
                dash a fact is the key to its line
     board      ({ set }) -> { node, height(width, state, data), draw(state, reading, { width, height }, data) }; node is one svg
     handles    (state, reading, size, data, the board) -> [{ label, words, x, y, move(x, y, keyed) -> settings }] in pixels of the board;
                next({ x, y }, way, shift) -> { x, y }: where an arrow key leads, if it is not a few pixels on (optional)
     extra      ({ set, data, state(), board }) -> { el, update(state, reading) }: more beside the board (optional);
                set(settings, true): in passing, and not into the address
     extraFold  what `extra` is called where it opens on demand (optional)
     passedOn   (state) -> what of it the address says, where that is not all (optional)
     hint       the one thing to do, a sentence below the title
     openers    { name: { control, choose: { legend, options: [[text, state]] }, verdict(state, reading), ... } }: smaller forms
                for a chapter's first screen, each with one control (that of a setting, or one that chooses between states,
                or what is dragged) and the verdict in large type; what else is given, such as `board`, stands in the place
                of the figure's own (optional)
     opener     whether the figure is that small by itself, with a `control` of its own (optional)
   What depends on packed data, `settings`, `presets` or `question`, may be a function of them; the latter two also
   of the first state. */

import { button, choice, drawer, h, ladder, pick, say, status, tick } from "./controls.js";
import { clamp } from "../maths/plain.js";
import { setting as written } from "./numbers.js";
import { handling } from "./handling.js";
import { prediction, replyTo } from "./predict.js";
import { addressed, read as readAddress, write as writeAddress } from "./address.js";
import { stage } from "./theme.js";
import bare from "./bench.css";

/* The spec goes along, for tests outside of a browser. */
export const bench = (spec) => ({ spec, render: ({ model, el }) => open(spec, model, el) });

const ofData = (part, ...given) => (typeof part === "function" ? part(...given) : part);

/* A figure as one of its openers. */
function small(spec, name) {
  const own = spec.openers?.[name],
    dragged = own && !own.control && !own.choose;
  return own
    ? {
        ...spec,
        presets: [],
        question: null,
        extra: null,
        ...own,
        opener: true,
        handles: dragged ? spec.handles : null,
      }
    : spec;
}

function open(whole, model, el) {
  const given = whole.opener ? whole : small(whole, model.get("opener"));
  const { frame, release } = stage(el, bare + (given.style ?? ""), given.title);
  const packed = model.get("_data"),
    data = given.data?.(model) ?? (packed ? JSON.parse(packed) : null);
  const spec = {
    ...given,
    settings: ofData(given.settings, data),
  };
  const keys = Object.keys(spec.settings);
  const raw = () => Object.fromEntries(keys.map((key) => [key, model.get(key)]));
  const first = possible(spec, raw(), null, data).state;
  spec.presets = ofData(given.presets, data, first) ?? [];
  spec.question = ofData(given.question, data, first);
  let { state, notes } = possible(spec, raw(), first, data);
  let queued = 0,
    saving = 0,
    adopting = false,
    arrived = false;

  const settle = (changes) => {
    adopting = true;
    for (const [key, value] of Object.entries(changes)) if (!same(model.get(key), value)) model.set(key, value);
    adopting = false;
  };
  const adopt = (told = []) => {
    if (adopting) return;
    const given = raw(),
      sane = possible(spec, given, first, data);
    const standing = notes.filter(
      ({ key }) => same(given[key], state[key]) && !sane.notes.some((note) => note.key === key),
    );
    notes = [...told, ...(told.length ? [] : standing), ...sane.notes];
    state = { ...sane.state, ...spec.follow?.(sane.state, state, data) };
    settle(state);
    ask();
  };
  const set = (changes, passing = false) => {
    notes = notes.filter(({ key }) => !(key in changes));
    settle(changes);
    adopt();
    clearTimeout(saving);
    if (passing) return; // it moves by itself, and the address is the reader's
    saving = setTimeout(() => {
      model.save_changes();
      writeAddress(home, spec.name, spec.passedOn?.(state) ?? state, first);
    }, 150);
  };
  const visit = () => {
    const found = readAddress(home, spec.name, keys);
    if (!found) return false;
    notes = []; // what an earlier address got wrong
    settle({ ...first, ...found.values });
    adopt(found.notes);
    return true;
  };
  const ask = () => {
    queued ||= requestAnimationFrame(draw);
  };
  const home = addressed(el, spec.name);
  const ui = buildControls(spec, frame, data, {
    set,
    state: () => state,
    guessed: () => set({ ...first, ...spec.question.state }),
    preselect: (chosen) => set(spec.inPlace ? chosen : { ...first, ...chosen }),
    reset: () => {
      notes = [];
      set(first);
    },
  });

  function draw() {
    queued = 0;
    const width = ui.plane.clientWidth;
    if (!width) return;
    const reading = spec.read(state, data),
      size = { width, height: Math.round(spec.height?.(width) ?? ui.board.height(width, state, data)) };
    ui.board.draw(state, reading, size, data);
    ui.plane.style.height = `${size.height}px`;
    ui.grips.place(spec.handles?.(state, reading, size, data, ui.board) ?? []);
    ui.show(state, reading, notes, !same(state, first));
    frame.dataset.drawn = "yes";
    if (arrived) frame.scrollIntoView({ block: "start", behavior: "instant" }); // when it has its height
    arrived = false;
  }

  const changed = () => adopt(),
    follow = () => visit();
  keys.forEach((key) => model.on(`change:${key}`, changed));
  const watcher = new ResizeObserver(ask);
  watcher.observe(ui.plane);
  if (home) {
    window.addEventListener("hashchange", follow);
    arrived = visit();
  }
  settle(state);
  ask();
  return () => {
    keys.forEach((key) => model.off(`change:${key}`, changed));
    window.removeEventListener("hashchange", follow);
    watcher.disconnect();
    cancelAnimationFrame(queued);
    clearTimeout(saving);
    ui.release();
    release();
  };
}

export const same = (a, b) => Object.is(a, b) || JSON.stringify(a) === JSON.stringify(b);

/* Settings as they came -> { state, notes }: what is impossible becomes the nearest that is possible, and is told. */
export function possible(spec, raw, first, data) {
  const state = {},
    notes = [];
  for (const [key, own] of Object.entries(spec.settings)) {
    const [value, why] = one(own, raw[key]);
    state[key] = value === undefined ? (first?.[key] ?? fallback(own)) : value;
    if (why)
      notes.push({
        key,
        text: `${own.label ?? own.legend ?? key} = ${cut(JSON.stringify(raw[key]) ?? "nothing")} is impossible: ${why}`,
      });
  }
  for (const [key, value, why] of spec.limit?.(state, data) ?? []) {
    state[key] = value;
    notes.push({ key, text: why });
  }
  return { state, notes };
}

const cut = (text) => (text.length > 80 ? `${text.slice(0, 80)}…` : text); // an address may hold any number of letters

function one(own, value) {
  if (own.check) {
    const found = own.check(value);
    return [found, found === undefined ? own.why : null];
  }
  if (own.choices) {
    const known = own.choices.map(([choice]) => choice), // an address reads the text "4" as a number
      found = known.find(
        (choice) => choice === value || (typeof value !== "object" && String(choice) === String(value)),
      );
    return [found, found === undefined ? `it is none of ${known.join(", ")}.` : null];
  }
  if (own.ticks) {
    const known = own.ticks.map(([name]) => name),
      named = Array.isArray(value) ? value.map((name) => own.alias?.[name] ?? name) : [],
      kept = known.filter((name) => named.includes(name));
    if (!kept.length) return [undefined, `one of ${known.join(", ")} is needed.`];
    return kept.length > (own.most ?? Infinity)
      ? [kept.slice(0, own.most), `at most ${own.most} can be shown.`]
      : [kept];
  }
  if (typeof value !== "number" || !Number.isFinite(value)) return [undefined, "it is no number."];
  const { rungs, low = rungs[0], high = rungs.at(-1) } = own,
    inside = clamp(value, low, high),
    near = own.whole ? Math.round(inside) : inside;
  if (inside !== value) return [near, own.why ?? `it lies between ${low} and ${high}.`];
  return [near, near === value ? null : `${own.whole} are whole.`];
}

const fallback = (own) =>
  own.choices?.[0][0] ?? (own.ticks ? own.ticks.slice(0, own.most).map(([name]) => name) : (own.rungs?.[0] ?? own.low));

/* Everything around the drawing. */
function buildControls(spec, frame, data, { set, state, guessed, preselect, reset }) {
  const controls = Object.entries(spec.settings)
    .filter(([key]) => !spec.opener || key === spec.control)
    .map(([key, own]) => control(key, own, { set, state }))
    .filter(Boolean);
  if (spec.choose) controls.push(chooser(spec.choose, set));
  const open = controls.filter(({ own }) => spec.opener || !own.fold),
    seen = [open.find(({ own }) => own.rungs), open.find(({ own }) => !own.rungs)].filter(Boolean);
  const placed = (wanted) => controls.filter(wanted).map(({ el }) => el);
  const folded = placed((one) => !seen.includes(one));
  const board = spec.board({ set }),
    plane = h("div", { class: "plane" }, board.node);
  const grips = handling(plane, { set });
  const ruling = h("b"),
    because = h("span"),
    judged = h("div", { class: "verdict" }, ruling, because);
  const facts = h("dl", { class: "facts" }),
    noted = h("ul", { class: "notes", hidden: true }),
    spoken = status();
  const more = spec.extra?.({ set, data, state, board });
  const presets = spec.presets.map((preset) => [
    preset,
    button(preset.name, () => {
      asked = true;
      preselect(preset.state);
    }),
  ]);
  const again = button("reset", () => (asking?.clear(), reset()), { class: "reset" });
  const fails = ([{ name }]) => Number(name.startsWith("make it fail")), // what teaches most is in sight
    pressable = [...presets].sort((a, b) => fails(b) - fails(a)).map(([, pressed]) => pressed),
    others = pressable.splice(spec.inSight ?? 1);
  const tried = h("div", { class: "try" }, h("div", { class: "marks" }, ...pressable, again));
  if (others.length) folded.unshift(h("div", { class: "marks" }, ...others));
  let asked = false; // a preset has been pressed
  const hint = h("p", { class: "hint", hidden: true });
  const asking = spec.question && asks({ ...spec.question, right: ofData(spec.question.right, data) }, guessed);
  frame.append(
    h(
      "div",
      {
        class: `framed bench${spec.opener ? ` opener${spec.handles ? " dragged" : ""}` : ""}`,
      },
      !spec.opener &&
        h(
          "p",
          { class: "top" },
          h("b", { text: spec.title }),
          spec.hint && h("span", { class: "aim", text: spec.hint }),
        ),
      asking?.el,
      h("div", { class: "head" }, ...placed((one) => seen.includes(one) && one.own.choices)),
      h("div", { class: "board" }, plane),
      spec.opener && spec.handles && h("p", { class: "aim", text: spec.hint }),
      h("div", { class: "side" }, ...placed((one) => seen.includes(one) && !one.own.choices)),
      h("div", { class: "judged" }, judged, noted),
      !spec.opener && facts,
      more && h("div", { class: "extra" }, spec.extraFold ? drawer("tabled", spec.extraFold, more.el) : more.el),
      !spec.opener && tried,
      !spec.opener && hint,
      folded.length && drawer("more-settings", "More settings", ...folded),
    ),
    spoken.el,
  );
  return {
    board,
    plane,
    grips,
    release: () => {
      spoken.release();
      grips.release();
    },
    show(state, reading, notes, differs) {
      controls.forEach((one) => one.update(state));
      more?.update(state, reading);
      const { tone, title, text } = spec.verdict?.(state, reading) ?? reading.verdict;
      judged.dataset.tone = tone;
      say(ruling, `${tone === "fail" ? "✕ " : ""}${title}`);
      say(because, text);
      if (facts.children.length !== reading.facts.length)
        facts.replaceChildren(...reading.facts.map(() => h("div", {}, h("dt", {}, h("span"), h("span")), h("dd"))));
      reading.facts.forEach(([name, value, hue, dash], i) => {
        const [dt, dd] = facts.children[i].children;
        say(dt.lastChild, name);
        dt.style.color = hue ?? "";
        if (dash !== undefined && dt.dataset.dash !== dash) {
          dt.dataset.dash = dash;
          dt.firstChild.replaceChildren(sample(dash));
        }
        dt.firstChild.hidden = dash === undefined;
        say(dd, value);
      });
      noted.hidden = notes.length === 0;
      if (noted.textContent !== notes.map(({ text }) => text).join(""))
        noted.replaceChildren(...notes.map(({ text }) => h("li", { text })));
      const pressed = presets.find(([preset]) =>
        Object.entries(preset.state).every(([key, value]) => same(value, state[key])),
      );
      again.hidden = !differs && !asking?.said();
      presets.forEach((pair) => pair[1].setAttribute("aria-pressed", String(pair === pressed)));
      hint.hidden = !pressed || !(asked || differs);
      say(hint, pressed?.[0].text ?? "");
      spoken.speak(
        [
          ...notes.map(({ text }) => text),
          asking?.said(),
          `${title}. ${text}`,
          ...(spec.opener ? [] : reading.facts).map(([name, value]) => `${name}: ${value}.`),
        ].join(" "),
      );
    },
  };
}

/* The question of a figure. The reply stands where the answers stood; guessed() is called after each choice. */
function asks(question, guessed) {
  const { list, said, show } = prediction(question.options, (guess) => {
    el.open = true;
    turn(guess, ...replyTo(question, guess));
    again.focus({ preventScroll: true });
    guessed();
  });
  const again = button("choose again", () => (turn(null, ""), list.firstChild.focus())),
    done = button("close", () => (el.open = false)),
    replied = h("div", { class: "replied", hidden: true }, said, h("div", { class: "marks" }, again, done)),
    el = drawer("ask", `Predict: ${question.text}`, list, replied);
  function turn(guess, ...words) {
    show(guess, ...words);
    list.hidden = guess !== null;
    replied.hidden = guess === null;
  }
  return { el, said: () => said.textContent, clear: () => turn(null, "") };
}

/* Between states that have names. */
function chooser({ legend, options }, set) {
  const made = choice({
    legend,
    options: options.map(([text], i) => [i, text]),
    onChange: (i) => set(options[i][1]),
  });
  const holds = (state, [, own]) => Object.entries(own).every(([key, value]) => same(value, state[key]));
  return {
    own: { choices: options },
    el: made.el,
    update: (state) => made.set(options.findIndex((one) => holds(state, one))),
  };
}

/* One setting's control, or nothing for a number that is only dragged. */
function control(key, own, { set, state }) {
  const onChange = (value) => set({ [key]: value });
  const following = (made) => ({
    own,
    el: made.el,
    update: (s) => {
      made.set(s[key], own.list?.(s) ?? own.ends?.(s));
      made.el.hidden = !(own.shown?.(s) ?? true);
    },
  });
  if (own.choices) {
    return following(choice({ legend: own.legend, options: own.choices, onChange }));
  }
  if (own.ticks) {
    const made = own.ticks.map(([value, text, hue, dash]) => [
      value,
      tick({
        label: h("span", { class: "lined" }, sample(dash), h("span", { text })),
        spoken: `Show ${text}`,
        onChange: (on) =>
          set({
            [key]: own.ticks
              .map(([name]) => name)
              .filter((name) => (name === value ? on : state()[key].includes(name))),
          }),
      }),
      hue,
    ]);
    for (const [, { el }, hue] of made) if (hue) el.style.setProperty("--hue", hue);
    const ticks = h("div", { class: "ticks", role: "group", "aria-label": own.legend ?? key });
    let all = false;
    const unfold = () => {
      all = !all;
      others.setAttribute("aria-expanded", String(all));
      ticks.toggleAttribute("data-all", all);
      set({});
    };
    const others = button(own.others, unfold, { "aria-expanded": "false" });
    ticks.append(...made.map(([, { el }]) => el), ...(own.few ? [others] : []));
    return {
      own,
      el: ticks,
      update: (s) =>
        made.forEach(([value, { input, el }]) => {
          input.checked = s[key].includes(value);
          el.hidden = !(all || input.checked || !own.few || own.few.includes(value));
        }),
    };
  }
  if (own.list) {
    return following(pick({ label: own.label, onChange }));
  }
  if (!own.rungs) return null;
  const write = own.write ?? written;
  const { label, spoken = label, rungs } = own;
  return following(ladder({ label, spoken, rungs, words: write, write, onInput: onChange }));
}

/* The line that a method is drawn with, beside its name. */
export function sample(dash) {
  const span = h("span", { class: "sample" });
  span.innerHTML = `<svg width="30" height="10" aria-hidden="true"><path d="M0 5H30" stroke="currentColor" stroke-width="2.4"${dash ? ` stroke-dasharray="${dash}"` : ""}/></svg>`;
  return span;
}
