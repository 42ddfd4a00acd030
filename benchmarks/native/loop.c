/* A native timing loop over ONNX Runtime's C API: what a measurement costs without Python in it.
 *
 * loop LIBRARY MODEL THREADS SPEC DATA
 *
 * SPEC holds a line for each tensor: "in NAME TYPE OFFSET BYTES RANK SIZE..." or "out NAME"; DATA the inputs' bytes.
 * Then, for each line "NANOSECONDS MOST BETWEEN" on stdin: warm up, run for so long, and write to stdout how many
 * runs were timed (int64) and the nanoseconds of each (int64). BETWEEN runs are made untimed before each timed one.
 *
 * OrtApi is a struct of function pointers that only ever grows at its end (onnxruntime_c_api.h), so the few that are
 * needed are named here by their places, which hold for every version since 1.0. ONNX Runtime: Copyright (c)
 * Microsoft Corporation, MIT License. No part of its source is in this file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  GET_ERROR_MESSAGE = 2,
  CREATE_ENV = 3,
  CREATE_SESSION = 7,
  RUN = 9,
  CREATE_SESSION_OPTIONS = 10,
  SET_GRAPH_OPTIMIZATION_LEVEL = 23,
  SET_INTRA_OP_NUM_THREADS = 24,
  SET_INTER_OP_NUM_THREADS = 25,
  CREATE_TENSOR_WITH_DATA = 49,
  CREATE_CPU_MEMORY_INFO = 69,
};
enum { API_VERSION = 8, LOG_FATAL = 4, OPTIMIZE_ALL = 99, ARENA = 1, MEM_DEFAULT = 0, MOST_TENSORS = 256, MOST_RANK = 16 };

typedef void *Status;
typedef struct {
  const void *const *(*get_api)(uint32_t);
  const char *(*get_version)(void);
} ApiBase;

static const void *const *api;

static void check(Status status) {
  if (status == NULL) return;
  fprintf(stderr, "%s\n", ((const char *(*)(Status))api[GET_ERROR_MESSAGE])(status));
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *session;
static const char *in_names[MOST_TENSORS], *out_names[MOST_TENSORS];
static void *in_values[MOST_TENSORS], *out_values[MOST_TENSORS];
static size_t n_in, n_out;

static inline void run(void) {
  typedef Status (*Run)(void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **);
  /* Outputs that are there already are written in place: nothing is allocated after the first run. */
  check(((Run)api[RUN])(session, NULL, in_names, (const void *const *)in_values, n_in, out_names, n_out, out_values));
}

static void read_tensors(const char *spec, char *data) {
  typedef Status (*MakeInfo)(int, int, void **);
  typedef Status (*MakeTensor)(const void *, void *, size_t, const int64_t *, size_t, int, void **);
  void *memory = NULL;
  char kind[8], name[512];
  FILE *file = fopen(spec, "r");
  if (file == NULL) { perror(spec); exit(1); }
  check(((MakeInfo)api[CREATE_CPU_MEMORY_INFO])(ARENA, MEM_DEFAULT, &memory));
  while (fscanf(file, "%7s %511s", kind, name) == 2) {
    if (strcmp(kind, "out") == 0) {
      out_names[n_out++] = strdup(name);
      continue;
    }
    int type, rank;
    size_t offset, bytes;
    int64_t shape[MOST_RANK];
    if (fscanf(file, "%d %zu %zu %d", &type, &offset, &bytes, &rank) != 4 || rank > MOST_RANK) exit(1);
    for (int i = 0; i < rank; i++)
      if (fscanf(file, "%" SCNd64, &shape[i]) != 1) exit(1);
    in_names[n_in] = strdup(name);
    check(((MakeTensor)api[CREATE_TENSOR_WITH_DATA])(memory, data + offset, bytes, shape, rank, type, &in_values[n_in]));
    n_in++;
  }
  fclose(file);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  void *library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) { fprintf(stderr, "%s\n", dlerror()); return 1; }
  const ApiBase *base = ((const ApiBase *(*)(void))dlsym(library, "OrtGetApiBase"))();
  api = base->get_api(API_VERSION);
  if (api == NULL) return 1;

  FILE *file = fopen(argv[5], "rb");
  if (file == NULL) { perror(argv[5]); return 1; }
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *data = aligned_alloc(64, ((size_t)size / 64 + 1) * 64);
  if (fread(data, 1, (size_t)size, file) != (size_t)size) return 1;
  fclose(file);

  void *env = NULL, *options = NULL;
  int threads = atoi(argv[3]);
  check(((Status(*)(int, const char *, void **))api[CREATE_ENV])(LOG_FATAL, "loop", &env));
  check(((Status(*)(void **))api[CREATE_SESSION_OPTIONS])(&options));
  check(((Status(*)(void *, int))api[SET_GRAPH_OPTIMIZATION_LEVEL])(options, OPTIMIZE_ALL));
  check(((Status(*)(void *, int))api[SET_INTRA_OP_NUM_THREADS])(options, threads));
  check(((Status(*)(void *, int))api[SET_INTER_OP_NUM_THREADS])(options, 1));
  check(((Status(*)(void *, const char *, const void *, void **))api[CREATE_SESSION])(env, argv[2], options, &session));
  read_tensors(argv[4], data);
  run();

  int64_t budget, most, between;
  while (scanf("%" SCNd64 " %" SCNd64 " %" SCNd64, &budget, &most, &between) == 3) {
    int64_t *latencies = malloc(sizeof(int64_t) * (size_t)most), count = 0;
    for (int64_t end = now_ns() + 10000000; now_ns() < end;) run();
    for (int64_t end = now_ns() + budget, now = 0; now < end && count < most;) {
      for (int64_t i = 0; i < between; i++) run();
      int64_t start = now_ns();
      run();
      now = now_ns();
      latencies[count++] = now - start;
    }
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(latencies, sizeof(int64_t), (size_t)count, stdout);
    fflush(stdout);
    free(latencies);
  }
  return 0;
}
