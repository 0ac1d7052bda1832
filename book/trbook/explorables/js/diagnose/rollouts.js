/* From columns to rollouts, checked: `trcheck.diagnose.columns` in JavaScript. What does not fit is named, with its place. */

import { general } from "./format.js";
import { Column, Refused } from "./columns.js";
import shared from "./shared.json" with { type: "json" };

const { REQUIRED, ALIASES, AREAL, BY_TOKEN, BY_COMPLETION } = shared.constants;
const INDEX = /^__index_level_\d+__$/;

export function rollouts(source, table, stated = {}) {
  return new Reader(source, table).rollouts(stated);
}

class Reader {
  constructor(source, table) {
    this.source = source;
    this.table = table;
    this.used = new Set();
    if (!table.rows) throw new Refused(`'${source}': expected at least one completion, got a table without rows`);
    this.recognised = this.recognise();
    for (const name of REQUIRED) if (!this.has(name)) throw this.missing(name);
    const logp = this.of("logp");
    if (logp.listed) {
      this.layout = "completion";
      this.count = table.rows;
      this.sizes = this.sizesOf("logp");
      this.total = this.sizes.reduce((sum, size) => sum + size, 0);
      this.owner = new Int32Array(this.total);
      for (let row = 0, i = 0; row < this.count; row++) for (let k = 0; k < this.sizes[row]; k++) this.owner[i++] = row;
      this.order = null;
    } else this.sort();
  }

  has(name) {
    return this.table.columns.has(this.table.nameOf(name));
  }

  /* Other libraries' names of the columns that are missing, taken for ours; of prime-rl's export its own. */
  recognise() {
    const { table } = this,
      taken = new Set(Object.values(table.names)),
      columns = table.columns;
    const isList = (ours) => Boolean(columns.get(table.nameOf(ours))?.listed),
      found = { ...table.names };
    let lists = this.has("logp") && isList("logp");
    table.names = { ...table.names };
    if (
      AREAL.every((name) => columns.has(name)) &&
      !["logp", "logp_rollout"].some((name) => name in found || columns.has(name))
    ) {
      table.names.logp_rollout = found.logp_rollout = "logprobs";
      taken.add("logprobs");
    }
    for (const [ours, theirs] of Object.entries(ALIASES)) {
      if (this.has(ours)) continue;
      const name = theirs.find(
        (each) => columns.has(each) && !taken.has(each) && this.fits(ours, columns.get(each), lists),
      );
      if (!name) continue;
      table.names[ours] = found[ours] = name;
      taken.add(name);
      lists ||= BY_TOKEN.includes(ours) && isList(ours);
    }
    if (!this.has("logp") && this.has("logp_old")) table.names.logp = found.logp = table.nameOf("logp_old"); // before its updates the learner is the learner
    return Object.entries(found);
  }

  fits(ours, column, lists) {
    const listed = Boolean(column.listed);
    if (ours === "version" && listed) return lists && column.type === "number";
    if (ours === "prompt" && listed) return lists && column.type === "number" && areWhole(column);
    if (BY_COMPLETION.includes(ours))
      return !listed && (!["reward", "version"].includes(ours) || column.type === "number");
    if (ours !== "tokens") return true;
    const sampler = this.table.columns.get(this.table.nameOf("logp_rollout"));
    return (
      listed === lists &&
      Boolean(sampler?.listed) === listed &&
      (!listed || column.sizes.done().every((size, row) => size === sampler.sizes.array[row]))
    );
  }

  of(name) {
    this.used.add(this.table.nameOf(name));
    return this.table.columns.get(this.table.nameOf(name));
  }

  missing(name, why = "") {
    const have = [...this.table.order],
      theirs = this.table.nameOf(name);
    return new Refused(
      `column '${theirs}': not in '${this.source}', which has ${have.join(", ")}${why}; name it under “Columns by other names”`,
    );
  }

