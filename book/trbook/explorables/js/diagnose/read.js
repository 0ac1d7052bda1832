/* Files of rollouts as columns: JSON lines, JSON, CSV, NPZ, Parquet, prime-rl's token export. What a file begins with says what
   it is. Long files are read in pieces, so that only their numbers are held. */

import { Column, Refused, Table } from "./columns.js";
import { entries, isZip, npy } from "./npz.js";
import { isParquet, parquet } from "./parquet/table.js";
import { rollouts } from "./rollouts.js";
import shared from "./shared.json" with { type: "json" };

const { PRIME, PRIME_SAMPLING, MISSING, SCALARS, SEPARATORS } = shared.constants;
const PIECE = 4 << 20,
  LONGEST_LINE = 64 << 20;
/* Bytes: in pieces, and of a file that must be held as a whole. */
export const MOST = { pieces: 1e9, whole: 2e8 };

export const size = (bytes) =>
  bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(1)} GB`
    : bytes >= 1e6
      ? `${(bytes / 1e6).toFixed(0)} MB`
      : `${Math.max(1, Math.round(bytes / 1e3))} kB`;

/* files: [{ name, size, slice, arrayBuffer }]; options: { columns, logprobs, temperature, top_p, sampling }. Progress is told as
   a share of all bytes. */
export async function read(
  files,
  { columns = {}, sampling = null, logprobs = null, temperature = null, top_p = null } = {},
  progress = (_share) => {},
) {
  if (!files.length) throw new Refused("expected at least one file, got none");
  const all = files.reduce((sum, file) => sum + file.size, 0);
  if (all > MOST.pieces) {
    throw new Refused(
      `${files.length === 1 ? `'${files[0].name}' is` : `these files are`} ${size(all)}; this page reads at most ${size(MOST.pieces)}. In a terminal, trlib diagnose reads more`,
    );
  }
  const table = new Table(columns),
    sorted = [...files].sort(byNumber);
  let before = 0;
  for (const file of sorted) {
    await one(file, table, (done) => progress((before + done) / Math.max(all, 1)));
    table.close(file.name, sorted[0].name);
    before += file.size;
  }
  if (table.holes) {
    table.columns.delete("reward");
    table.order.delete("reward");
  }
  if (sampling)
    table.sampling = { logprobs: null, temperature: null, top_p: null, ...sampling, source: "as the file says" };
  const source = sorted.length === 1 ? sorted[0].name : `${sorted[0].name} and ${sorted.length - 1} more`;
  return rollouts(source, table, { logprobs, temperature, top_p });
}

/* rank_2 before rank_10 */
const byNumber = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true });

async function bytes(file, from, to) {
  try {
    const piece = await file.slice(from, to).arrayBuffer();
    if (piece.byteLength === Math.min(to, file.size) - from) return new Uint8Array(piece);
  } catch (error) {
    if (error instanceof RangeError) throw new Refused(`'${file.name}': too large for this page`);
  }
  throw new Refused(`'${file.name}' changed while it was read, or is a folder: choose it again when it is written`);
}

async function one(file, table, progress) {
  const head = await bytes(file, 0, Math.min(1 << 16, file.size)),
    begin = new TextDecoder().decode(head).trimStart();
  if (isZip(head)) return zipped(await whole(file), file, table);
  if (isParquet(head)) return parquet(file, head, table, bytes, progress);
  if (begin.startsWith("{") || begin.startsWith("[")) {
    const line = begin.split("\n")[0];
    if (begin.startsWith("{") && begin.includes("\n") && parsed(line) !== undefined)
      return jsonLines(file, table, progress);
    if (file.size <= MOST.whole || begin.startsWith("[") || begin.includes("\n")) {
      // else it may be lines longer than the head
      const data = parsed(new TextDecoder().decode(await whole(file)));
      if (data !== undefined) return document(data, file, table);
    }
    return jsonLines(file, table, progress);
  }
  const first = begin.split(/[\r\n]/)[0],
    comma = SEPARATORS.find((mark) => first.includes(mark));
  if (!head.includes(0) && comma) return csv(file, table, progress, comma);
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff))
    throw new Refused(`'${file.name}': expected text in UTF-8, got UTF-16: save it as UTF-8`);
  throw new Refused(
    `'${file.name}': expected JSON lines, JSON, CSV, NPZ or Parquet, got ${file.size} bytes that are none of them`,
  );
}

async function whole(file) {
  if (file.size > MOST.whole) {
    throw new Refused(
      `'${file.name}' is ${size(file.size)}; of a file that is read as a whole this page takes at most ${size(MOST.whole)} (JSON lines, CSV and Parquet: ${size(MOST.pieces)})`,
    );
  }
  return bytes(file, 0, file.size);
}

/* JSON as Python writes it, NaN and Infinity included; undefined where it is none. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return JSON.parse(
        text.replace(
          /("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b/g,
          (all, quoted) => quoted ?? (all === "NaN" || all === "-NaN" ? "null" : `${all[0] === "-" ? "-" : ""}1e999`),
        ),
      );
    } catch {
      return undefined;
    }
  }
}

/* A file's lines, whatever their ends; told: the line's number, from 1. */
async function lines(file, each, progress) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "",
    number = 0;
  for (let at = 0; at < file.size; at += PIECE) {
    const piece = await bytes(file, at, Math.min(at + PIECE, file.size));
    let text;
    try {
      text = rest + decoder.decode(piece, { stream: at + PIECE < file.size });
    } catch {
      throw new Refused(`'${file.name}': expected text in UTF-8, got other bytes after line ${number}`);
    }
    const parts = text.split(/\r\n|\n|\r(?!$)/); // a \r at the end may be half of \r\n
    rest = parts.pop();
    if (rest.length > LONGEST_LINE)
      throw new Refused(
        `'${file.name}', line ${number + parts.length + 1}: expected a row, got more than ${size(LONGEST_LINE)} without a line's end`,
      );
    for (const part of parts) each(part, ++number);
    progress(at);
  }
  if (rest) each(rest.replace(/\r$/, ""), ++number);
}

