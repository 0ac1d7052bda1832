#pragma once
#include "guard.h"

/* Turns the queries and keys of one row (the first 2 WIDTH numbers of its queries, keys and values): each pair
   (d, d + HALF) of a head by the position's d-th angle. direction 1: forward; -1: back, which is the gradient's way. */
void turn(Floats qkv_row, int place, float direction);
