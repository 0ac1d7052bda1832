/* Four numbers at a time, and the two functions that no library brings: exp and log. */
#pragma once
#include <wasm_simd128.h>

#include "guard.h"

typedef v128_t Four;

static inline Four load(Floats a, int i) {
  (void)CHECK(a, i);
  (void)CHECK(a, i + 3);
  return wasm_v128_load(a.at + i);
}
static inline void store(Floats a, int i, Four x) {
  (void)CHECK(a, i);
  (void)CHECK(a, i + 3);
  wasm_v128_store(a.at + i, x);
}
static inline Four everywhere(float x) { return wasm_f32x4_splat(x); }
static inline Four load_everywhere(Floats a, int i) { return wasm_v128_load32_splat(a.at + CHECK(a, i)); }
static inline Four add(Four a, Four b) { return wasm_f32x4_add(a, b); }
static inline Four sub(Four a, Four b) { return wasm_f32x4_sub(a, b); }
static inline Four mul(Four a, Four b) { return wasm_f32x4_mul(a, b); }
static inline Four mul_add(Four a, Four b, Four c) { return add(mul(a, b), c); }

/* a0 + a1 + a2 + a3 */
static inline float sum(Four a) {
  a = add(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
  a = add(a, wasm_i32x4_shuffle(a, a, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(a, 0);
}

static inline float largest(Four a) {
  a = wasm_f32x4_pmax(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
  a = wasm_f32x4_pmax(a, wasm_i32x4_shuffle(a, a, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(a, 0);
}

/* e^a to about one unit of the last digit (Cephes): a = n log 2 + rest, a polynomial in the rest, n into the exponent.
   Below e^-87, the smallest normal number, it is 0. */
static inline Four exponential(Four a) {
  Four above = wasm_f32x4_ge(a, everywhere(-87.0f));
  Four x = wasm_f32x4_pmin(everywhere(88.0f), wasm_f32x4_pmax(everywhere(-87.0f), a));
  Four n = wasm_f32x4_nearest(mul(x, everywhere(1.44269504f)));
  x = mul_add(n, everywhere(-0.693359375f), x);
  x = mul_add(n, everywhere(2.12194440e-4f), x);
  Four y = everywhere(1.9875691500e-4f);
  y = mul_add(y, x, everywhere(1.3981999507e-3f));
  y = mul_add(y, x, everywhere(8.3334519073e-3f));
  y = mul_add(y, x, everywhere(4.1665795894e-2f));
  y = mul_add(y, x, everywhere(1.6666665459e-1f));
  y = mul_add(y, x, everywhere(0.5f));
  y = add(mul_add(mul(x, x), y, x), everywhere(1.0f));
  Four power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
  Four nan = wasm_f32x4_ne(a, a);
  return wasm_v128_bitselect(a, wasm_v128_and(mul(y, power), above), nan);
}

/* 1 / (1 + e^-a) */
static inline Four sigmoid(Four a) {
  return wasm_f32x4_div(everywhere(1.0f), add(everywhere(1.0f), exponential(wasm_f32x4_neg(a))));
}

/* log a of a normal a > 0: a = 2^n m with m next to 1, log m = 2 artanh((m - 1) / (m + 1)). NaN stays NaN. */
static inline double logarithm(float a) {
  union { float value; unsigned bits; } m = {a};
  if (!(a < __builtin_inff())) return (double)a;
  int n = (int)(m.bits >> 23) - 127;
  m.bits = (m.bits & 0x7fffff) | 0x3f800000;
  if (m.value > 1.41421356f) m.value *= 0.5f, n++;
  double s = (m.value - 1.0) / (m.value + 1.0), z = s * s;
  double series = 1 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z / 11))));
  return n * 0.69314718055994531 + 2 * s * series;
}
