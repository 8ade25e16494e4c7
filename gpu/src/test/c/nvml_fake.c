/*
 * A fake of NVML, with NVML's symbols and without hardware. Tests and demonstrations load it through
 * the same code as the driver's libnvidia-ml.so.1. A script says what it answers. The script is read
 * again at every call, so that a device can be lost or a process can appear while the caller runs.
 *
 * Build (x86-64 or AArch64 Linux, package gcc):
 *
 *   cc -shared -fPIC -Wl,-soname,libnvidia-ml.so.1 -o libnvidia-ml.so.1 nvml_fake.c -ldl
 *
 *   -DNVML_FAKE_NO_V3       a driver before 510: without nvmlDeviceGetComputeRunningProcesses_v3 and
 *                           nvmlDeviceGetMemoryInfo_v2
 *   -DNVML_FAKE_NO_V2       a driver before 450: also without ..._v2 of the process list and without
 *                           nvmlDeviceGetMigMode
 *   -DNVML_FAKE_WIDE_V3     a driver from 535.43 to 535.86: ..._v3 writes entries of 32 bytes
 *   -DNVML_FAKE_ONLY_OLD    a driver before 450 that has no ..._v2 of any function
 *   -DNVML_FAKE_ONLY_NEW    a library that has only the newest version of each function
 *   -DNVML_FAKE_NO_INIT     a library that is not NVML: without nvmlInit_v2 and nvmlInit
 *
 * The script is the file named by the environment variable NVML_FAKE_SCRIPT or, without it, the
 * library's own path followed by ".script". A script that cannot be read makes nvmlInit_v2 answer
 * NVML_ERROR_DRIVER_NOT_LOADED, and every other call NVML_ERROR_UNKNOWN. Replace it by a rename, so
 * that no call sees half of it. Each line is one statement. Blank lines and lines that start with #
 * are ignored:
 *
 *   driver 535.154.05                    what nvmlSystemGetDriverVersion answers
 *   nvml 12.535.154.05                   what nvmlSystemGetNVMLVersion answers
 *   log FILE                             every call appends "<function> <kernel thread id>\n"
 *   device UUID NAME ...                 a device; the name is the rest of the line
 *   cuda VERSION                         12040 for 12.4; unsupported by default
 *   memory TOTAL RESERVED USED           of the device above, in bytes; USED is without RESERVED
 *   memory unsupported                   of the device above, as on GB10
 *   pci BUSID                            of the device above, 00000000:3B:00.0; unsupported by default
 *   mig off|on|unsupported               of the device above; the default is unsupported
 *   minor N                              of the device above; the default is its index
 *   process PID BYTES                    on the device above; with "-" the driver reports no BYTES
 *   graphics PID BYTES                   the same for a process that draws
 *   graphics unsupported                 of the device above, a device that cannot draw
 *   fact NAME VALUE                      of the device above; see enum facts; unsupported by default
 *   field ID TYPE VALUE                  the value of a field, and its nvmlValueType_t
 *   xid SEQUENCE NUMBER                  an error of the device above; each sequence number once
 *   stick SEQUENCE CODE                  every call for the device above answers CODE from now on, until
 *                                        the library was shut down as often as it was initialised; each
 *                                        sequence number once
 *   error FUNCTION CODE                  FUNCTION (without _v2, _v3) answers CODE and does nothing;
 *                                        before the first device: for all; below a device: for it
 *   delay FUNCTION MILLISECONDS          FUNCTION answers that much later
 *   hang FUNCTION                        FUNCTION does not return as long as the script says so;
 *                                        before the first device: for all; below a device: for it
 *
 * Like NVML: the used memory of nvmlDeviceGetMemoryInfo (version 1) includes the reserved memory; a
 * process list longer than the buffer is NVML_ERROR_INSUFFICIENT_SIZE with the number needed; every
 * call before nvmlInit_v2 or after nvmlShutdown is NVML_ERROR_UNINITIALIZED; the number of devices is
 * the one at the call of nvmlInit_v2.
 *
 * Unlike NVML: nvmlInit, nvmlDeviceGetCount and nvmlDeviceGetHandleByIndex answer
 * NVML_ERROR_DEPRECATED if the library also has their _v2. A test then notices a caller that does not
 * call the newest version.
 */
