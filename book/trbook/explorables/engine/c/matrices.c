/* Products of matrices. A tile of 4 x 8 sums stays in eight vectors while the inner dimension passes by. */
#include "matrices.h"

#include "simd.h"

enum { DOWNWARDS = 4, ACROSS = 2 }; /* a tile: rows, and vectors of four */

typedef struct { Four at[DOWNWARDS][ACROSS]; } Tile;

static inline Tile zeros(void) {
  Tile tile;
  for (int r = 0; r < DOWNWARDS; r++)
    for (int s = 0; s < ACROSS; s++) tile.at[r][s] = everywhere(0);
  return tile;
}

static inline Tile read(Floats c, int i, int j, int m) {
  Tile tile;
  for (int r = 0; r < DOWNWARDS; r++)
    for (int s = 0; s < ACROSS; s++) tile.at[r][s] = load(c, (i + r) * m + j + 4 * s);
  return tile;
}

static inline void write(Tile tile, Floats c, int i, int j, int m) {
  for (int r = 0; r < DOWNWARDS; r++)
    for (int s = 0; s < ACROSS; s++) store(c, (i + r) * m + j + 4 * s, tile.at[r][s]);
}

/* tile += the four numbers a[first], a[first + stride], .. times eight columns of row p of b [., m] */
static inline void accumulate(Tile *tile, Floats a, int first, int stride, Floats b, int p, int j, int m) {
  Four b0 = load(b, p * m + j), b1 = load(b, p * m + j + 4);
  for (int r = 0; r < DOWNWARDS; r++) {
    Four x = load_everywhere(a, first + r * stride);
    tile->at[r][0] = mul_add(x, b0, tile->at[r][0]);
    tile->at[r][1] = mul_add(x, b1, tile->at[r][1]);
  }
}

static inline void product(Floats a, Floats b, Floats c, int n, int k, int m, int onto) {
  for (int i = 0; i < n; i += DOWNWARDS)
    for (int j = 0; j < m; j += 4 * ACROSS) {
      Tile tile = onto ? read(c, i, j, m) : zeros();
      for (int p = 0; p < k; p++) accumulate(&tile, a, i * k + p, k, b, p, j, m);
      write(tile, c, i, j, m);
    }
}

void multiply(Floats a, Floats b, Floats c, int n, int k, int m) { product(a, b, c, n, k, m, 0); }

void multiply_add(Floats a, Floats b, Floats c, int n, int k, int m) { product(a, b, c, n, k, m, 1); }

void outer_add(Floats a, Floats b, Floats c, int n, int p, int q) {
  enum { BLOCK = 64 }; /* rows of a and b that stay in the cache while c passes by */
  for (int from = 0; from < n; from += BLOCK) {
    int to = from + BLOCK < n ? from + BLOCK : n;
    for (int i = 0; i < p; i += DOWNWARDS)
      for (int j = 0; j < q; j += 4 * ACROSS) {
        Tile tile = read(c, i, j, q);
        for (int at = from; at < to; at++) accumulate(&tile, a, at * p + i, 1, b, at, j, q);
        write(tile, c, i, j, q);
      }
  }
}

void transpose(Floats a, Floats b, int n, int m) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) OF(b, j * n + i) = OF(a, i * m + j);
}
