/* Three walls of tiles, the ring over their batches, what can be done, and the answer that is pointed at. It plays by itself to
   the batch at which it asks, and from there on when a wall has been tapped. */

import { button, clamp, h, ladder, say, still } from "../parts/common.js";
import { readable } from "../parts/handling.js";
import { KINDS, LAST, NAMES, PAUSE, answers, isOdd, percent } from "./words.js";

const NEXT = "02_why_trust_regions",
  PACE = 750, // milliseconds from batch to batch
  ACROSS = 8, // answers of a prompt
  WAYS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -ACROSS, ArrowDown: ACROSS, Home: -64, End: 64 };

export function walls(looks, { set, state, data }) {
  let picked = null, // [wall, tile] that a reader points at
    timer = 0,
    own = "", // what was guessed here
    begun = false;
  const each = data.lanes.map((lane, i) => wall(lane, i, looks[lane.look], { point, guess })),
    slider = ladder({
      label: "batch",
      spoken: "Batch that is shown",
      rungs: Array.from({ length: LAST }, (_, i) => i + 1),
      words: (batch) => `batch ${batch} of ${LAST}`,
      write: String,
      onInput: (batch) => {
        stop();
        data.told ||= batch === LAST;
        set({ batch });
      },
    }),
    asked = h("p", { class: "asked" }),
    bubble = h("div", { class: "bubble", "aria-hidden": "true" }), // the tiles themselves say it to a screen reader
    mark = h("span", { class: "mark" }),
    said = h("span", { class: "said" }),
    again = button("Did it happen again?", () => {
      data.again = !data.again;
      set({}, true);
    }),
    anew = button("Guess anew", () => {
      Object.assign(data, { told: false, again: false, friend: "" });
      picked = null;
      set({ guess: "", batch: 1 });
      play(PAUSE);
    }),
    on = /** @type {any} */ (document.querySelector(`a[href*="${NEXT}"]`))?.href, // on the front page
    doing = h("div", { class: "doing" }, on && h("a", { href: on, text: "Why?" }), again, anew),
    el = h(
      "div",
      { class: "read", "data-guess": "" },
      h("ul", { class: "walls" }, ...each.map(({ node }) => node)),
      doing,
      slider.el,
      h(
        "p",
        { class: "key" },
        ...[..."10-"].flatMap((is) => [tile(is), ` ${KINDS[is]} `]),
        h("span", { class: "before", text: "· One run each of SmolLM2." }),
        h("span", { class: "after", text: "· Tap a tile to read it." }),
      ),
    );
  bubble.append(asked, h("p", { class: "large" }, mark, said));
  /* On to a batch, one after the other; a hand that comes takes over. */
  function play(to) {
    stop();
    const step = () => {
      const next = state().batch + 1;
      if (!el.isConnected || next > to) return stop();
      data.told ||= next === LAST;
      set({ batch: next }, next < LAST);
      timer = setTimeout(step, PACE);
    };
    if (still()) return to === LAST ? end() : set({ batch: to });
    timer = setTimeout(step, PACE);
  }
  function guess(name) {
    if (data.told) return;
    own = name;
    picked = null; // the end quotes B
    set({ guess: name });
    play(LAST);
  }
  function point(to) {
    picked = to;
    set({}, true);
  }
  const stop = () => clearTimeout(timer),
    end = () => {
      stop();
      data.told = true;
      set({ batch: LAST });
    };
  /* It begins when it is seen, unless an address or a program says otherwise. */
  const seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    if (state().batch === 1) return play(PAUSE);
    data.told = true;
    point(null);
  });
  addEventListener("beforeprint", end, { once: true });
  return {
    el,
    update({ guess: guessed, batch }) {
      if (guessed && guessed !== own) {
        // what somebody guessed who sent the address
        stop();
        seen.disconnect();
        Object.assign(data, { friend: guessed, told: false, again: false });
        set({ guess: "", batch: PAUSE }, true);
      } else if (!begun && still() && batch === 1) set({ batch: PAUSE }, true);
      else if (!begun) seen.observe(slider.el);
      begun = true;
      slider.set(batch);
      el.dataset.guess = guessed;
      el.dataset.told = data.told ? "yes" : "no";
      again.setAttribute("aria-pressed", String(data.again));
      const [at, which] = picked ?? [1, 0],
        is = data.lanes[at].tiles[batch - 1][which],
        written = answers(data, at, batch - 1);
      each.forEach((one, i) =>
        one.show({ batch, guessed, told: data.told, all: data.each, on: i === at ? which : -1 }),
      );
      bubble.hidden = !data.told || !picked; // it would cover the walls' end
      each[at].say(bubble, which);
      each[at].read(`${which + 1}, ${KINDS[is]}: ${written[which] || "nothing"}`);
      say(asked, `${NAMES[at]} answers ${data.asked[batch - 1][Math.floor(which / ACROSS)]}`);
      say(mark, is === "1" ? "✓" : "✕");
      mark.dataset.is = is;
      const words = written[which].split(" ");
      said.replaceChildren(...words.flatMap((text) => [h(isOdd(text) ? "b" : "span", { text }), " "]));
    },
  };
}

