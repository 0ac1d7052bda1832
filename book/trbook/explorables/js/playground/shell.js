/* What is seen of the playground: bar, lanes, pictures, question, code. */

import { button, choice, h, ladder, pick, prediction, replyTo, sample, say, status } from "../parts/common.js";
import { card, lineOf, small } from "./cards.js";
import { python } from "./code.js";
import { NAMES, sliderOf } from "./lanes.js";
import { PRESETS, VIEWS } from "./state.js";
import { answered, questionOf } from "./words.js";
import * as bands from "./views/bands.js";
import * as completions from "./views/completions.js";
import * as curves from "./views/curves.js";
import * as map from "./views/map.js";
import * as openers from "./views/openers.js";
import * as ratios from "./views/ratios.js";

/* The views by their names in the address; the curves are always seen, the others one at a time. */
const PICTURES = { curves, completions, map, ratios, openers, bands };

const MARKS = { calm: "", good: "✓ ", fail: "✕ " };

/* What is seen of a page. act: { tell(event), save(kind), load(file), reduced, play(), set(change), open() }. A chapter shows the
   reward, Play and one slider; the bench, with all the rest, opens by a press. */
export function buildControls(frame, host, act) {
  const spoken = status(300),
    cards = new Map(),
    lines = new Map();
  const play = button("", act.play, { class: "play" }),
    open = button("Open the bench", act.open, { class: "open" }),
    titled = h("b"),
    slid = h("div", { class: "slid" });
  const eight = button("Eight seeds", () => act.tell({ type: "seeds" })),
    addLane = button("Add a lane", () => act.tell({ type: "add" }));
  const seed = h("input", {
    type: "number",
    min: 0,
    max: 1000000,
    step: 1,
    "aria-label": "Seed",
    onchange: () => act.tell({ type: "seed", seed: seed.valueAsNumber }),
  });
  const presets = pick({
    label: "Try",
    spoken: "Preset",
    options: Object.entries(PRESETS).map(([name, { title }]) => [name, title]),
    onChange: (preset) => act.tell({ type: "preset", preset }),
  });
  const hint = h("p", { class: "hint" }),
    noted = h("ul", { class: "notes", hidden: true }),
    paused = h("p", { class: "paused", hidden: true, text: "Paused while this tab is in the background." });
  const asked = h("p", { class: "asked" }),
    guesses = h("div");
  const ruling = h("b"),
    because = h("span"),
    turned = status(),
    propose = () => {
      act.tell({ type: "add", settings: offered.settings });
      act.tell({ type: "play", on: true });
      play.focus({ preventScroll: true });
    },
    proposal = button("", propose, { class: "propose", hidden: true }),
    left = h("span", { class: "left" }),
    judged = h("div", { class: "verdict judging" }, h("p", {}, left, ruling, because), hint, proposal);
  let offered = null;
  const progress = h("progress", { max: 1, "aria-label": "Eight seeds", hidden: true }),
    lanesEl = h("div", { class: "lanes" });
  const prompt = h("input", {
    type: "text",
    "aria-label": "Your own prompt",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
  });
  const form = h(
    "form",
    {
      class: "own",
      onsubmit: (event) => {
        event.preventDefault();
        act.tell({ type: "ask", text: prompt.value });
      },
    },
    h("span", { text: "Your own prompt" }),
    prompt,
    h("button", { type: "submit", text: "Sample eight" }),
  );
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const shown = choice({
    legend: "Picture",
    options: Object.entries(VIEWS),
    onChange: (view) => act.tell({ type: "view", view }),
  });
  const pictures = pictured(act, spoken.speak);
  const code = coded();
  const pin = button("Pin these curves", () => act.tell({ type: "pin" }), {
      class: "pinning",
      title: "They stay, faint, while other lanes learn",
    }),
    unpin = button("Unpin", () => act.tell({ type: "unpin" }));
  const file = h("input", {
    type: "file",
    accept: ".json,application/json",
    "aria-label": "Load a saved run",
    onchange: async () => {
      const [chosen] = file.files;
      if (chosen) act.load(chosen);
      file.value = "";
    },
  });
  const board = h(
    "div",
    { class: "pg", "data-bench": act.bench, "data-idle": true },
    h("p", { class: "top" }, titled),
    h("div", { class: "question" }, asked, guesses),
    h(
      "div",
      { class: "steer" },
      h(
        "div",
        { class: "bar" },
        play,
        button("One batch", () => act.tell({ type: "once", what: "batch" })),
        button("One update", () => act.tell({ type: "once", what: "update" })),
        button("Reset", () => act.tell({ type: "reset" })),
        presets.el,
        slid,
      ),
      paused,
      noted,
    ),
    h(
      "div",
      { class: "hands" },
      h("div", { class: "curving" }, pictures.curves.el),
      judged,
      h(
        "div",
        { class: "laning" },
        lanesEl,
        h(
          "div",
          { class: "row" },
          addLane,
          pin,
          unpin,
          eight,
          h("label", { class: "seeded" }, "seed ", seed),
          progress,
        ),
      ),
    ),
    h("div", { class: "chosen" }, shown.el, ...Object.values(pictures.others).map(({ el }) => el)),
    pictures.below,
    open,
    h("div", { class: "asking" }, form, trouble),
    h(
      "div",
      { class: "foot" },
      code.el,
      h(
        "details",
        { class: "files" },
        h("summary", { text: "Keep this run" }),
        button("Save as CSV", () => act.save("csv")),
        button("Save as JSON", () => act.save("json")),
        h("label", { class: "load" }, "or load a saved one: ", file),
      ),
    ),
  );
  frame.append(board, spoken.el, turned.el);
  const actions = (name) => ({
    change: (settings) => act.tell({ type: "change", lane: name, settings }),
    remove: () => {
      act.tell({ type: "remove", lane: name });
      play.focus();
    },
    reset: () => act.tell({ type: "resetLane", lane: name }),
  });
  const rule = ({ tone, title, text, offer }) => {
    judged.dataset.tone = tone;
    say(ruling, `${MARKS[tone]}${title}`);
    say(because, text);
    offered = offer;
    proposal.hidden = !offered;
    if (offered) say(proposal, offered.text);
    turned.speak(tone === "calm" ? "" : `${title}. ${offered?.text ?? ""}`); // once
  };
  let question = "",
    predicted = null;
  const ask = ({ options }) => {
    predicted?.said.remove();
    predicted = prediction(options, (guess) => act.tell({ type: "guess", guess }));
    guesses.replaceChildren(predicted.list);
    judged.append(predicted.said);
  };
  /* The one slider of a chapter. */
  let only = null;
  const slide = (preset, lanes, looks) => {
    const one = sliderOf(preset, lanes);
    if (one && only?.of !== `${one.name} ${one.label}`) {
      const { name, key, label, spoken, rungs } = one;
      const made = ladder({
        label,
        spoken,
        rungs,
        words: small,
        write: small,
        onEnd: (value) => act.set({ lane: name, settings: { [key]: value } }),
      });
      only = { of: `${name} ${label}`, ...made };
      slid.replaceChildren(sample(looks.find((lane) => lane.name === name).dash), made.el);
    }
    slid.hidden = !one;
    if (!one) return;
    slid.style.setProperty("--hue", looks.find((lane) => lane.name === one.name).colour);
    only.set(lanes[one.name][one.key]);
  };
  /* A line of the page for each lane; its card comes and goes a frame later. Those that stay are as they were. */
  const lineUp = (lanes) => {
    addLane.hidden = lanes.length === NAMES.length;
    for (const [name, line] of lines) {
      if (lanes.some((lane) => lane.name === name)) continue;
      line.el.remove();
      lines.delete(name);
    }
    for (const { name } of lanes) {
      if (lines.has(name)) continue;
      lines.set(name, lineOf(name));
      host.append(lines.get(name).el);
    }
  };
  return {
    speak: spoken.speak,
    focus: () => play.focus({ preventScroll: true }),
    sized: pictures.curves.view.sized,
    /* A part at a time: after each the page has a frame of its own. Only what changed is written. now(): the state as it
       is when a part is drawn; a slider may have moved since the first. */
    *draw({ state, now, lanes, pinned, preset, applies, recorded, seeding, verdict, bench }) {
      const { playing, notes, pinned: all, revealed: known } = state,
        own = applies && preset.question,
        asks = own || questionOf(preset, lanes),
        guess = asks.options.some(([value]) => value === state.guess) ? state.guess : null;
      board.toggleAttribute("data-bench", bench);
      board.toggleAttribute("data-own", state.preset === "own");
      open.hidden = bench;
      say(titled, bench ? "Playground" : preset.title.replace(/^(chapter \d+|quickstart|gallery): /, ""));
      if (!bench) slide(preset, now().lanes, lanes);
      board.toggleAttribute(
        "data-idle",
        !playing &&
          all.every((one) => one.recorded) &&
          Object.values(state.runs).every(({ rows, answers }) => !rows.length && !answers),
      );
      say(play, playing ? "Pause" : "Play");
      play.setAttribute("aria-pressed", String(playing));
      presets.set(state.preset);
      say(hint, `What to notice: ${preset.text}`);
      const other = question !== (question = JSON.stringify(asks.options));
      if (other) ask(asks);
      guesses.hidden = asked.hidden = !own && lanes.length < 2;
      say(asked, `Predict: ${asks.text}`);
      const reply = recorded ? asks : answered({ ...preset, question: asks }, lanes);
      const later = `Noted. After ${preset.batches} batches, or eight seeds, the answer appears here.`;
      if (guess === null) predicted.show(null, "");
      else predicted.show(guess, ...(known && reply.right ? replyTo(reply, guess) : [later]));
      pin.disabled = !lanes.some(({ count }) => count);
      unpin.hidden = all.every((one) => one.recorded);
      say(eight, seeding === null ? `Eight seeds, ${preset.batches} batches` : "Stop the seeds");
      progress.hidden = seeding === null;
      if (seeding !== null) progress.value = seeding;
      if (frame.getRootNode().activeElement !== seed && seed.value !== String(state.seed)) seed.value = state.seed;
      say(left, remaining(state, lanes));
      paused.hidden = !(playing && document.hidden);
      noted.hidden = !notes.length;
      if (noted.textContent !== notes.join("")) noted.replaceChildren(...notes.map((text) => h("li", { text })));
      lineUp(lanes);
      for (const lane of lanes) lines.get(lane.name).tell(state.lanes[lane.name], lane);
      if (other) yield;
      pictures.curves.view.draw(lanes, pinned);
      yield;
      rule(verdict);
      if (!bench) return;
      for (const [name, { el }] of cards) {
        if (lines.has(name)) continue;
        el.remove();
        cards.delete(name);
        yield;
      }
      for (const [i, lane] of lanes.entries()) {
        const { name, why } = lane;
        lines.get(name).tell(now().lanes[name], lane); // as its card says it
        if (!cards.has(name)) {
          cards.set(name, card(name, actions(name)));
          lanesEl.insertBefore(cards.get(name).el, lanesEl.children[i] ?? null);
        }
        yield* cards.get(name).update(now().lanes[name], lanes.length === 1, why, lane);
      }
      const latest = now();
      trouble.hidden = !latest.fault;
      say(trouble, latest.fault);
      if (frame.getRootNode().activeElement !== prompt && prompt.value !== latest.prompt) prompt.value = latest.prompt;
      shown.set(latest.view);
      code.update(latest, lanes, preset);
      pictures.draw(latest.view, lanes);
    },
    release() {
      spoken.release();
      turned.release();
      pictures.release();
    },
  };
}

