/* A disk that fails: loaded before the C library (LD_PRELOAD), it lets the calls that change files below a
 * folder succeed up to a certain one.
 *
 * FAULT_BELOW  the folder
 * FAULT_AT     which call fails, from 1; 0: none
 * FAULT_ERRNO  how, such as 28 (ENOSPC) or 5 (EIO)
 * FAULT_LASTS  1: all later ones that need space fail as well, as on a disk that is full
 * FAULT_KILL   1: the program ends there by SIGKILL; calls that open a file for reading count as well
 * FAULT_COUNT  a file for the number of calls, written at the end
 *
 * Calls that do not go through the C library are not seen: rustix's, such as a rename that replaces nothing. What
 * makes a file durable comes before them, and what makes its name durable after them, and both are seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

static int below(const char *path) {
  const char *folder = getenv("FAULT_BELOW");
  size_t length = folder ? strlen(folder) : 0;
  return length && strncmp(path, folder, length) == 0 && (path[length] == '/' || !path[length]);
}

static int named_below(const char *path) {
  char folder[4096];
  if (path[0] == '/') return below(path);
  return getcwd(folder, sizeof folder) && below(folder);
}

static int open_below(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path);
}

/* Whether this call fails: 1 for the first one, 2 for those that follow. */
static int fails(void) {
  long call = atomic_fetch_add(&calls, 1) + 1, at = number("FAULT_AT");
  int which = at && call == at ? 1 : at && call > at && number("FAULT_LASTS") ? 2 : 0;
  if (which && number("FAULT_KILL")) kill(getpid(), SIGKILL);
  if (which) errno = (int)number("FAULT_ERRNO");
  return which;
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t size) {
  if (open_below(fd)) {
    int which = fails();
    /* A disk that has become full has taken a part. */
    if (which == 1 && size > 1 && number("FAULT_LASTS")) return NEXT(write)(fd, bytes, size / 2);
    if (which) return -1;
  }
  return NEXT(write)(fd, bytes, size);
}

/* By these two, files are copied within the kernel. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags) {
  return open_below(to) && fails() ? -1 : NEXT(copy_file_range)(from, from_at, to, to_at, size, flags);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
  return open_below(to) && fails() ? -1 : NEXT(sendfile64)(to, from, at, size);
}

int fsync(int fd) { return open_below(fd) && fails() ? -1 : NEXT(fsync)(fd); }
int fdatasync(int fd) { return open_below(fd) && fails() ? -1 : NEXT(fdatasync)(fd); }
int rename(const char *from, const char *to) { return named_below(to) && fails() ? -1 : NEXT(rename)(from, to); }
int link(const char *from, const char *to) { return named_below(to) && fails() ? -1 : NEXT(link)(from, to); }
int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
  return named_below(to) && fails() ? -1 : NEXT(linkat)(from_fd, from, to_fd, to, flags);
}
int ftruncate64(int fd, off64_t size) { return open_below(fd) && fails() ? -1 : NEXT(ftruncate64)(fd, size); }

int open64(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
    if (named_below(path) && fails()) return -1;
  } else if (number("FAULT_KILL") && named_below(path)) {
    fails();
  }
  return NEXT(open64)(path, flags, mode);
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("FAULT_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}