const tile = (is, i = null) => h("i", { "data-tile": i, "data-is": is });

function wall(lane, i, look, { point, guess }) {
  const name = NAMES[i],
    tiles = Array.from(lane.tiles[0], (is, k) => tile(is, String(k))),
    share = h("b", { class: "share" }),
    called = h("span", { class: "called", text: look.name }),
    yours = h("span", { class: "yours", text: "your guess" }),
    tap = button(name, () => guess(name), { class: "tap", "aria-label": `Guess wall ${name}` }),
    plane = readable({ label: `Answers of wall ${name}`, last: tiles.length - 1, more: " tiles" }, tiles[0]),
    node = h(
      "li",
      { "data-wall": name },
      h("p", { class: "who" }, tap, share),
      h("p", { class: "names" }, called, yours),
      plane,
    );
  let on = 0;
  plane.append(...tiles.slice(1));
  node.style.setProperty("--hue", look.hue);
  const at = ({ clientX, clientY }) => {
    const box = plane.getBoundingClientRect(),
      part = (from, size) => clamp(Math.floor((ACROSS * from) / size), 0, ACROSS - 1);
    return ACROSS * part(clientY - box.top, box.height) + part(clientX - box.left, box.width);
  };
  for (const kind of ["pointermove", "pointerdown"]) plane.addEventListener(kind, (event) => point([i, at(event)]));
  plane.addEventListener("focus", () => plane.matches(":focus-visible") && point([i, Math.max(0, on)])); // by keyboard
  plane.addEventListener("click", () => guess(name));
  plane.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (way) point([i, clamp(on + way, 0, tiles.length - 1)]);
    else if (event.key === "Enter" || event.key === " ") guess(name);
    else return;
    event.preventDefault();
  });
  return {
    node,
    /* What a tile answers, beside it. */
    say(bubble, which) {
      const { offsetTop, offsetHeight } = tiles[which];
      if (bubble.parentNode !== node) node.append(bubble);
      bubble.style.top = `${plane.offsetTop + offsetTop + offsetHeight + 7}px`;
      bubble.dataset.of = name;
    },
    read: (text) => plane.setAttribute("aria-valuetext", text),
    show({ batch, guessed, told, all, on: chosen }) {
      if (chosen >= 0) on = chosen;
      plane.setAttribute("aria-valuenow", String(on));
      say(share, percent(lane.right[batch - 1] / all));
      called.style.visibility = told ? "" : "hidden";
      yours.hidden = guessed !== name;
      tap.setAttribute("aria-disabled", String(told)); // disabled, it would lose the focus
      const now = lane.tiles[batch - 1];
      tiles.forEach((one, k) => {
        if (one.dataset.is !== now[k]) one.dataset.is = now[k];
        one.classList.toggle("on", k === chosen);
      });
    },
  };
}