#ifdef NVML_FAKE_ONLY_OLD
#define NVML_FAKE_NO_V2
#define OLD(body) body
#else
#define OLD(body) return DEPRECATED
#endif
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  SUCCESS = 0,
  UNINITIALIZED = 1,
  INVALID_ARGUMENT = 2,
  NOT_SUPPORTED = 3,
  INSUFFICIENT_SIZE = 7,
  DRIVER_NOT_LOADED = 9,
  TIMEOUT = 10,
  ARGUMENT_VERSION_MISMATCH = 25,
  DEPRECATED = 26,
  UNKNOWN = 999
};

enum { MAX_DEVICES = 32, MAX_PROCESSES = 4096, MAX_ERRORS = 64, TEXT = 256, ALL_DEVICES = -1 };

/* Layouts: sizes and offsets of the published nvml.h, checked when this is compiled. */
struct memory_v1 { unsigned long long total, free, used; };
struct memory_v2 { unsigned int version; unsigned long long total, reserved, free, used; };
struct process_v1 { unsigned int pid; unsigned long long used_memory; };
struct process_v2 { unsigned int pid; unsigned long long used_memory; unsigned int gpu_instance, compute_instance; };
struct process_wide { struct process_v2 common; unsigned long long protected_memory; };
_Static_assert(sizeof(struct memory_v1) == 24, "nvmlMemory_t");
_Static_assert(sizeof(struct memory_v2) == 40 && offsetof(struct memory_v2, used) == 32, "nvmlMemory_v2_t");
_Static_assert(sizeof(struct process_v1) == 16, "nvmlProcessInfo_v1_t");
_Static_assert(sizeof(struct process_v2) == 24 && offsetof(struct process_v2, gpu_instance) == 16, "nvmlProcessInfo_v2_t");
_Static_assert(sizeof(struct process_wide) == 32, "nvmlProcessInfo_t of driver 535.43");
#define MEMORY_V2_VERSION 0x2000028u

struct process_list { int count; struct process { unsigned int pid; unsigned long long bytes; } entries[MAX_PROCESSES]; };
struct utilization { unsigned int gpu, memory; };
struct pci_info { char bus_id_legacy[16]; unsigned int domain, bus, device, pci_device_id, pci_subsystem_id; char bus_id[32]; };
struct fabric_info { unsigned char cluster_uuid[16]; int status; unsigned int clique_id; unsigned char state; };
struct field_value { unsigned int id, scope; long long timestamp, latency; int type, code; union { unsigned int u32; int i32; unsigned long long u64; } value; };
struct event_data { void *device; unsigned long long type, data; unsigned int gpu_instance, compute_instance; };
_Static_assert(sizeof(struct utilization) == 8, "nvmlUtilization_t");
_Static_assert(sizeof(struct pci_info) == 68 && offsetof(struct pci_info, bus_id) == 36, "nvmlPciInfo_t");
_Static_assert(sizeof(struct fabric_info) == 28 && offsetof(struct fabric_info, state) == 24, "nvmlGpuFabricInfo_t");
_Static_assert(sizeof(struct field_value) == 40 && offsetof(struct field_value, value) == 32, "nvmlFieldValue_t");
_Static_assert(sizeof(struct event_data) == 32 && offsetof(struct event_data, data) == 16, "nvmlEventData_t");

/* What `fact` can set. */
enum facts {
  POWER, TEMPERATURE, SM_CLOCK, MEMORY_CLOCK, GPU_UTILIZATION, MEMORY_UTILIZATION, ECC, ECC_PENDING, ECC_ERRORS,
  PERSISTENCE, COMPUTE_MODE, FABRIC_STATE, FABRIC_STATUS, CLOCK_REASONS, ENERGY, REMAP_PENDING, REMAP_FAILED,
  RETIRED_PENDING, MIG_PENDING, POWER_LIMIT, FACTS
};
static const char *const fact_names[FACTS] = {
  "power", "temperature", "sm-clock", "memory-clock", "utilization", "memory-utilization", "ecc", "ecc-pending", "ecc-errors",
  "persistence", "compute-mode", "fabric-state", "fabric-status", "clock-reasons", "energy", "remap-pending", "remap-failed",
  "retired-pending", "mig-pending", "power-limit"
};

