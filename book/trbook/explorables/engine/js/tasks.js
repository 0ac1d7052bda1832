/* The embedded tasks: prompts from a random stream, and verifiers with trlib's reasons and words. */

import { draw } from "./random.js";
import { Tales } from "./tales.js";

const isNumber = (word) => /^[0-9]+$/.test(word);
const wrong = (reason, detail) => ({ reward: 0, reason, detail });
const NO_END = wrong("no end", "the token limit came before the end token");
const RIGHT = { reward: 1, reason: "right", detail: "" };

/* [low, high] from such a pair, or from one number that is both. */
const span = (value) => (Array.isArray(value) ? value : [value, value]);

const TURNS = [1, 2, 3, 4, 5, -1, -2, -3, -4, -5];
const modulo = (x, n) => ((x % n) + n) % n;
/** @type {[string, (x: number, n: number) => number][]} */
const RULES = [
  ...TURNS.map((k) => /** @type {any} */ ([k > 0 ? `+${k}` : String(k), (x, n) => modulo(x + k, n)])),
  ["x3", (x, n) => (3 * x) % n],
  ["x7", (x, n) => (7 * x) % n],
  ["flip", (x, n) => n - 1 - x],
  ["pair", (x) => x ^ 1],
  ["half", (x) => x >> 1],
  ["sq", (x, n) => (x * x) % n],
];
const MOVES = new Map(RULES);

/* First words of completions that write every place, trlib.tasks.dial's. */
export const CAREFUL = (
  "slowly carefully stepwise compute plan trace follow walk count unfold work watch turn track derive " +
  "reason patiently gradually think check write proceed unroll ponder"
).split(" ");

/* Turn a dial in your head: `7 : +3 x7 flip =` is answered by any completion that ends with `so` and the place. */
export class Dial {
  maxTokens = 16;

  constructor({ moves = 5, positions = 20 } = {}) {
    this.moves = span(moves);
    this.positions = positions;
  }

  prompt(random) {
    const [low, high] = this.moves,
      count = low + draw(random, high - low + 1),
      names = [...MOVES.keys()];
    const start = draw(random, this.positions);
    const moves = Array.from({ length: count }, () => names[draw(random, names.length)]);
    return this.read(`${start} : ${moves.join(" ")} =`);
  }

  /* A prompt from its text. Throws where it is none. */
  read(text) {
    const words = text.trim().split(/\s+/),
      moves = words.slice(2, -1);
    const sound =
      words.length > 3 &&
      isNumber(words[0]) &&
      Number(words[0]) < this.positions &&
      words[1] === ":" &&
      words.at(-1) === "=" &&
      moves.every((move) => MOVES.has(move));
    if (!sound) {
      throw new RangeError(
        `prompt: expected a start below ${this.positions}, \`:\`, moves and \`=\` as in ` +
          `'7 : +3 flip =', got '${text}'`,
      );
    }
    const places = [];
    let place = Number(words[0]);
    for (const move of moves) places.push((place = MOVES.get(move)(place, this.positions)));
    return {
      text: words.join(" "),
      words,
      moves,
      places,
      answer: String(place),
      difficulty: moves.length,
    };
  }

  verify(prompt, words, ended) {
    if (!ended) return NO_END;
    if (words.length < 2 || words.at(-2) !== "so" || !isNumber(words.at(-1))) {
      return wrong("bad format", "expected `so` and a number at the end");
    }
    return words.at(-1) === prompt.answer ? RIGHT : this.#wrong(prompt, words);
  }

  #wrong({ places, moves, answer }, words) {
    for (const [i, word] of words.slice(0, -2).filter(isNumber).entries()) {
      if (i >= places.length) return wrong("bad arithmetic", `${word} is written after the last move`);
      if (word !== String(places[i])) {
        return wrong("bad arithmetic", `after ${moves[i]} the dial is at ${places[i]}, not ${word}`);
      }
    }
    return wrong("wrong answer", `the dial ends at ${answer}, not ${words.at(-1)}`);
  }
}

/* Spend an amount to the last coin: `37 :` is answered by spendings, each with what is left, that land on 0. */
export class Spend {
  maxTokens = 32;

  constructor({ amount = [12, 40], most = 9 } = {}) {
    this.amount = span(amount);
    this.most = most;
  }

  prompt(random) {
    const [low, high] = this.amount;
    return this.read(`${low + draw(random, high - low + 1)} :`);
  }

  read(text) {
    const words = text.trim().split(/\s+/),
      amount = Number(words[0]);
    if (words.length !== 2 || words[1] !== ":" || !isNumber(words[0]) || amount < 1 || amount > 99) {
      throw new RangeError(`prompt: expected an amount from 1 to 99 and \`:\` as in '37 :', got '${text}'`);
    }
    return {
      text: words.join(" "),
      words,
      amount,
      answer: "0",
      difficulty: amount,
    };
  }

  verify(prompt, words, ended) {
    if (!ended) return NO_END;
    if (!words.length || words.length % 2) {
      return wrong("bad format", "expected pairs of a spending and what is left");
    }
    let left = prompt.amount;
    for (let i = 0; i < words.length; i += 2) {
      const found = this.#step(left, words[i], words[i + 1], words[i + 2]);
      if (found.reason) return found;
      left = found.after;
    }
    if (left === 0) return RIGHT;
    return wrong("wrong answer", left > 0 ? `${left} is left` : `${-left} more spent than there was`);
  }

  /* What is left after one spending, or what is wrong with it. */
  #step(left, spent, said, next) {
    const size = spent.startsWith("-") && isNumber(spent.slice(1)) ? Number(spent.slice(1)) : 0;
    if (size < 1 || size > this.most) {
      return wrong("bad format", `expected a spending from -1 to -${this.most}, got ${spent}`);
    }
    if (said !== "bust" && !isNumber(said)) {
      return wrong("bad format", `expected what is left after ${spent}, got ${said}`);
    }
    const after = left - size,
      right = after >= 0 ? String(after) : "bust";
    if (said !== right) return wrong("bad arithmetic", `${left} ${spent} leaves ${right}, not ${said}`);
    if (after < 0 && next !== undefined) return wrong("bad format", `${next} is written after bust`);
    return { after };
  }
}

/* Which task a checkpoint was made for, and its knobs. */
export const TASKS = {
  dial: { kind: Dial, knob: "moves", least: 1, most: 12 },
  dial_rare: { kind: Dial, knob: "moves", least: 1, most: 12 },
  spend: { kind: Spend, knob: "amount", least: 1, most: 99 },
  tales: { kind: Tales, knob: "none" },
};