async function jsonLines(file, table, progress) {
  let prime = null;
  await lines(
    file,
    (line, number) => {
      if (!line.trim()) return;
      const row = parsed(line);
      if (row === undefined)
        throw new Refused(`'${file.name}', line ${number}: expected JSON, got ${JSON.stringify(line.slice(0, 60))}`);
      prime = put(row, number, file, table, prime);
    },
    progress,
  );
}

/* A row into the table; whether the file is an export of prime-rl is decided by its first row. */
function put(row, number, file, table, prime) {
  if (row === null || typeof row !== "object" || Array.isArray(row)) {
    throw new Refused(
      `'${file.name}', line ${number}: expected an object with a value for each column, got ${Array.isArray(row) ? "list" : row === null ? "None" : typeof row}`,
    );
  }
  const isPrime = prime ?? ("schema_version" in row && "trainer_logprobs" in row && "inference_logprobs" in row);
  if (isPrime) primeRow(row, number, file, table);
  else table.row(row);
  return isPrime;
}

function primeRow(row, number, file, table) {
  const at = `'${file.name}', line ${number}`;
  if (row.schema_version !== 1)
    throw new Refused(`${at}: schema_version: expected 1 of prime-rl's token export, got ${row.schema_version}`);
  const names = Object.values(PRIME);
  for (const name of [...names, ...["rl_weights", "losses"].filter((each) => row[each]?.length)]) {
    if (!Array.isArray(row[name]))
      throw new Refused(
        `${at}: ${name}: expected a list as in prime-rl's token export, got ${name in row ? typeof row[name] : "no such field"}`,
      );
    if (row[name].length !== row.token_ids.length)
      throw new Refused(
        `${at}: ${name}: expected ${row.token_ids.length} values, as many as in token_ids, got ${row[name].length}`,
      );
  }
  table.names = { ...PRIME, ...table.names };
  table.sampling = PRIME_SAMPLING;
  const first = Math.max(0, row.loss_mask.indexOf(true)),
    weights = row.rl_weights ?? [];
  const counted = row.losses?.length
    ? row.losses.map((loss) => Boolean(loss.rl?.mask))
    : row.loss_mask.map((keep, i) => Boolean(keep) && weights[i] !== 0);
  const made = Object.fromEntries(
    names.map((name) => [name, (name === "loss_mask" ? counted : row[name]).slice(first)]),
  );
  made.group = row.token_ids.slice(0, first).join(" ");
  made.reward = (row.rewards ?? []).slice(first).find((reward) => reward !== null && reward !== undefined) ?? null;
  for (const name of Object.keys(row)) {
    if (!names.includes(name) && !["rewards", "losses", "rl_weights", "schema_version"].includes(name))
      table.left.add(name);
  }
  if (made.reward === null) table.holes = true;
  table.row(made);
}