enum { MAX_FIELDS = 16, MAX_EVENTS = 512 };
struct field { unsigned int id; int type; unsigned long long value; };

struct device {
  char uuid[TEXT], name[TEXT], bus_id[TEXT];
  int has_memory, draws;
  unsigned long long total, reserved, used;
  int mig; /* 0 off, 1 on, -1 unsupported */
  int minor;
  struct process_list computing, drawing;
  int has_fact[FACTS];
  unsigned long long facts[FACTS];
  int field_count;
  struct field fields[MAX_FIELDS];
  int stick;
};

struct rule { char function[TEXT]; int device; int value; };
struct event { int device; int sequence; unsigned long long number; };

struct script {
  char driver[TEXT], nvml[TEXT], log[4096];
  int cuda;
  int device_count, error_count, delay_count, hang_count, event_count;
  struct device devices[MAX_DEVICES];
  struct rule errors[MAX_ERRORS], delays[MAX_ERRORS], hangs[MAX_ERRORS];
  struct event events[MAX_EVENTS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct script script;
static int initialised;
static int stuck[32];
static int registered[32];
static int last_event, last_stick;
static unsigned int counted_devices;
static char handles[MAX_DEVICES];

static void script_path(char *path, size_t size) {
  const char *named = getenv("NVML_FAKE_SCRIPT");
  Dl_info self;
  if (named != NULL) {
    snprintf(path, size, "%s", named);
  } else if (dladdr((void *)&script, &self) != 0) {
    snprintf(path, size, "%s.script", self.dli_fname);
  } else {
    path[0] = 0;
  }
}

static int add_process(struct process_list *list, unsigned int pid, const char *bytes) {
  if (list->count == MAX_PROCESSES) {
    return 0;
  }
  list->entries[list->count].pid = pid;
  list->entries[list->count++].bytes = strcmp(bytes, "-") == 0 ? ~0ULL : strtoull(bytes, NULL, 10);
  return 1;
}

/* Reads a statement that adds to the device above. Returns 0 if it is none. */
static int device_statement(const char *line, struct device *last) {
  char word[TEXT], bytes[TEXT];
  unsigned int pid, id;
  int value;
  unsigned long long number;
  if (strcmp(line, "memory unsupported") == 0) {
    last->has_memory = 0;
    return 1;
  }
  if (sscanf(line, "memory %llu %llu %llu", &last->total, &last->reserved, &last->used) == 3 ||
      sscanf(line, "pci %255s", last->bus_id) == 1 || sscanf(line, "minor %d", &last->minor) == 1) {
    return 1;
  }
  if (sscanf(line, "mig %255s", word) == 1) {
    last->mig = strcmp(word, "on") == 0 ? 1 : strcmp(word, "off") == 0 ? 0 : -1;
    return 1;
  }
  if (strcmp(line, "graphics unsupported") == 0) {
    last->draws = 0;
    return 1;
  }
  if (sscanf(line, "process %u %255s", &pid, bytes) == 2) {
    return add_process(&last->computing, pid, bytes);
  }
  if (sscanf(line, "graphics %u %255s", &pid, bytes) == 2) {
    return add_process(&last->drawing, pid, bytes);
  }
  if (sscanf(line, "fact %255s %llu", word, &number) == 2) {
    for (int i = 0; i < FACTS; i++) {
      if (strcmp(word, fact_names[i]) == 0) {
        last->has_fact[i] = 1;
        last->facts[i] = number;
        return 1;
      }
    }
  }
  if (sscanf(line, "field %u %d %llu", &id, &value, &number) == 3 && last->field_count < MAX_FIELDS) {
    last->fields[last->field_count++] = (struct field){id, value, number};
    return 1;
  }
  if (sscanf(line, "xid %d %llu", &value, &number) == 2 && script.event_count < MAX_EVENTS) {
    script.events[script.event_count++] = (struct event){script.device_count - 1, value, number};
    return 1;
  }
  if (sscanf(line, "stick %d %u", &value, &id) == 2) {
    if (value > last_stick) {
      last_stick = value;
      stuck[script.device_count - 1] = (int)id;
    }
    return 1;
  }
  return 0;
}

static void statement(const char *line) {
  struct device *last = script.device_count == 0 ? NULL : &script.devices[script.device_count - 1];
  char word[TEXT];
  int value;
  if (line[0] == 0 || line[0] == '#') {
    return;
  }
  if (sscanf(line, "driver %255s", script.driver) == 1 || sscanf(line, "nvml %255s", script.nvml) == 1 ||
      sscanf(line, "log %4095s", script.log) == 1 || sscanf(line, "cuda %d", &script.cuda) == 1) {
    return;
  }
  if (strncmp(line, "device ", 7) == 0 && script.device_count < MAX_DEVICES) {
    struct device *added = &script.devices[script.device_count];
    memset(added, 0, sizeof *added);
    added->has_memory = added->draws = 1;
    added->mig = -1;
    added->minor = script.device_count;
    if (sscanf(line, "device %255s %255[^\n]", added->uuid, added->name) >= 1) {
      script.device_count++;
      return;
    }
  }
  if (sscanf(line, "error %255s %d", word, &value) == 2 && script.error_count < MAX_ERRORS) {
    struct rule *added = &script.errors[script.error_count++];
    strcpy(added->function, word);
    added->device = script.device_count - 1; /* ALL_DEVICES before the first one */
    added->value = value;
    return;
  }
  if (sscanf(line, "delay %255s %d", word, &value) == 2 && script.delay_count < MAX_ERRORS) {
    struct rule *added = &script.delays[script.delay_count++];
    strcpy(added->function, word);
    added->device = ALL_DEVICES;
    added->value = value;
    return;
  }
  if (sscanf(line, "hang %255s", word) == 1 && script.hang_count < MAX_ERRORS) {
    struct rule *added = &script.hangs[script.hang_count++];
    strcpy(added->function, word);
    added->device = script.device_count - 1;
    return;
  }
  if (last != NULL && device_statement(line, last)) {
    return;
  }
  fprintf(stderr, "nvml_fake: not a statement: %s\n", line);
  abort(); /* otherwise a wrong script would look like a machine without that device */
}

/* Reads the script. Returns 0 if it cannot be read. */
static int read_script(void) {
  char path[4096], line[1024];
  script_path(path, sizeof path);
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    return 0;
  }
  script.driver[0] = script.nvml[0] = script.log[0] = 0;
  script.device_count = script.error_count = script.delay_count = script.hang_count = script.event_count = 0;
  script.cuda = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = 0;
    statement(line);
  }
  fclose(file);
  return 1;
}

