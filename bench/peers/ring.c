/*
 * The C peer of S2 and S3: a submission and a completion ring between two threads, a driver and a device.
 *
 *     ring PAYLOAD_BYTES REQUESTS IN_FLIGHT BATCH DEVICE_BYTES
 *
 *     submissions   1024 slots of 32 bytes: host address, device offset, length, tag, flags, sequence
 *     completions   1024 slots of 16 bytes: tag, status, bytes moved, sequence
 *
 * Indices run free and are masked at the slot; one release store and one acquire load a batch. Both sides spin for a
 * bounded while and then sleep; whoever publishes wakes the other side only if it sleeps. The driver checks every
 * completion: its request is in flight, succeeded, moved all bytes, and arrives in its place.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLOTS = 1024, MASK = SLOTS - 1, SPINS_MAX = 2000, LINE_BYTES = 128, BATCH_MAX = 256 };
enum { STATUS_OK = 0, STATUS_OUT_OF_BOUNDS = 1 };

struct submission {
  uint64_t address;
  uint32_t device_offset, length, tag, flags, sequence, spare;
};
struct completion {
  uint32_t tag, status, length, sequence;
};
_Static_assert(sizeof(struct submission) == 32, "a submission has 32 bytes");
_Static_assert(sizeof(struct completion) == 16, "a completion has 16 bytes");

/* Somebody who may sleep until an index moves. */
struct sleeper {
  _Alignas(LINE_BYTES) _Atomic uint32_t asleep;
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  bool woken;
  uint64_t sleeps;
};

static _Alignas(LINE_BYTES) struct submission submissions[SLOTS];
static _Alignas(LINE_BYTES) struct completion completions[SLOTS];
static _Alignas(LINE_BYTES) _Atomic uint32_t submission_tail;
static _Alignas(LINE_BYTES) _Atomic uint32_t submission_head;
static _Alignas(LINE_BYTES) _Atomic uint32_t completion_tail;
static _Alignas(LINE_BYTES) _Atomic uint32_t stop;
static struct sleeper device_sleeper = {.mutex = PTHREAD_MUTEX_INITIALIZER, .condition = PTHREAD_COND_INITIALIZER};
static struct sleeper driver_sleeper = {.mutex = PTHREAD_MUTEX_INITIALIZER, .condition = PTHREAD_COND_INITIALIZER};

static uint8_t *host_memory, *device_memory;
static uint64_t host_bytes, device_bytes;

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void wake(struct sleeper *who) {
  /* The index was stored before: the fence keeps it before the look at the flag. */
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_load_explicit(&who->asleep, memory_order_relaxed) == 0) return;
  pthread_mutex_lock(&who->mutex);
  who->woken = true;
  pthread_cond_signal(&who->condition);
  pthread_mutex_unlock(&who->mutex);
}

/* Returns when `index` no longer holds `seen`, or when the run ends. */
static void wait_for_change(struct sleeper *self, _Atomic uint32_t *index, uint32_t seen) {
  for (int spin = 0; spin < SPINS_MAX; spin++) {
    if (atomic_load_explicit(index, memory_order_acquire) != seen) return;
    relax();
  }
  pthread_mutex_lock(&self->mutex);
  self->woken = false;
  atomic_store(&self->asleep, 1);
  /* Looked at again after the flag is up: a publication in between is seen here. */
  while (!self->woken && atomic_load(index) == seen && atomic_load(&stop) == 0) {
    self->sleeps++;
    pthread_cond_wait(&self->condition, &self->mutex);
  }
  atomic_store(&self->asleep, 0);
  pthread_mutex_unlock(&self->mutex);
}

static uint32_t move(const struct submission *s) {
  if (s->length > host_bytes || s->address > host_bytes - s->length) return STATUS_OUT_OF_BOUNDS;
  if (s->length > device_bytes || s->device_offset > device_bytes - s->length) return STATUS_OUT_OF_BOUNDS;
  memcpy(device_memory + s->device_offset, host_memory + s->address, s->length);
  return STATUS_OK;
}

static void *device(void *batch_argument) {
  const uint32_t batch = *(const uint32_t *)batch_argument;
  uint32_t head = 0;
  while (atomic_load_explicit(&stop, memory_order_relaxed) == 0) {
    const uint32_t tail = atomic_load_explicit(&submission_tail, memory_order_acquire);
    if (tail == head) {
      wait_for_change(&device_sleeper, &submission_tail, head);
      continue;
    }
    const uint32_t count = tail - head < batch ? tail - head : batch;
    for (uint32_t i = 0; i < count; i++, head++) {
      const struct submission *s = &submissions[head & MASK];
      struct completion *c = &completions[head & MASK];
      c->tag = s->tag;
      c->status = move(s);
      c->length = s->length;
      c->sequence = head;
    }
    atomic_store_explicit(&submission_head, head, memory_order_release);
    atomic_store_explicit(&completion_tail, head, memory_order_release);
    wake(&driver_sleeper);
  }
  return NULL;
}

static void fail(const char *what, uint32_t number) {
  fprintf(stderr, "ring: %s (%u)\n", what, number);
  exit(1);
}