  /* One row per token: completions in the order in which they first come, their tokens by position. */
  sort() {
    this.layout = "token";
    if (!this.has("completion")) {
      throw this.missing(
        "completion",
        "; with one row per token it says which rows are one completion (with one row per completion, 'logp' holds lists)",
      );
    }
    const n = this.table.rows;
    let { which: owner, count } = this.distinct("completion", this.of("completion"), "row");
    if (this.table.file > 1)
      ({ which: owner, count } = renumber(owner.map((c, i) => c * this.table.file + this.table.files.array[i])));
    const at = this.has("position") ? this.numbers("position", this.of("position")) : null;
    let inOrder = true;
    for (let i = 1; i < n && inOrder; i++) {
      inOrder = owner[i] > owner[i - 1] || (owner[i] === owner[i - 1] && (at === null || at[i] >= at[i - 1]));
    }
    this.order = inOrder
      ? null
      : Int32Array.from({ length: n }, (_, i) => i).sort(
          (a, b) => owner[a] - owner[b] || (at ? at[a] - at[b] : 0) || a - b,
        );
    this.owner = this.order ? Int32Array.from(this.order, (i) => owner[i]) : Int32Array.from(owner);
    this.count = count;
    this.total = n;
    this.firsts = new Int32Array(count);
    for (let i = n - 1; i >= 0; i--) this.firsts[this.owner[i]] = this.order ? this.order[i] : i;
  }

  place(i) {
    if (this.layout === "token") return `row ${this.order ? this.order[i] : i}`;
    let start = i;
    while (start > 0 && this.owner[start - 1] === this.owner[i]) start--;
    return `row ${this.owner[i]}, position ${i - start}`;
  }

  named(name) {
    return `column '${this.table.nameOf(name)}'`;
  }

  sizesOf(name) {
    const sizes = this.of(name).sizes.done(),
      none = sizes.indexOf(-1);
    if (none >= 0) throw new Refused(`${this.named(name)}: expected a list in every row, got none in row ${none}`);
    return sizes;
  }

  /* A column with a value per token, in the order of the file. */
  flat(name, wanted) {
    const column = this.of(name),
      like = `'${this.table.nameOf("logp")}'`;
    if (this.layout === "token") {
      if (column.listed)
        throw new Refused(`${this.named(name)}: expected ${wanted}, one a row as in ${like}, got ${column.kind}`);
      return column;
    }
    if (!column.listed)
      throw new Refused(
        `${this.named(name)}: expected a list of ${wanted} in every row, as in ${like}, got ${column.kind}`,
      );
    const sizes = this.sizesOf(name),
      odd = sizes.findIndex((size, row) => size !== this.sizes[row]);
    if (odd >= 0) {
      throw new Refused(
        `${this.named(name)}: expected a list of ${this.sizes[odd]} values in row ${odd}, as many as in ${like}, got ${sizes[odd]}`,
      );
    }
    return column;
  }

  ordered(values) {
    return this.order ? Float64Array.from(this.order, (i) => values[i]) : values.slice();
  }

  numbers(name, column, booleans = false) {
    const kind = column.type;
    if (kind !== null && kind !== "number" && !(booleans && kind === "boolean")) {
      throw new Refused(`${this.named(name)}: expected ${booleans ? "booleans" : "numbers"}, got ${column.kind}`);
    }
    return column.values.done();
  }

  mask() {
    const values = this.ordered(this.numbers("mask", this.flat("mask", "booleans"), true)),
      odd = values.findIndex((x) => x !== 0 && x !== 1);
    if (odd >= 0)
      throw new Refused(
        `${this.named("mask")}: expected True or False (or 1 and 0), got ${general(values[odd])} at ${this.place(odd)}`,
      );
    const mask = new Uint8Array(values);
    if (!mask.includes(1))
      throw new Refused(
        `${this.named("mask")}: expected True for at least one token, got False for all ${mask.length}`,
      );
    return mask;
  }

  logProbs(name) {
    return this.ordered(this.numbers(name, this.flat(name, "numbers")));
  }