static int hangs(const char *function, int device) {
  for (int i = 0; i < script.hang_count; i++) {
    const struct rule *rule = &script.hangs[i];
    if (strcmp(rule->function, function) == 0 && (rule->device == ALL_DEVICES || rule->device == device)) {
      return 1;
    }
  }
  return 0;
}

/*
 * Begins every call: takes the lock, reads the script, writes the log and waits. Returns the code that
 * the script wants, or SUCCESS to go on. leave() releases the lock.
 */
static int enter(const char *function, int device) {
  pthread_mutex_lock(&lock);
  int is_init = strcmp(function, "nvmlInit") == 0;
  if (!read_script()) {
    return is_init ? DRIVER_NOT_LOADED : UNKNOWN;
  }
  if (script.log[0] != 0) {
    FILE *log = fopen(script.log, "ae");
    if (log != NULL) {
      fprintf(log, "%s %ld\n", function, (long)syscall(SYS_gettid));
      fclose(log);
    }
  }
  while (hangs(function, device)) {
    struct timespec wait = {0, 5000000L};
    pthread_mutex_unlock(&lock);
    nanosleep(&wait, NULL);
    pthread_mutex_lock(&lock);
    if (!read_script()) {
      return UNKNOWN;
    }
  }
  for (int i = 0; i < script.delay_count; i++) {
    if (strcmp(script.delays[i].function, function) == 0) {
      struct timespec wait = {script.delays[i].value / 1000, script.delays[i].value % 1000 * 1000000L};
      nanosleep(&wait, NULL);
    }
  }
  for (int i = 0; i < script.error_count; i++) {
    const struct rule *rule = &script.errors[i];
    if (strcmp(rule->function, function) == 0 && (rule->device == ALL_DEVICES || rule->device == device)) {
      return rule->value;
    }
  }
  if (!is_init && !initialised) {
    return UNINITIALIZED;
  }
  return device >= 0 && device < MAX_DEVICES ? stuck[device] : SUCCESS;
}