/* How long the rest takes, in words, from how long a lane's batches have taken. */
function remaining({ playing, until, cores }, lanes) {
  const going = lanes.filter(({ why, count }) => !why && count < until),
    known = going.map(({ ms }) => ms).filter((ms) => ms !== null);
  if (!playing || !known.length || !Number.isFinite(until)) return "";
  const each = known.reduce((sum, ms) => sum + ms, 0) / known.length,
    batches = going.reduce((sum, { count }) => sum + until - count, 0);
  const seconds = (each * batches) / Math.min(cores, going.length) / 1000;
  return `about ${seconds < 90 ? `${Math.max(1, seconds < 10 ? Math.round(seconds) : 5 * Math.round(seconds / 5))} s` : `${Math.round(seconds / 60)} minutes`} left`;
}

/* The curves, and one of the others: only what is seen is drawn, and made when it is first seen. */
function pictured({ reduced, changed }, speak) {
  const framed = ([name, { title, about }]) => {
    const root = h("div", { class: "view" }),
      el = h(
        "figure",
        { class: `picture ${name}`, hidden: true },
        about && h("figcaption", {}, h("b", { text: title }), h("span", { text: ` ${about}` })),
        root,
      );
    return [name, { el, root, view: null }];
  };
  const all = Object.fromEntries(Object.entries(PICTURES).map(framed)),
    { curves, ...others } = all,
    four = h("div", { class: "pv" }),
    below = h(
      "figure",
      { class: "picture curves below" },
      h(
        "figcaption",
        {},
        h("b", { text: "What else it does" }),
        h("span", { text: " A flag is a batch from which a lane was set otherwise." }),
      ),
      four,
    );
  const make = (name) => {
    const { root } = all[name];
    root.classList.add("pv");
    all[name].view ??= PICTURES[name].create(root, { say: speak, reduced, changed, below: four });
  };
  make("curves");
  curves.el.hidden = false;
  return {
    curves,
    others,
    below,
    draw(chosen, lanes) {
      for (const [name, { el }] of Object.entries(others)) el.hidden = name !== chosen;
      make(chosen);
      others[chosen].view.draw(lanes);
    },
    release() {
      for (const { view } of Object.values(all)) view?.free();
    },
  };
}

