/*
 * The C peer of S1: memcpy, hot, walking through a region of which each copy takes the next piece.
 *
 *     copy BYTES REGION_BYTES COPIES_PER_SAMPLE DURATION_MS
 *
 * A region as long as one copy means: the same bytes again and again. Both are powers of two. Prints one JSON line with the median over samples of the mean time of one copy, the statistic the JavaScript side uses.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_MAX = 100000 };

static double samples[SAMPLES_MAX];

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: copy BYTES REGION_BYTES COPIES_PER_SAMPLE DURATION_MS\n");
    return 2;
  }
  const size_t bytes = strtoull(argv[1], NULL, 10);
  const size_t region = strtoull(argv[2], NULL, 10);
  const long copies = strtol(argv[3], NULL, 10);
  const int64_t duration_ns = strtoll(argv[4], NULL, 10) * 1000000;
  if (bytes < 1 || region < bytes || (bytes & (bytes - 1)) != 0 || (region & (region - 1)) != 0 || copies < 1) {
    fprintf(stderr, "copy: cannot copy %zu of %zu bytes %ld times\n", bytes, region, copies);
    return 2;
  }
  uint8_t *from = aligned_alloc(4096, (region + 4095) / 4096 * 4096);
  uint8_t *to = aligned_alloc(4096, (region + 4095) / 4096 * 4096);
  if (from == NULL || to == NULL) {
    fprintf(stderr, "copy: no memory\n");
    return 1;
  }
  for (size_t i = 0; i < region; i++) from[i] = (uint8_t)(i * 31 + (i >> 8) + 7);
  memset(to, 0, region);

  size_t count = 0, at = 0;
  const int64_t begin = now_ns();
  int64_t before = begin;
  do {
    for (long i = 0; i < copies; i++) {
      memcpy(to + at, from + at, bytes);
      at = (at + bytes) & (region - 1);
      /* Without it the compiler would see that all copies but one are useless. */
      __asm__ volatile("" : : "r"(to), "r"(from) : "memory");
    }
    const int64_t after = now_ns();
    samples[count++] = (double)(after - before) / (double)copies;
    before = after;
  } while (count < SAMPLES_MAX && before - begin < duration_ns);

  if (memcmp(to, from, region) != 0 && (size_t)copies * count * bytes >= region) {
    fprintf(stderr, "copy: the copy differs\n");
    return 1;
  }
  qsort(samples, count, sizeof samples[0], ascending);
  printf("{\"peer\":\"c-copy\",\"bytes\":%zu,\"samples\":%zu,\"nsPerOperation\":%.4f}\n", bytes, count, samples[count / 2]);
  return 0;
}