static int leave(int code) {
  pthread_mutex_unlock(&lock);
  return code;
}

static int index_of(const void *handle) {
  const char *at = handle;
  return at >= handles && at < handles + MAX_DEVICES ? (int)(at - handles) : MAX_DEVICES;
}

/* Begins a call on a device, as enter() does. Sets *device if it returns SUCCESS. */
static int enter_device(const char *function, const void *handle, struct device **device) {
  int index = index_of(handle);
  int code = enter(function, index);
  if (code == SUCCESS && index >= script.device_count) {
    code = INVALID_ARGUMENT;
  }
  if (code == SUCCESS) {
    *device = &script.devices[index];
  }
  return code;
}

static int copy_text(const char *text, char *to, unsigned int length) {
  if (strlen(text) + 1 > length) {
    return INSUFFICIENT_SIZE;
  }
  strcpy(to, text);
  return SUCCESS;
}

#ifndef NVML_FAKE_NO_INIT
static int init(void) {
  int code = enter("nvmlInit", ALL_DEVICES);
  if (code == SUCCESS) {
    if (initialised++ == 0) {
      memset(stuck, 0, sizeof stuck);
      memset(registered, 0, sizeof registered);
    }
    counted_devices = (unsigned int)script.device_count;
  }
  return leave(code);
}
#endif

int nvmlShutdown(void) {
  int code = enter("nvmlShutdown", ALL_DEVICES);
  if (code == SUCCESS) {
    initialised--;
  }
  return leave(code);
}

const char *nvmlErrorString(int code) {
  switch (code) {
    case SUCCESS: return "Success";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    case 15: return "GPU is lost";
    case 16: return "GPU requires reset";
    case 18: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}

int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
  int code = enter("nvmlSystemGetDriverVersion", ALL_DEVICES);
  return leave(code == SUCCESS ? copy_text(script.driver, version, length) : code);
}

int nvmlSystemGetNVMLVersion(char *version, unsigned int length) {
  int code = enter("nvmlSystemGetNVMLVersion", ALL_DEVICES);
  return leave(code == SUCCESS ? copy_text(script.nvml, version, length) : code);
}

static int get_count(unsigned int *count) {
  int code = enter("nvmlDeviceGetCount", ALL_DEVICES);
  if (code == SUCCESS) {
    *count = counted_devices;
  }
  return leave(code);
}

static int get_handle(unsigned int index, void **handle) {
  int code = enter("nvmlDeviceGetHandleByIndex", (int)index);
  if (code == SUCCESS && index >= counted_devices) {
    code = INVALID_ARGUMENT;
  }
  if (code == SUCCESS) {
    *handle = &handles[index];
  }
  return leave(code);
}

#ifndef NVML_FAKE_ONLY_OLD
#ifndef NVML_FAKE_NO_INIT
int nvmlInit_v2(void) { return init(); }
#endif
int nvmlDeviceGetCount_v2(unsigned int *count) { return get_count(count); }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) { return get_handle(index, handle); }
#endif

