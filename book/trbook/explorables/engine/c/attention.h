#pragma once

/* Causal attention of rows 0 .. n - 1 of a layer over the cache: qkv, cache -> attention, attended. */
void attend(int layer, int n);

/* row_gradient, of `attended` -> qkv_gradient (set to 0 before). Every row's slot is its own number. */
void attend_backward(int layer, int n);
