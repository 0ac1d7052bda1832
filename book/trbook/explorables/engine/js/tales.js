/* The task `tales`, trlib.tasks.tales: a story is scored by a reward model that counts words, and judged by a grammar. */

import told from "../../../../../trlib/tasks/tales.json" with { type: "json" };
import model from "./tales.json" with { type: "json" };
import { draw } from "./random.js";

const GAP = /\{(\w+)\}/g;
/* Where `an` stands, `a` is read. */
const withArticles = (text) => text.replace(/\ba (?=[aeiou])/g, "an ");
const fillings = (name) => told.slots[name].map((text) => text.split(" "));
const PARTS = [told.opening, told.meeting, [...told.good, ...told.sad], [told.coda]].map((part) =>
  part.map((sentence) => sentence.split(" ")),
);
const [PROMPT] = [told.prompt.split(" ")];

/* Words of a sentence by its pattern: { far, gaps }, how many words fit, and the filling of each gap with its place. */
function fitted(pattern, words) {
  const gaps = [];
  let far = 0;
  for (const one of pattern) {
    const [, name] = [...one.matchAll(GAP)][0] ?? [];
    const some = name ? fillings(name) : [[one]],
      fits = (option) => option.findIndex((word, i) => words[far + i] !== word);
    const whole = some.find((option) => fits(option) < 0);
    if (!whole) return { far: far + Math.max(...some.map(fits)), gaps, whole: false };
    if (name) gaps.push({ name, text: whole.join(" "), from: far, to: far + whole.length });
    far += whole.length;
  }
  return { far, gaps, whole: far === words.length };
}

/* The sentences of a story, each { words, from }: a sentence ends with a full stop or an exclamation mark. */
function sentencesOf(words) {
  const found = [];
  let from = 0;
  for (const [i, word] of words.entries())
    if (word === "." || word === "!" || i + 1 === words.length) {
      found.push({ words: words.slice(from, i + 1), from });
      from = i + 1;
    }
  return found;
}

const verdict = (reason, detail, from, to) => ({ reason, detail, right: reason === "good", from, to });
/* What no story has begins at word `from`, and nothing after it is read. */
const none = (detail, from, words) => verdict("not a story", detail, Math.min(from, words.length), words.length);

/* { reason, detail, right, from, to }: from word `from` up to `to` the story is wrong. */
function judged(prompt, words, ended) {
  const found = read(prompt, words);
  if (ended) return found;
  return none("the token limit came before the end token", found.from, words);
}

/* The same of a story that has ended. */
function read(prompt, words) {
  const plain = words.map((word) => (word === "an" ? "a" : word)),
    articles = withArticles(plain.join(" ")).split(" "),
    wrong = words.findIndex((word, i) => word !== articles[i]);
  if (wrong >= 0) return none("an `a` or `an` is wrong", wrong, words);
  const facts = { hero: prompt.hero, wish: prompt.wish },
    sentences = sentencesOf(plain);
  let muddle = null,
    sad = false;
  const muddled = (detail, from, to) => (muddle ??= verdict("muddled", detail, from, to));
  for (const [i, { words: some, from }] of sentences.entries()) {
    const tries = (PARTS[i] ?? []).map((pattern) => fitted(pattern, some)),
      which = tries.findIndex(({ whole }) => whole);
    if (which < 0)
      return none(
        `sentence ${i + 1} is none that a story has: ${some.join(" ")}`,
        from + Math.max(0, ...tries.map(({ far }) => far)),
        words,
      );
    if (i === 2) sad = which >= told.good.length;
    for (const { name, text, from: a, to: b } of tries[which].gaps)
      if ((facts[name] ??= text) !== text)
        muddled(`sentence ${i + 1}: expected ${facts[name]}, got ${text}`, from + a, from + b);
  }
  if (sentences.length < 3) return none(`expected at least 3 sentences, got ${sentences.length}`, words.length, words);
  if (facts.helper === facts.hero) muddled(`the ${facts.hero} meets itself`, sentences[1].from, sentences[2].from);
  if (sad && sentences.length > 3) muddled(`'${told.coda}' after a sad ending`, sentences[3].from, words.length);
  return muddle ?? verdict(sad ? "sad" : "good", "", words.length, words.length);
}

/* Tell a story that ends well; rewarded by the reward model, while the judge watches. */
export class Tales {
  maxTokens = 48;

  prompt(random) {
    const one = (name) => told.slots[name][draw(random, told.slots[name].length)],
      facts = { hero: one("hero"), wish: one("wish") };
    return this.read(withArticles(told.prompt.replace(GAP, (_, name) => facts[name])));
  }

  /* A prompt from its text. Throws where it is none. */
  read(text) {
    const words = text.trim().split(/\s+/),
      plain = words.map((word) => (word === "an" ? "a" : word)),
      { whole, gaps } = fitted(PROMPT, plain);
    if (!whole || withArticles(plain.join(" ")) !== words.join(" ")) {
      throw new RangeError(
        `prompt: expected an animal and a wish as in 'a tale of a hare and a star :', got '${text}'`,
      );
    }
    const facts = Object.fromEntries(gaps.map(({ name, text: filling }) => [name, filling]));
    return { text: words.join(" "), words, ...facts, answer: told.answer, difficulty: null };
  }

  verify(prompt, words, ended) {
    return { reward: scoreOf(words), ...judged(prompt, words, ended) };
  }
}

/* The reward model's score: its labelled stories have mean 0 and standard deviation 1. */
const scoreOf = (words) => words.reduce((total, word) => total + weightOf(word), model.offset);
export const weightOf = (word) => model.weights[word] ?? 0;
