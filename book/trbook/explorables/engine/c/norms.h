#pragma once
#include "guard.h"

/* y = x s w with s = 1 / sqrt(mean x^2 + 1e-6), row by row.  x, y [n, WIDTH], w [WIDTH], s [n] is kept. */
void norm(Floats x, Floats w, Floats s, Floats y, int n);

/* What a gradient dy [n, WIDTH] makes of it: dw += sum s x dy, and for every row
   dx += s w dy - x s^3 mean(w x dy), added to row to[i] of dx (to = 0: row i). */
void norm_backward(Floats x, Floats w, Floats s, Floats dy, Floats dx, const int *to, Floats dw, int n);