function document(data, file, table) {
  if (Array.isArray(data)) {
    let prime = null;
    data.forEach((row, i) => {
      prime = put(row, i + 1, file, table, prime);
    });
    return;
  }
  const first = Object.values(data).find((value) => Array.isArray(value) && value.length)?.[0];
  if (!Array.isArray(first) && !Array.isArray(data.completion)) return put(data, 1, file, table, null);
  const stated = {};
  for (const name of SCALARS)
    if (name in data && data[name] !== null && !Array.isArray(data[name])) stated[name] = data[name];
  const isLong = Object.values(data).some((value) => Array.isArray(value) && value.length > 1);
  const isAlone = (value) => isLong && value !== null && typeof value !== "object";
  for (const [name, value] of Object.entries(data)) if (isAlone(value) && !(name in stated)) table.left.add(name); // a step's number, say
  columns(
    Object.entries(data)
      .filter(([name, value]) => !(name in stated) && !isAlone(value))
      .map(([name, value]) => [name, Array.isArray(value) ? value : [value]]),
    stated,
    file,
    table,
  );
}

/* Whole columns: [name, array of rows, or { array, rows, size, isBoolean }] */
function columns(pairs, stated, file, table) {
  const lengths = pairs.map(([name, value]) => [name, value.rows ?? value.length]);
  if (new Set(lengths.map(([, length]) => length)).size > 1) {
    throw new Refused(
      `'${file.name}': expected as many values in every column, got ${lengths.map((pair) => pair.join(" ")).join(", ")}`,
    );
  }
  if (Object.keys(stated).length)
    table.sampling = { logprobs: null, temperature: null, top_p: null, ...stated, source: "as the file says" };
  for (const [name, value] of pairs) {
    const column = table.column(name);
    if (!column) continue;
    column.fill(table.rows);
    if (value.array) column.take(value.array, value.rows, value.size, value.isBoolean);
    else for (const each of value) column.push(each);
  }
  for (let i = 0; i < (lengths[0]?.[1] ?? 0); i++) table.next();
}

/* -- NPZ ------------------------------------------------------------------------------------------------------------ */

async function zipped(data, file, table) {
  const members = entries(data, file.name),
    names = members.map((member) => member.name);
  if (names.some((name) => name.endsWith("data.pkl"))) {
    throw new Refused(
      `'${file.name}' is what torch.save writes, which only Python reads: trlib diagnose does, safely (weights_only)`,
    );
  }
  if (!names.length || !names.every((name) => name.endsWith(".npy")))
    throw new Refused(`'${file.name}': expected an NPZ file, got another archive`);
  const unpacked = members.reduce((sum, member) => sum + member.size, 0);
  if (unpacked > MOST.whole) {
    throw new Refused(
      `'${file.name}' is ${size(unpacked)} once unpacked; of an NPZ file this page takes at most ${size(MOST.whole)}. In a terminal, trlib diagnose reads more`,
    );
  }
  const pairs = [],
    stated = {};
  for (const member of members) {
    const name = member.name.slice(0, -4),
      array = npy(await member.read(), `'${file.name}', array '${name}'`);
    if (array.shape.length === 0 && SCALARS.includes(name)) stated[name] = array.values[0];
    else if (array.texts) pairs.push([name, array.texts]);
    else {
      const [rows = 1, size] = array.shape;
      pairs.push([
        name,
        { array: array.values, rows, size: size === undefined || size === 1 ? null : size, isBoolean: array.isBoolean },
      ]);
    }
  }
  columns(pairs, stated, file, table);
}