#ifndef NVML_FAKE_ONLY_NEW
#ifndef NVML_FAKE_NO_INIT
int nvmlInit(void) { OLD(return init()); }
#endif
int nvmlDeviceGetCount(unsigned int *count) { (void)count; OLD(return get_count(count)); }
int nvmlDeviceGetHandleByIndex(unsigned int index, void **handle) {
  (void)index;
  (void)handle;
  OLD(return get_handle(index, handle));
}
#endif

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned int length) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetUUID", handle, &device);
  return leave(code == SUCCESS ? copy_text(device->uuid, uuid, length) : code);
}

int nvmlDeviceGetName(void *handle, char *name, unsigned int length) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetName", handle, &device);
  return leave(code == SUCCESS ? copy_text(device->name, name, length) : code);
}

int nvmlDeviceGetMinorNumber(void *handle, unsigned int *minor) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetMinorNumber", handle, &device);
  if (code == SUCCESS) {
    *minor = (unsigned int)device->minor;
  }
  return leave(code);
}

#ifndef NVML_FAKE_ONLY_NEW
int nvmlDeviceGetMemoryInfo(void *handle, struct memory_v1 *memory) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetMemoryInfo", handle, &device);
  if (code == SUCCESS && !device->has_memory) {
    code = NOT_SUPPORTED;
  }
  if (code == SUCCESS) {
    memory->total = device->total;
    memory->used = device->reserved + device->used;
    memory->free = memory->total - memory->used;
  }
  return leave(code);
}
#endif

#if !defined(NVML_FAKE_NO_V3) && !defined(NVML_FAKE_NO_V2)
int nvmlDeviceGetMemoryInfo_v2(void *handle, struct memory_v2 *memory) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetMemoryInfo", handle, &device);
  if (code == SUCCESS && !device->has_memory) {
    code = NOT_SUPPORTED;
  }
  if (code == SUCCESS && memory->version != MEMORY_V2_VERSION) {
    code = ARGUMENT_VERSION_MISMATCH;
  }
  if (code == SUCCESS) {
    memory->total = device->total;
    memory->reserved = device->reserved;
    memory->used = device->used;
    memory->free = device->total - device->reserved - device->used;
  }
  return leave(code);
}
#endif

#ifndef NVML_FAKE_NO_V2
int nvmlDeviceGetMigMode(void *handle, unsigned int *current, unsigned int *pending) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetMigMode", handle, &device);
  if (code == SUCCESS && device->mig < 0) {
    code = NOT_SUPPORTED;
  }
  if (code == SUCCESS) {
    *current = *pending = (unsigned int)device->mig;
    if (device->has_fact[MIG_PENDING]) {
      *pending = (unsigned int)device->facts[MIG_PENDING];
    }
  }
  return leave(code);
}
#endif

static int processes(const char *function, void *handle, unsigned int *count, char *to, size_t entry_size, int draws) {
  struct device *device = NULL;
  int code = enter_device(function, handle, &device);
  if (code == SUCCESS && draws && !device->draws) {
    code = NOT_SUPPORTED;
  }
  if (code == SUCCESS) {
    const struct process_list *list = draws ? &device->drawing : &device->computing;
    unsigned int room = *count;
    *count = (unsigned int)list->count;
    if (room < *count) {
      code = INSUFFICIENT_SIZE;
    } else {
      for (unsigned int i = 0; i < *count; i++) {
        struct process_wide entry = {{list->entries[i].pid, list->entries[i].bytes, ~0u, ~0u}, 0};
        memcpy(to + i * entry_size, &entry, entry_size);
      }
    }
  }
  return leave(code);
}

#ifdef NVML_FAKE_WIDE_V3
#define V3_SIZE sizeof(struct process_wide)
#else
#define V3_SIZE sizeof(struct process_v2)
#endif

#define PROCESSES(name, draws, suffix, size) \
  int name##suffix(void *handle, unsigned int *count, void *to) { return processes(#name, handle, count, to, size, draws); }

