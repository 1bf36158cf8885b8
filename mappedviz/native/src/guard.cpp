// Mapped files of which a page is gone: somebody truncated the file, or its disk failed.
//
// The process gets SIGBUS, which would end it. The handler here finds the file in a table, notes
// that it lost a page, and puts zeros in the place of its rest; the reader looks at the note and throws
// away what it read. A signal that is none of ours goes to whom it went before.
#include <atomic>

#include "layout.hpp"

using namespace mv;

// A mapped file: from `start`, below `stop` (0: nothing is mapped), and whether pages were missing.
// Python enters and strikes off files; `stop` is written last, and 0 first.
struct Mapped {
  std::atomic<i64> start, stop, lost;
};
constexpr i64 MOST_MAPPED = 1024;
static_assert(sizeof(Mapped) == 24 && std::atomic<i64>::is_always_lock_free, "three int64");
static Mapped mapped_files[MOST_MAPPED];

MV_EXPORT i64 mv_guard_table(void *) { return address(mapped_files); }

MV_EXPORT i64 mv_guard_size(void *) { return MOST_MAPPED; }

#if defined(__linux__)
#include <cerrno>
#include <csignal>
#include <sys/mman.h>
#include <unistd.h>

static struct sigaction previous;
static std::atomic<i64> page_bytes;

// Nothing here is forbidden in a handler: no memory is asked for, no lock taken.
static void handle(int signal, siginfo_t *info, void *) {
  const int saved = errno;
  const bool is_fault = info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO;
  const i64 address = mv::address(info->si_addr);
  if (is_fault) {
    for (Mapped &file : mapped_files) {
      const i64 start = file.start, stop = file.stop;
      if (start <= 0 || address < start || address >= stop) continue;
      const i64 page = address - address % page_bytes;
      file.lost = 1;  // before others can read the zeros
      void *zeros = mmap(at<void>(page), static_cast<std::size_t>(stop - page), PROT_READ,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      if (zeros == at<void>(page)) {
        errno = saved;
        return;  // the instruction that wanted the page runs again
      }
    }
  }
  // The instruction runs again under the earlier disposition; what somebody sent is sent again.
  sigaction(signal, &previous, nullptr);
  if (info->si_code <= 0) raise(signal);
  errno = saved;
}

static bool is_ours() {
  struct sigaction now;
  return sigaction(SIGBUS, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle;
}

// Install the handler, unless it is there: it must never be its own predecessor.
MV_EXPORT i64 mv_guard_install(void *) {
  if (is_ours()) return 1;
  page_bytes = sysconf(_SC_PAGESIZE);
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, &previous) == 0;
}

// Whether a fault on this thread reaches the handler. The kernel ends a process that blocks it.
MV_EXPORT i64 mv_guard_in_place(void *) {
  sigset_t blocked;
  return is_ours() && pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0 && !sigismember(&blocked, SIGBUS);
}

#else  // files are read with `pread`

MV_EXPORT i64 mv_guard_install(void *) { return 0; }

MV_EXPORT i64 mv_guard_in_place(void *) { return 0; }

#endif
