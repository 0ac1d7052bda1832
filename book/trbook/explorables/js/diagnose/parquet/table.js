/* A Parquet file into the table: only the columns that a diagnosis reads, one row group after the other. */

import { MOST_TOKENS, Refused, tooMany } from "../columns.js";

const NOTES = "trlib"; // where `dump` says how the completions were drawn

export const isParquet = (head) => ["PAR1", "PARE"].includes(String.fromCharCode(...head.slice(0, 4)));

/* bytes(file, from, to): a piece of the file, as read.js reads it. */
export async function parquet(file, head, table, bytes, progress) {
  const reader = globalThis.trlibParquet,
    named = `'${file.name}'`;
  if (!reader)
    throw new Refused(
      `${named} is a Parquet file, and what reads it did not come with this page; in a terminal, trlib diagnose reads it`,
    );
  if (head[3] === 0x45) throw encrypted(named);
  const source = { byteLength: file.size, slice: async (from, to = file.size) => (await bytes(file, from, to)).buffer };
  const metadata = await attempt(() => reader.parquetMetadataAsync(source, { geoparquet: false }), named);
  const names = reader.parquetSchema(metadata).children.map(({ element }) => element.name),
    columns = new Map();
  for (const name of names) {
    const column = table.column(name);
    if (!column) continue;
    if (columns.has(name))
      throw new Refused(
        `column '${name}': expected once in ${named}, got it ${names.filter((one) => one === name).length} times`,
      );
    column.fill(table.rows);
    columns.set(name, column);
  }
  const notes = metadata.key_value_metadata?.find(({ key }) => key === NOTES)?.value;
  if (notes)
    table.sampling = {
      logprobs: null,
      temperature: null,
      top_p: null,
      ...JSON.parse(notes),
      source: "as the file says",
    };
  const all = metadata.row_groups.length * columns.size;
  let rowStart = 0,
    done = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    for (const [name, column] of columns) {
      for (const chunk of group.columns)
        if ((chunk.meta_data?.path_in_schema[0] ?? name) === name) readable(chunk, name, named, reader.codecs);
      const values = await attempt(
        () =>
          reader.parquetReadColumn({
            file: source,
            metadata,
            columns: [name],
            rowStart,
            rowEnd,
            compressors: reader.compressors,
          }),
        named,
      );
      if (values.length !== rowEnd - rowStart)
        throw damaged(named, `${values.length} of ${rowEnd - rowStart} rows in column '${name}'`);
      for (let i = 0; i < values.length; i++) column.push(plain(values[i]));
      progress((++done / all) * file.size);
    }
    for (let row = rowStart; row < rowEnd; row++) table.next();
    rowStart = rowEnd;
  }
}

/* Whole numbers of 64 bits as numbers, typed arrays as arrays. */
function plain(value) {
  if (typeof value === "bigint") return Number(value);
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {any} */ (value), Number);
  return Array.isArray(value) ? value.map(plain) : value;
}

/* Throws where a column's chunk cannot be read here, before it is. */
function readable({ meta_data: about, crypto_metadata: secret }, name, named, codecs) {
  if (secret || !about) throw encrypted(named);
  if (!codecs.includes(about.codec)) {
    throw new Refused(
      `${named}: column '${name}' is compressed by ${about.codec}, which this page does not unpack. Write the file with compression="zstd" or "snappy", as to_parquet of pandas does${about.codec === "BROTLI" ? ", or read it by trlib diagnose in a terminal" : ""}`,
    );
  }
  if (about.num_values > MOST_TOKENS) throw tooMany();
}

async function attempt(act, named) {
  try {
    return await act();
  } catch (error) {
    throw error instanceof Refused ? error : damaged(named, error.message);
  }
}

const encrypted = (named) =>
  new Refused(
    `${named} is an encrypted Parquet file. Write it once more without encryption: this page asks for no keys`,
  );
const damaged = (named, why) =>
  new Refused(
    `${named}: expected a whole Parquet file, got one that is damaged or cut off (${why}). Is it still being written? Copy or write it once more`,
  );