  /* Of the policy that sampled, a number a completion; null where they are none. */
  versions() {
    if (!this.has("version") || this.table.columns.get(this.table.nameOf("version")).type !== "number") return null;
    if (this.layout === "completion" && this.of("version").listed) return this.meanVersions();
    const { column, row } = this.byCompletion("version"),
      values = column.values.done(),
      made = Float64Array.from({ length: this.count }, (_, c) => values[row(c)]);
    return made.every(Number.isFinite) ? made : null;
  }

  /* The mean over the tokens that count, where the file has a version for each. */
  meanVersions() {
    const each = this.ordered(this.numbers("version", this.flat("version", "numbers"))),
      mask = this.mask(),
      sums = new Float64Array(this.count),
      counted = new Float64Array(this.count);
    for (let i = 0; i < each.length; i++) {
      if (!mask[i]) continue;
      sums[this.owner[i]] += each[i];
      counted[this.owner[i]] += 1;
    }
    let newest = -Infinity;
    for (let c = 0; c < this.count; c++) if (counted[c]) newest = Math.max(newest, sums[c] / counted[c]);
    const made = sums.map((sum, c) => (counted[c] ? sum / counted[c] : newest));
    return made.every(Number.isFinite) ? made : null;
  }

  /* The largest id of a token, plus 1; null: there are no ids. */
  vocabulary() {
    if (!this.has("tokens")) return null;
    const { type } = this.table.columns.get(this.table.nameOf("tokens"));
    if (type !== "number") return null;
    const largest = this.flat("tokens", "ids")
      .values.done()
      .reduce((most, id) => (id > most ? id : most), -1);
    return largest >= 0 ? largest + 1 : null;
  }

  advantages() {
    const column = this.of("advantage");
    if (this.layout === "completion" && !column.listed) {
      const values = this.numbers("advantage", column);
      const spread = new Float64Array(this.total);
      for (let i = 0; i < this.total; i++) spread[i] = values[this.owner[i]];
      return spread;
    }
    return this.ordered(this.numbers("advantage", this.flat("advantage", "numbers")));
  }

  /* The rows of a column with a value per completion; a prompt's ids as one text. */
  byCompletion(name) {
    let column = this.of(name);
    if (name === "prompt" && column.listed && areWhole(column)) column = asText(column);
    if (column.listed) throw new Refused(`${this.named(name)}: expected one value per completion, got ${column.kind}`);
    return { column, row: (c) => (this.layout === "completion" ? c : this.firsts[c]) };
  }

  rewards() {
    const { column, row } = this.byCompletion("reward"),
      values = this.numbers("reward", column);
    return Float64Array.from({ length: this.count }, (_, c) => values[row(c)]);
  }

