/* What reads Parquet: hyparquet and the codecs that it leaves out. A script of its own, which a page loads only for such
   a file; brotli would double it. */

import { decompress as zstd } from "fzstd";
import { parquetMetadataAsync, parquetSchema } from "hyparquet";
import { parquetReadColumn } from "hyparquet/src/read.js";
import { gunzip } from "hyparquet-compressors/src/gzip.js";
import { decompressLz4, decompressLz4Raw } from "hyparquet-compressors/src/lz4.js";

const compressors = {
  ZSTD: (input) => zstd(input),
  GZIP: (input, size) => gunzip(input, new Uint8Array(size)),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
};

globalThis.trlibParquet = {
  codecs: ["UNCOMPRESSED", "SNAPPY", ...Object.keys(compressors)],
  compressors,
  parquetMetadataAsync,
  parquetReadColumn,
  parquetSchema,
};