#ifndef NVML_FAKE_ONLY_NEW
PROCESSES(nvmlDeviceGetComputeRunningProcesses, 0, , sizeof(struct process_v1))
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, 1, , sizeof(struct process_v1))
#endif
#ifndef NVML_FAKE_NO_V2
#ifndef NVML_FAKE_ONLY_NEW
PROCESSES(nvmlDeviceGetComputeRunningProcesses, 0, _v2, sizeof(struct process_v2))
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, 1, _v2, sizeof(struct process_v2))
#endif
#ifndef NVML_FAKE_NO_V3
PROCESSES(nvmlDeviceGetComputeRunningProcesses, 0, _v3, V3_SIZE)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, 1, _v3, V3_SIZE)
#endif
#endif

/* Answers a fact, or that it is not supported. */
static int get_fact(const char *function, void *handle, int fact, unsigned long long *value) {
  struct device *device = NULL;
  int code = enter_device(function, handle, &device);
  if (code == SUCCESS && !device->has_fact[fact]) {
    code = NOT_SUPPORTED;
  }
  if (code == SUCCESS) {
    *value = device->facts[fact];
  }
  return leave(code);
}

static int get_int(const char *function, void *handle, int fact, unsigned int *value) {
  unsigned long long wide = 0;
  int code = get_fact(function, handle, fact, &wide);
  if (code == SUCCESS) {
    *value = (unsigned int)wide;
  }
  return code;
}

/* Answers a fact that is there if another one is. */
static unsigned int other(void *handle, int fact) {
  unsigned int value = 0;
  pthread_mutex_lock(&lock);
  int index = index_of(handle);
  if (index < script.device_count && script.devices[index].has_fact[fact]) {
    value = (unsigned int)script.devices[index].facts[fact];
  }
  pthread_mutex_unlock(&lock);
  return value;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
  int code = enter("nvmlSystemGetCudaDriverVersion", ALL_DEVICES);
  if (code == SUCCESS && script.cuda == 0) {
    code = NOT_SUPPORTED;
  }
  if (code == SUCCESS) {
    *version = script.cuda;
  }
  return leave(code);
}

int nvmlDeviceGetPciInfo_v3(void *handle, struct pci_info *info) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetPciInfo", handle, &device);
  if (code == SUCCESS && device->bus_id[0] == 0) {
    code = NOT_SUPPORTED;
  }
  if (code == SUCCESS) {
    code = copy_text(device->bus_id, info->bus_id, sizeof info->bus_id);
  }
  return leave(code);
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned int *milliwatts) {
  return get_int("nvmlDeviceGetPowerUsage", handle, POWER, milliwatts);
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned int *milliwatts) {
  return get_int("nvmlDeviceGetEnforcedPowerLimit", handle, POWER_LIMIT, milliwatts);
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned int *celsius) {
  return sensor == 0 ? get_int("nvmlDeviceGetTemperature", handle, TEMPERATURE, celsius) : INVALID_ARGUMENT;
}

int nvmlDeviceGetClockInfo(void *handle, int clock, unsigned int *mhz) {
  return clock == 1 ? get_int("nvmlDeviceGetClockInfo", handle, SM_CLOCK, mhz)
       : clock == 2 ? get_int("nvmlDeviceGetClockInfo", handle, MEMORY_CLOCK, mhz)
                    : INVALID_ARGUMENT;
}

int nvmlDeviceGetUtilizationRates(void *handle, struct utilization *rates) {
  int code = get_int("nvmlDeviceGetUtilizationRates", handle, GPU_UTILIZATION, &rates->gpu);
  if (code == SUCCESS) {
    rates->memory = other(handle, MEMORY_UTILIZATION);
  }
  return code;
}

int nvmlDeviceGetEccMode(void *handle, unsigned int *current, unsigned int *pending) {
  int code = get_int("nvmlDeviceGetEccMode", handle, ECC, current);
  if (code == SUCCESS) {
    *pending = other(handle, ECC_PENDING);
  }
  return code;
}

int nvmlDeviceGetTotalEccErrors(void *handle, int type, int counter, unsigned long long *errors) {
  return type == 1 && counter == 0 ? get_fact("nvmlDeviceGetTotalEccErrors", handle, ECC_ERRORS, errors) : INVALID_ARGUMENT;
}

