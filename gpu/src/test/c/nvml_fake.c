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
 *   memory TOTAL RESERVED USED           of the device above, in bytes; USED is without RESERVED
 *   mig off|on|unsupported               of the device above; the default is unsupported
 *   minor N                              of the device above; the default is its index
 *   process PID BYTES                    on the device above; with "-" the driver reports no BYTES
 *   error FUNCTION CODE                  FUNCTION (without _v2, _v3) answers CODE and does nothing;
 *                                        before the first device: for all; below a device: for it
 *   delay FUNCTION MILLISECONDS          FUNCTION answers that much later
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

struct process { unsigned int pid; unsigned long long bytes; };

struct device {
  char uuid[TEXT], name[TEXT];
  unsigned long long total, reserved, used;
  int mig; /* 0 off, 1 on, -1 unsupported */
  int minor;
  int process_count;
  struct process processes[MAX_PROCESSES];
};

struct rule { char function[TEXT]; int device; int value; };

struct script {
  char driver[TEXT], nvml[TEXT], log[4096];
  int device_count, error_count, delay_count;
  struct device devices[MAX_DEVICES];
  struct rule errors[MAX_ERRORS], delays[MAX_ERRORS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct script script;
static int initialised;
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

static void statement(const char *line) {
  struct device *last = script.device_count == 0 ? NULL : &script.devices[script.device_count - 1];
  char word[TEXT], bytes[TEXT];
  unsigned int pid;
  int value;
  if (line[0] == 0 || line[0] == '#') {
    return;
  }
  if (sscanf(line, "driver %255s", script.driver) == 1 || sscanf(line, "nvml %255s", script.nvml) == 1 ||
      sscanf(line, "log %4095s", script.log) == 1) {
    return;
  }
  if (strncmp(line, "device ", 7) == 0 && script.device_count < MAX_DEVICES) {
    struct device *added = &script.devices[script.device_count];
    added->name[0] = 0;
    added->uuid[0] = 0;
    added->total = added->reserved = added->used = 0;
    added->mig = -1;
    added->minor = script.device_count;
    added->process_count = 0;
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
  if (last != NULL && sscanf(line, "memory %llu %llu %llu", &last->total, &last->reserved, &last->used) == 3) {
    return;
  }
  if (last != NULL && sscanf(line, "mig %255s", word) == 1) {
    last->mig = strcmp(word, "on") == 0 ? 1 : strcmp(word, "off") == 0 ? 0 : -1;
    return;
  }
  if (last != NULL && sscanf(line, "minor %d", &last->minor) == 1) {
    return;
  }
  if (last != NULL && sscanf(line, "process %u %255s", &pid, bytes) == 2 && last->process_count < MAX_PROCESSES) {
    struct process *added = &last->processes[last->process_count++];
    added->pid = pid;
    added->bytes = strcmp(bytes, "-") == 0 ? ~0ULL : strtoull(bytes, NULL, 10);
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
  script.device_count = script.error_count = script.delay_count = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = 0;
    statement(line);
  }
  fclose(file);
  return 1;
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
  return is_init || initialised ? SUCCESS : UNINITIALIZED;
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
    initialised++;
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
  }
  return leave(code);
}
#endif

static int processes(void *handle, unsigned int *count, char *to, size_t entry_size) {
  struct device *device = NULL;
  int code = enter_device("nvmlDeviceGetComputeRunningProcesses", handle, &device);
  if (code == SUCCESS) {
    unsigned int room = *count;
    *count = (unsigned int)device->process_count;
    if (room < *count) {
      code = INSUFFICIENT_SIZE;
    } else {
      for (unsigned int i = 0; i < *count; i++) {
        struct process_wide entry = {{device->processes[i].pid, device->processes[i].bytes, ~0u, ~0u}, 0};
        memcpy(to + i * entry_size, &entry, entry_size);
      }
    }
  }
  return leave(code);
}

#ifndef NVML_FAKE_ONLY_NEW
int nvmlDeviceGetComputeRunningProcesses(void *handle, unsigned int *count, struct process_v1 *to) {
  return processes(handle, count, (char *)to, sizeof(struct process_v1));
}
#endif

#ifndef NVML_FAKE_NO_V2
#ifndef NVML_FAKE_ONLY_NEW
int nvmlDeviceGetComputeRunningProcesses_v2(void *handle, unsigned int *count, struct process_v2 *to) {
  return processes(handle, count, (char *)to, sizeof(struct process_v2));
}
#endif

#ifndef NVML_FAKE_NO_V3
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned int *count, void *to) {
#ifdef NVML_FAKE_WIDE_V3
  return processes(handle, count, to, sizeof(struct process_wide));
#else
  return processes(handle, count, to, sizeof(struct process_v2));
#endif
}
#endif
#endif
