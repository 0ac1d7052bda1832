/* Arrays that know their length.

   In the checked build (-DCHECKED) every index is compared with the length and a miss calls `fault`, which the page
   turns into an error with the array's name, the index and the length. In the other build all of this is a pointer. */
#pragma once

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

#ifdef CHECKED

_Noreturn void fault(const char *name, int index, int length)
    __attribute__((import_module("env"), import_name("fault")));

typedef struct { float *at; int length; const char *name; } Floats;

static inline int guard(int index, int length, const char *name) {
  if ((unsigned)index >= (unsigned)length) fault(name, index, length);
  return index;
}

/* A whole array. */
#define FLOATS(array) ((Floats){(array), LENGTH(array), #array})

/* `length` numbers of `a` from `first` on. */
static inline Floats part(Floats a, int first, int length) {
  if (first < 0 || length < 0) fault(a.name, first < 0 ? first : length, a.length);
  if (first + length > a.length) fault(a.name, first + length - 1, a.length);
  return (Floats){a.at + first, length, a.name};
}

#define CHECK(a, index) guard((index), (a).length, (a).name)

#else

typedef struct { float *at; } Floats;
#define guard(index, length, name) (index)
#define FLOATS(array) ((Floats){(array)})
static inline Floats part(Floats a, int first, int length) { (void)length; return (Floats){a.at + first}; }
#define CHECK(a, index) (index)

#endif

/* One element of a declared array, and of a slice. */
#define AT(array, index) (array)[guard((index), LENGTH(array), #array)]
#define OF(a, index) (a).at[CHECK(a, index)]

/* Row `i` of a matrix whose rows are `width` long. */
static inline Floats row(Floats a, int i, int width) { return part(a, i * width, width); }
