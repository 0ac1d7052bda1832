#pragma once
#include "guard.h"

/* c [n, m] = a [n, k] b [k, m].  Rows are taken in fours: a and c have room for n rounded up. m is a multiple of 8. */
void multiply(Floats a, Floats b, Floats c, int n, int k, int m);

/* c [n, m] += a [n, k] b [k, m] */
void multiply_add(Floats a, Floats b, Floats c, int n, int k, int m);

/* c [p, q] += a [n, p]' b [n, q]: the gradient of a matrix.  p is a multiple of 4, q of 8. */
void outer_add(Floats a, Floats b, Floats c, int n, int p, int q);

/* b [m, n] = a [n, m]' */
void transpose(Floats a, Floats b, int n, int m);