static void check(const struct completion *c, uint32_t sequence, uint32_t length, uint8_t *in_flight, uint32_t tags) {
  if (c->tag >= tags || in_flight[c->tag] != 1) fail("a completion for nothing in flight", c->tag);
  if (c->status != STATUS_OK) fail("a request failed", c->tag);
  if (c->length != length) fail("a request moved the wrong number of bytes", c->tag);
  if (c->sequence != sequence) fail("a completion out of place", c->sequence);
  in_flight[c->tag] = 0;
}

/* Tags that carried a request: the newest free one is taken first, so some may never be. */
static uint8_t *used;

static void drive(uint64_t requests, uint32_t length, uint32_t tags, uint32_t batch) {
  uint8_t *in_flight = calloc(tags, 1);
  uint32_t *free_tags = malloc(tags * sizeof *free_tags);
  used = calloc(tags, 1);
  if (in_flight == NULL || free_tags == NULL || used == NULL) fail("no memory", 0);
  for (uint32_t i = 0; i < tags; i++) free_tags[i] = i;
  uint32_t free_count = tags, tail = 0, head = 0;
  uint64_t left = requests, done = 0;
  while (done < requests) {
    if (free_count >= batch || free_count >= left) {
      uint32_t count = left < batch ? (uint32_t)left : batch;
      for (uint32_t i = 0; i < count; i++, tail++) {
        struct submission *s = &submissions[tail & MASK];
        const uint32_t tag = free_tags[--free_count];
        s->address = (uint64_t)tag * length;
        s->device_offset = (uint32_t)((uint64_t)tag * length % (device_bytes - length + 1));
        s->length = length;
        s->tag = tag;
        s->flags = 1;
        s->sequence = tail;
        in_flight[tag] = 1;
        used[tag] = 1;
      }
      left -= count;
      if (count > 0) {
        atomic_store_explicit(&submission_tail, tail, memory_order_release);
        wake(&device_sleeper);
      }
    }
    const uint32_t ready = atomic_load_explicit(&completion_tail, memory_order_acquire);
    if (ready == head) {
      if (free_count >= batch && left > 0) continue;
      wait_for_change(&driver_sleeper, &completion_tail, head);
      continue;
    }
    for (; head != ready; head++, done++) {
      const struct completion *c = &completions[head & MASK];
      check(c, head, length, in_flight, tags);
      free_tags[free_count++] = c->tag;
    }
  }
  free(in_flight);
  free(free_tags);
}

static void check_payload(uint32_t length, uint32_t tags) {
  if (length == 0) return;
  /* Only when no two tags share device memory is it known what must lie there. */
  if ((uint64_t)tags * length > device_bytes) return;
  for (uint32_t tag = 0; tag < tags; tag++) {
    if (!used[tag]) continue;
    const uint64_t at = (uint64_t)tag * length;
    if (memcmp(device_memory + at, host_memory + at, length) != 0) fail("payload differs", tag);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: ring PAYLOAD_BYTES REQUESTS IN_FLIGHT BATCH DEVICE_BYTES\n");
    return 2;
  }
  const uint32_t length = (uint32_t)strtoul(argv[1], NULL, 10);
  const uint64_t requests = strtoull(argv[2], NULL, 10);
  const uint32_t tags = (uint32_t)strtoul(argv[3], NULL, 10);
  uint32_t batch = (uint32_t)strtoul(argv[4], NULL, 10);
  device_bytes = strtoull(argv[5], NULL, 10);
  host_bytes = (uint64_t)tags * length;
  if (tags < 1 || tags > SLOTS || batch < 1 || batch > BATCH_MAX || batch > tags || requests < 1 || device_bytes < length) {
    fprintf(stderr, "ring: these sizes do not fit\n");
    return 2;
  }
  host_memory = aligned_alloc(4096, (host_bytes + 4096) / 4096 * 4096);
  device_memory = aligned_alloc(4096, (device_bytes + 4096) / 4096 * 4096);
  if (host_memory == NULL || device_memory == NULL) fail("no memory", 0);
  for (uint64_t i = 0; i < host_bytes; i++) host_memory[i] = (uint8_t)(i * 31 + (i >> 8) + 7);
  memset(device_memory, 0, device_bytes);

  pthread_t thread;
  if (pthread_create(&thread, NULL, device, &batch) != 0) fail("no thread", 0);
  const int64_t begin = now_ns();
  drive(requests, length, tags, batch);
  const int64_t end = now_ns();
  atomic_store(&stop, 1);
  wake(&device_sleeper);
  pthread_join(thread, NULL);
  check_payload(length, tags);
  printf("{\"peer\":\"c-ring\",\"payloadBytes\":%u,\"requests\":%llu,\"nsPerOperation\":%.4f,\"driverSleeps\":%llu,\"deviceSleeps\":%llu}\n", length,
         (unsigned long long)requests, (double)(end - begin) / (double)requests, (unsigned long long)driver_sleeper.sleeps,
         (unsigned long long)device_sleeper.sleeps);
  return 0;
}