/* The lane in Python, always as it is set now. */
function coded() {
  const text = h("code"),
    copied = h("span", { role: "status" });
  const lane = h("select", { "aria-label": "Lane", onchange: () => now && update(...now) });
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      say(copied, "Copied.");
    } catch {
      getSelection().selectAllChildren(text);
      say(copied, "Marked: copy it by keyboard.");
    }
    setTimeout(() => say(copied, ""), 4000);
  });
  const el = h(
    "details",
    { class: "code" },
    h("summary", { text: "The same in Python" }),
    h("div", { class: "row" }, h("span", { text: "lane" }), lane, copy, copied),
    h("pre", { tabindex: 0, "aria-label": "Python" }, text),
  );
  let now = null,
    written = [];
  function update(state, lanes, preset) {
    now = [state, lanes, preset];
    const names = lanes.map(({ name }) => name);
    if ([...lane.options].map(({ value }) => value).join() !== names.join()) {
      const kept = lane.value;
      lane.replaceChildren(...names.map((name) => h("option", { value: name, text: name.toUpperCase() })));
      lane.value = names.includes(kept) ? kept : names[0];
    }
    const asked = [state.lanes[lane.value], state.seed, preset.batches];
    if (asked.every((one, i) => one === written[i])) return;
    written = asked;
    say(text, python(asked[0], { seed: state.seed, batches: preset.batches }));
  }
  return { el, update };
}