int nvmlDeviceGetPersistenceMode(void *handle, unsigned int *mode) {
  return get_int("nvmlDeviceGetPersistenceMode", handle, PERSISTENCE, mode);
}

int nvmlDeviceGetComputeMode(void *handle, unsigned int *mode) {
  return get_int("nvmlDeviceGetComputeMode", handle, COMPUTE_MODE, mode);
}

int nvmlDeviceGetGpuFabricInfo(void *handle, struct fabric_info *info) {
  unsigned int state = 0;
  int code = get_int("nvmlDeviceGetGpuFabricInfo", handle, FABRIC_STATE, &state);
  if (code == SUCCESS) {
    info->state = (unsigned char)state;
    info->status = (int)other(handle, FABRIC_STATUS);
  }
  return code;
}

#ifdef NVML_FAKE_ONLY_NEW
int nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *reasons) {
  return get_fact("nvmlDeviceGetCurrentClocksEventReasons", handle, CLOCK_REASONS, reasons);
}
#else
int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *reasons) {
  return get_fact("nvmlDeviceGetCurrentClocksThrottleReasons", handle, CLOCK_REASONS, reasons);
}
#endif

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
  return get_fact("nvmlDeviceGetTotalEnergyConsumption", handle, ENERGY, millijoules);
}

int nvmlDeviceGetRemappedRows(
    void *handle, unsigned int *correctable, unsigned int *uncorrectable, unsigned int *pending, unsigned int *failed) {
  int code = get_int("nvmlDeviceGetRemappedRows", handle, REMAP_PENDING, pending);
  if (code == SUCCESS) {
    *correctable = *uncorrectable = 0;
    *failed = other(handle, REMAP_FAILED);
  }
  return code;
}

int nvmlDeviceGetRetiredPagesPendingStatus(void *handle, unsigned int *pending) {
  return get_int("nvmlDeviceGetRetiredPagesPendingStatus", handle, RETIRED_PENDING, pending);
}

int nvmlDeviceGetFieldValues(void *handle, int count, struct field_value *values) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetFieldValues", handle, &device);
  for (int i = 0; code == SUCCESS && i < count; i++) {
    values[i].code = NOT_SUPPORTED;
    for (int k = 0; k < device->field_count; k++) {
      if (device->fields[k].id == values[i].id) {
        values[i].code = SUCCESS;
        values[i].type = device->fields[k].type;
        if (values[i].type == 1) {
          values[i].value.u32 = (unsigned int)device->fields[k].value;
        } else {
          values[i].value.u64 = device->fields[k].value;
        }
      }
    }
  }
  return leave(code);
}

int nvmlEventSetCreate(void **set) {
  int code = enter("nvmlEventSetCreate", ALL_DEVICES);
  if (code == SUCCESS) {
    *set = &last_event;
  }
  return leave(code);
}

int nvmlEventSetFree(void *set) {
  (void)set;
  return leave(enter("nvmlEventSetFree", ALL_DEVICES));
}

int nvmlDeviceRegisterEvents(void *handle, unsigned long long types, void *set) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceRegisterEvents", handle, &device);
  if (code == SUCCESS && (types != 8 || set != &last_event)) {
    code = INVALID_ARGUMENT;
  }
  if (code == SUCCESS) {
    registered[index_of(handle)] = 1;
  }
  return leave(code);
}

int nvmlEventSetWait_v2(void *set, struct event_data *data, unsigned int milliseconds) {
  (void)milliseconds;
  int code = enter("nvmlEventSetWait", ALL_DEVICES);
  if (code == SUCCESS) {
    code = set == &last_event ? TIMEOUT : INVALID_ARGUMENT;
    for (int i = 0; code == TIMEOUT && i < script.event_count; i++) {
      const struct event *event = &script.events[i];
      if (event->sequence > last_event && registered[event->device]) {
        last_event = event->sequence;
        *data = (struct event_data){&handles[event->device], 8, event->number, ~0u, ~0u};
        code = SUCCESS;
      }
    }
  }
  return leave(code);
}