/* -- CSV ------------------------------------------------------------------------------------------------------------ */

const NUMBER = /^\s*[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf(inity)?)\s*$/i;
const TEXTS = ["text", "prompt"];

async function csv(file, table, progress, comma) {
  let heads = null,
    targets = [],
    record = "",
    line = 0;
  const take = (text, number) => {
    const cells = split(text, comma);
    if (heads === null) {
      heads = cells;
      targets = heads.map((name) => {
        const column = table.column(name);
        if (column) column.fill(table.rows);
        return column && { column, keep: TEXTS.some((ours) => table.nameOf(ours) === name) };
      });
      return;
    }
    if (cells.length === 1 && !cells[0]) return;
    if (cells.length !== heads.length)
      throw new Refused(
        `'${file.name}', line ${number}: expected ${heads.length} values, one a column, got ${cells.length}`,
      );
    cells.forEach((cell, i) => targets[i] && cellInto(targets[i], cell, file));
    table.next();
  };
  await lines(
    file,
    (part, number) => {
      line = number;
      const text = record ? `${record}\n${part}` : number === 1 ? part.replace(/^\ufeff/, "") : part;
      if (text.includes('"') && text.match(/"/g).length & 1) {
        // a quoted cell goes on in the next line
        if (text.length > LONGEST_LINE)
          throw new Refused(`'${file.name}', line ${number}: a quotation mark is not closed`);
        record = text;
        return;
      }
      record = "";
      take(text, number);
    },
    progress,
  );
  if (record) throw new Refused(`'${file.name}', line ${line}: a quotation mark is not closed`);
}

function split(line, comma) {
  if (!line.includes('"')) return line.split(comma);
  const cells = [],
    pattern = new RegExp(`(?:^|${comma})(?:"((?:[^"]|"")*)"|([^${comma}]*))`, "g");
  for (const match of line.matchAll(pattern))
    cells.push(match[1] === undefined ? match[2] : match[1].replaceAll('""', '"'));
  return cells;
}

/* A cell as what its column holds so far; a column of numbers in which a text comes becomes one of texts. */
function cellInto(target, cell, file) {
  const { column } = target;
  if (target.keep && !cell.startsWith("[")) return column.push(cell);
  if (MISSING.includes(cell)) return column.push(null);
  if (cell.startsWith("[") && (column.type === null || column.listed)) {
    const list = parsed(
      cell.replace(/True/g, "true").replace(/False/g, "false").replace(/nan/g, "NaN").replace(/None/g, "null"),
    );
    if (!Array.isArray(list))
      throw new Refused(
        `column '${column.name}': expected lists in '${file.name}', got ${JSON.stringify(cell.slice(0, 60))}`,
      );
    return column.push(list);
  }
  const lower = cell.toLowerCase();
  const value =
    column.type === "string"
      ? cell
      : lower === "true" || lower === "false"
        ? lower === "true"
        : NUMBER.test(cell)
          ? Number(lower.replace("inf", "Infinity").replace("Infinityinity", "Infinity"))
          : cell;
  if (column.type !== null && typeof value !== column.type && column.type !== "string") asTexts(column);
  return column.push(column.type === "string" ? cell : value);
}

function asTexts(column) {
  const values = column.values.done().slice(),
    isBoolean = column.type === "boolean",
    texts = new Column(column.name);
  for (const value of values)
    texts.push(Number.isNaN(value) ? null : isBoolean ? (value ? "True" : "False") : String(value));
  Object.assign(column, {
    values: texts.values,
    sizes: texts.sizes,
    type: "string",
    places: texts.places,
    texts: texts.texts,
  });
}
