/* Columns that grow row by row, in little memory: numbers in typed arrays, texts once each. */

import shared from "./shared.json" with { type: "json" };

const { REQUIRED, OPTIONAL, ALIASES } = shared.constants;
export const KNOWN = [...REQUIRED, ...OPTIONAL];
export const MOST_TOKENS = 8e6;

/* What is wrong with a file, in words for its owner. */
export class Refused extends Error {}

export const tooMany = () =>
  new Refused(
    `expected at most ${MOST_TOKENS / 1e6} million tokens, which this page can hold; trlib diagnose reads more`,
  );

class Growing {
  constructor(Kind) {
    this.array = new Kind(1024);
    this.length = 0;
  }

  push(value) {
    if (this.length === this.array.length) {
      if (this.length > MOST_TOKENS) throw tooMany();
      const larger = new this.array.constructor(2 * this.length);
      larger.set(this.array);
      this.array = larger;
    }
    this.array[this.length++] = value;
  }

  done() {
    return this.array.subarray(0, this.length);
  }
}

const TYPES = { number: "numbers", boolean: "booleans", string: "texts", object: "objects" };

/* A column: a value per row, or a list per row (`sizes` then holds its length, -1 where there is none). */
export class Column {
  constructor(name) {
    this.name = name;
    this.values = new Growing(Float64Array); // numbers; 0 and 1; places in `texts`
    this.sizes = new Growing(Int32Array);
    this.rows = 0;
    this.listed = null; // not known while every row was empty
    this.type = null;
    this.places = new Map();
    this.texts = [];
    this.empty = -1; // the first row without a value
  }

  push(value) {
    const row = this.rows++,
      listed = Array.isArray(value);
    if (value === null || value === undefined) {
      if (this.empty < 0) this.empty = row;
      this.sizes.push(-1);
      if (this.listed !== true) this.values.push(NaN);
      return;
    }
    if (this.listed === null) {
      this.listed = listed;
      if (listed) this.values.length = 0; // rows before had no list
    }
    if (listed !== this.listed) throw this.mixed();
    if (!listed) {
      this.sizes.push(1);
      this.put(value);
      return;
    }
    this.sizes.push(value.length);
    for (let i = 0; i < value.length; i++) this.put(value[i]);
  }

  /* Rows that were there before the column was first named. */
  fill(rows) {
    while (this.rows < rows) this.push(null);
  }

  put(value) {
    if (value === null || value === undefined) {
      this.values.push(NaN);
      return;
    }
    const type = typeof value;
    if (this.type === null) this.type = type;
    else if (this.type !== type) throw this.mixed();
    if (type === "string") this.values.push(this.place(value));
    else this.values.push(type === "object" ? NaN : Number(value));
  }

  place(text) {
    let at = this.places.get(text);
    if (at === undefined) {
      at = this.texts.length;
      this.places.set(text, at);
      this.texts.push(text);
    }
    return at;
  }

  mixed() {
    return new Refused(`column '${this.name}': expected values of one type, got several`);
  }

  /* A whole array at once, [rows] or [rows, size]. */
  take(array, rows, size, isBoolean) {
    this.listed = size !== null;
    this.type = isBoolean ? "boolean" : "number";
    this.rows += rows;
    for (let row = 0; row < rows; row++) this.sizes.push(size ?? 1);
    for (let i = 0; i < array.length; i++) this.values.push(array[i]);
  }

  get kind() {
    const what = TYPES[this.type] ?? "nothing";
    return this.listed ? `lists of ${what}` : what;
  }
}

/* The columns of all files together. names: ours -> the file's. */
export class Table {
  constructor(names = {}) {
    this.names = names;
    this.columns = new Map(); // what a diagnosis reads
    this.order = new Set(); // every column's name, as the file has them
    this.left = new Set(); // columns of an export that nothing is made of
    this.rows = 0;
    this.files = new Growing(Int32Array);
    this.file = 0;
    this.sampling = null;
    this.fields = null;
    this.seen = new Set();
    this.holes = false; // a reward is missing somewhere
  }

  nameOf(ours) {
    return this.names[ours] ?? ours;
  }

  column(name) {
    if (!this.wanted) this.wanted = new Set([...KNOWN, ...Object.values(this.names), ...Object.values(ALIASES).flat()]);
    this.seen.add(name);
    this.order.add(name);
    if (!this.wanted.has(name)) {
      return null;
    }
    if (!this.columns.has(name)) this.columns.set(name, new Column(name));
    return this.columns.get(name);
  }

  row(values) {
    for (const name of Object.keys(values)) {
      const column = this.column(name);
      if (!column) continue;
      column.fill(this.rows);
      column.push(values[name]);
    }
    this.next();
  }

  next() {
    this.rows += 1;
    this.files.push(this.file);
  }

  /* One file is read: its columns are those of the files before it. */
  close(name, first) {
    for (const column of this.columns.values()) column.fill(this.rows);
    const fields = [...this.seen].sort().join(", ");
    if (this.fields !== null && this.fields !== fields) {
      throw new Refused(`'${name}': expected the columns of '${first}', ${this.fields}, got ${fields}`);
    }
    this.fields = fields;
    this.seen = new Set();
    this.file += 1;
  }
}
