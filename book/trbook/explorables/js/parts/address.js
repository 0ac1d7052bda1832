/* The state of an explorable in the address of its page: a link opens it as it was. In a notebook the address is the
   notebook's own and stays as it is; of several alike on a page the first one has it that is no opener. */

export function addressed(el, name) {
  const home = el.closest(".trlib-explorable"),
    alike = `[data-explorable="${name}"]`;
  return home && home === (document.querySelector(`${alike}:not([data-opener])`) ?? document.querySelector(alike))
    ? home
    : null;
}

/* Only what differs from the first state is written; nothing differs: the mark goes, other marks stay. */
export function write(home, name, state, first) {
  if (!home) return;
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (JSON.stringify(value) !== JSON.stringify(first[key]))
      parts.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  const mark = [...parts].length
    ? `#${name}:${String(parts).replaceAll("%3A", ":").replaceAll("%2C", ",")}`
    : location.hash.startsWith(`#${name}:`)
      ? location.pathname + location.search
      : null;
  if (mark && mark !== location.hash) history.replaceState(history.state, "", mark);
}

/* -> { values, notes } or null, where the address says nothing of this explorable. */
export function read(home, name, keys) {
  if (!home) return null;
  const text = stateIn(location.hash, name);
  if (text === null) return null;
  const values = {},
    unknown = new Set();
  for (const [key, value] of new URLSearchParams(text)) {
    if (keys.includes(key))
      values[key] = plain(value); // of a key that comes twice the last one counts
    else unknown.add(key);
  }
  return { values, notes: strangers([...unknown], keys) };
}

/* What stands behind "#name:". Some programs write %3A for the colon when they hand a link on, or escape all of it once
   more. null: the address is of something else. */
export function stateIn(hash, name) {
  const [, colon, text] = hash.match(new RegExp(`^#${name}(:|%3A)(.*)$`, "is")) ?? [];
  if (text === undefined) return null;
  if (colon === ":" || text.includes("=")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/* One note for all keys that nobody knows: an address may hold any number of them. */
export function strangers(unknown, known) {
  if (!unknown.length) return [];
  const [key] = unknown,
    more = unknown.length > 1 ? ` and ${unknown.length - 1} more` : "";
  return [
    {
      key,
      text: `The address says "${key.slice(0, LONGEST)}"${more}, which cannot be set here; expected ${known.join(", ")}.`,
    },
  ];
}

/* Words, numbers and lists of them. Anything else stays the text that it is: an object's toString may have been overwritten. */
function plain(text) {
  try {
    const value = JSON.parse(text);
    return simple(value) || (Array.isArray(value) && value.every(simple)) ? value : text;
  } catch {
    return text;
  }
}

/* Anything that came, as words: an object's toString may have been overwritten. */
export const textOf = (word) => (typeof word === "object" && word !== null ? JSON.stringify(word) : String(word));

const simple = (value) => value === null || typeof value !== "object";

export const LONGEST = 40; // letters of a word that is repeated or compared: an address may hold any number of them

/* The known name that holds the one that was meant, else the one that differs in the fewest letters. */
export function nearestName(name, known) {
  const sought = textOf(name).slice(0, LONGEST).toLowerCase(),
    holds = sought.length > 2 && known.find((other) => other.toLowerCase().includes(sought));
  if (holds) return holds;
  let best = known[0],
    least = Infinity;
  for (const other of known) {
    const far = letters(sought, other.toLowerCase());
    if (far < least) [best, least] = [other, far];
  }
  return best;
}

/* Letters put in, left out or changed between two words (Levenshtein). */
export function letters(a, b) {
  let before = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row[j] = Math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + Number(a[i - 1] !== b[j - 1]));
    before = row;
  }
  return before[b.length];
}
