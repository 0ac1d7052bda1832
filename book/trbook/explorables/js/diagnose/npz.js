/* NPZ: a zip archive of arrays. Objects of Python are never read. */

import { Refused } from "./columns.js";

export const isZip = (head) => head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;

/* The archive's members, by its central directory: [{ name, size, read }], with the bytes that each says it unpacks to. */
export function entries(data, source) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength),
    damaged = (expected = "a whole archive", got = "a damaged one") =>
      new Refused(`'${source}': expected ${expected}, got ${got}`);
  let end = data.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw damaged();
  const made = [],
    decoder = new TextDecoder();
  let at = view.getUint32(end + 16, true);
  for (let i = view.getUint16(end + 10, true); i > 0; i--) {
    if (at + 46 > data.length || view.getUint32(at, true) !== 0x02014b50) throw damaged();
    const method = view.getUint16(at + 10, true),
      size = view.getUint32(at + 20, true),
      unpackedSize = view.getUint32(at + 24, true),
      local = view.getUint32(at + 42, true);
    const [nameSize, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const name = decoder.decode(data.subarray(at + 46, at + 46 + nameSize));
    if (local + 30 > data.length) throw damaged();
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + size > data.length) throw damaged();
    const packed = data.subarray(start, start + size);
    made.push({ name, size: unpackedSize, read: () => unpacked(packed, method, unpackedSize, damaged) });
    at += 46 + nameSize + extra + comment;
  }
  return made;
}

/* Never more than the archive says: what inflates beyond that is damaged, and is left before it fills the memory. */
async function unpacked(packed, method, size, damaged) {
  if (method === 0) return packed;
  if (method !== 8) throw damaged("arrays that are stored or deflated", "another compression");
  const made = new Uint8Array(size),
    reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return made.subarray(0, at);
    if (at + value.length > size) {
      reader.cancel().catch(() => {});
      throw damaged();
    }
    made.set(value, at);
    at += value.length;
  }
}

const KINDS = {
  f8: [8, "getFloat64"],
  f4: [4, "getFloat32"],
  i8: [8, "getBigInt64"],
  i4: [4, "getInt32"],
  i2: [2, "getInt16"],
  i1: [1, "getInt8"],
  u8: [8, "getBigUint64"],
  u4: [4, "getUint32"],
  u2: [2, "getUint16"],
  u1: [1, "getUint8"],
  b1: [1, "getUint8"],
  f2: [2, "getUint16"],
};

/* One array: { shape, values, isBoolean }, or { shape, texts } of texts; a number's shape is []. */
export function npy(data, where) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength),
    long = data[6] >= 2;
  if (data[0] !== 0x93 || data.length < 12)
    throw new Refused(`${where}: expected an array of numpy, got something else`);
  const start = long ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
  const head = new TextDecoder("latin1").decode(data.subarray(long ? 12 : 10, start));
  const descr = head.match(/'descr':\s*'([^']*)'/)?.[1] ?? "",
    shape = (head.match(/'shape':\s*\(([^)]*)\)/)?.[1] ?? "")
      .split(",")
      .filter((x) => x.trim())
      .map(Number);
  if (/'fortran_order':\s*True/.test(head) && shape.length > 1)
    throw new Refused(`${where}: expected rows one after the other (C order), got columns (Fortran order)`);
  if (shape.length > 2) throw new Refused(`${where}: expected one or two dimensions, got ${shape.length}`);
  const count = shape.reduce((all, x) => all * x, 1),
    little = descr[0] !== ">",
    kind = descr.slice(1);
  if (kind[0] === "U") {
    const width = Number(kind.slice(1)),
      text = (i) =>
        String.fromCodePoint(
          ...Array.from({ length: width }, (_, k) => view.getUint32(start + 4 * (i * width + k), little)).filter(
            Boolean,
          ),
        );
    const all = Array.from({ length: count }, (_, i) => text(i));
    if (!shape.length) return { shape, values: all, texts: null };
    return {
      shape,
      texts:
        shape.length === 1
          ? all
          : Array.from({ length: shape[0] }, (_, row) => all.slice(row * shape[1], (row + 1) * shape[1])),
    };
  }
  const [bytes, get] = KINDS[kind] ?? [];
  if (!bytes)
    throw new Refused(
      `${where}: expected numbers or texts, got ${descr === "|O" ? "Python objects, which are not read from a file" : descr}`,
    );
  if (start + count * bytes > data.length) throw new Refused(`${where}: expected ${count} values, got fewer`);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const value = Number(view[get](start + i * bytes, little));
    values[i] = kind === "f2" ? half(value) : value;
  }
  return { shape, values, isBoolean: kind === "b1" };
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1,
    power = (bits >> 10) & 31,
    part = bits & 1023;
  if (power === 31) return part ? NaN : sign * Infinity;
  return sign * (power ? 2 ** (power - 15) * (1 + part / 1024) : 2 ** -14 * (part / 1024));
}