  distinct(name, column, what, rows = null) {
    if (column.type === "object" || column.listed) {
      throw new Refused(
        `${this.named(name)}: expected one value for every ${what} that can be compared, such as a number or a text, got ${column.kind}`,
      );
    }
    const values = column.values.done(),
      chosen = rows ?? values.length;
    const list = rows ? Array.from({ length: rows.count }, (_, c) => rows.row(c)) : null,
      n = list ? list.length : chosen;
    const keys = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const value = values[list ? list[i] : i];
      if (Number.isNaN(value))
        throw new Refused(`${this.named(name)}: expected a value for every ${what}, got none for ${what} ${i}`);
      keys[i] = value;
    }
    return renumber(keys);
  }

  groups() {
    const name = ["group", "prompt"].find((each) => this.has(each));
    if (!name) return { group: null, groupNames: [] };
    const { column, row } = this.byCompletion(name),
      rows = { count: this.count, row };
    let { which } = this.distinct(name, column, "completion", rows);
    if (this.table.file > 1 && name === "group" && this.has("prompt")) {
      // Each rank may count its groups from 0: where their prompts differ, they are different groups.
      const other = this.distinct("prompt", this.byCompletion("prompt").column, "completion", rows);
      ({ which } = renumber(which.map((g, c) => g * other.count + other.which[c])));
    }
    const names = [],
      values = column.values.done();
    for (let c = this.count - 1; c >= 0; c--) {
      const value = values[row(c)];
      names[which[c]] =
        column.type === "string"
          ? column.texts[value]
          : column.type === "boolean"
            ? value
              ? "True"
              : "False"
            : String(value);
    }
    return { group: Int32Array.from(which), groupNames: names };
  }

  prompts() {
    const { column, row } = this.byCompletion("prompt"),
      values = column.values.done();
    if (column.type !== "string" && column.type !== null)
      throw new Refused(`${this.named("prompt")}: expected texts, got ${column.kind}`);
    return Array.from({ length: this.count }, (_, c) => column.texts[values[row(c)]] ?? "");
  }

  /* The text of every token: `text`, or the ids in `tokens`. A completion's whole text names no token. */
  pieces() {
    const whole =
      this.layout === "completion" && this.has("text") && !this.table.columns.get(this.table.nameOf("text")).listed;
    const name = ["text", "tokens"].find((each) => this.has(each) && !(whole && each === "text"));
    if (!name) return { pieces: null, texts: [] };
    this.used.add(this.table.nameOf("tokens"));
    const column = this.flat(name, name === "text" ? "texts" : "ids or texts"),
      values = this.ordered(column.values.done());
    if (column.type === "string") {
      const none = column.place("");
      const pieces = new Int32Array(values.length);
      for (let i = 0; i < values.length; i++) pieces[i] = Number.isNaN(values[i]) ? none : values[i];
      return { pieces, texts: column.texts };
    }
    if (column.type !== "number" || !values.every(Number.isInteger)) {
      throw new Refused(`${this.named(name)}: expected the text of every token, got ${column.kind}`);
    }
    const places = new Map(),
      texts = [];
    const pieces = new Int32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      let at = places.get(values[i]);
      if (at === undefined) {
        places.set(values[i], (at = texts.length));
        texts.push(`#${values[i]}`);
      }
      pieces[i] = at;
    }
    return { pieces, texts };
  }

  rollouts(stated) {
    const mask = this.mask(),
      known = Object.values(stated).some((value) => value !== null && value !== undefined);
    const found = this.table.sampling ?? { logprobs: null, temperature: null, top_p: null, source: "" };
    const given = Object.fromEntries(
      Object.entries(stated).filter(([, value]) => value !== null && value !== undefined),
    );
    const made = {
      source: this.source,
      layout: this.layout,
      completion: this.owner,
      count: this.count,
      mask,
      logp: this.logProbs("logp"),
      logp_rollout: this.logProbs("logp_rollout"),
      logp_old: this.has("logp_old") ? this.logProbs("logp_old") : null,
      advantage: this.advantages(),
      ...this.pieces(),
      vocabulary: this.vocabulary(),
      prompts: this.has("prompt") ? this.prompts() : null,
      ...this.groups(),
      reward: this.has("reward") ? this.rewards() : null,
      version: this.versions(),
      recognised: this.recognised,
      sampling: known ? { ...found, ...given, source: "as you say" } : found,
    };
    return {
      ...made,
      unread: [
        ...[...this.table.order].filter((name) => !this.used.has(name) && !INDEX.test(name)),
        ...this.table.left,
      ],
    };
  }
}

const areWhole = (column) => column.values.done().every(Number.isInteger);

/* A column of lists of ids as one of texts. */
function asText(column) {
  const made = new Column(column.name),
    values = column.values.done();
  let at = 0;
  for (const size of column.sizes.done()) {
    made.push(Array.from(values.subarray(at, at + Math.max(size, 0)), String).join(" "));
    at += Math.max(size, 0);
  }
  return made;
}

/* A whole number for every distinct value, in the order in which they come. */
function renumber(keys) {
  const seen = new Map(),
    which = new Float64Array(keys.length);
  for (let i = 0; i < keys.length; i++) {
    let at = seen.get(keys[i]);
    if (at === undefined) seen.set(keys[i], (at = seen.size));
    which[i] = at;
  }
  return { which, count: seen.size };
}
