// Starting, limiting and collecting child processes.
#include "lib/Driver/Child.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace manaslu::driver {

namespace {

constexpr size_t kKeptErrors = 1 << 20;

void limit(int what, uint64_t value) {
  if (value == 0)
    return;
  struct rlimit bound = {value, value};
  ::setrlimit(what, &bound);
}

void applyLimits(const ChildLimits &limits) {
  limit(RLIMIT_AS, limits.memoryBytes);
  limit(RLIMIT_CPU, limits.cpuSeconds);
  struct rlimit noCore = {0, 0};
  ::setrlimit(RLIMIT_CORE, &noCore);
}

struct Pipe {
  int read = -1, write = -1;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      return false;
    read = ends[0], write = ends[1];
    return true;
  }
  ~Pipe() {
    closeEnd(read);
    closeEnd(write);
  }
  static void closeEnd(int &end) {
    if (end >= 0)
      ::close(end);
    end = -1;
  }
};

/// Writes all of `text`; a reader that is gone ends it.
void writeAll(int descriptor, const std::string &text) {
  for (size_t done = 0; done < text.size();) {
    ssize_t n = ::write(descriptor, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return;
    done += n;
  }
}

/// Reads both pipes to their ends, so that a child never blocks on a full one.
void drain(Pipe &output, Pipe &errors, ChildOutcome &outcome) {
  std::vector<char> block(1 << 16);
  while (output.read >= 0 || errors.read >= 0) {
    struct pollfd ends[2] = {{output.read, POLLIN, 0}, {errors.read, POLLIN, 0}};
    if (::poll(ends, 2, -1) < 0 && errno != EINTR)
      return;
    for (int i = 0; i < 2; ++i) {
      Pipe &pipe = i ? errors : output;
      if (pipe.read < 0 || !(ends[i].revents & (POLLIN | POLLHUP | POLLERR)))
        continue;
      ssize_t n = ::read(pipe.read, block.data(), block.size());
      if (n > 0)
        (i ? outcome.errors : outcome.output).append(block.data(), n);
      else if (n == 0 || errno != EINTR)
        Pipe::closeEnd(pipe.read);
      if (outcome.errors.size() > 2 * kKeptErrors)
        outcome.errors.erase(0, outcome.errors.size() - kKeptErrors);
    }
  }
}

Error cannotStart() { return Error("MN-INTERNAL", std::string("cannot start a child process: ") + std::strerror(errno)); }

/// Forks; `inside` runs in the child and returns its exit status.
Result<ChildOutcome> start(const std::function<int(int output)> &inside, bool redirectOutput, const ChildLimits &limits) {
  Pipe output, errors;
  if (!output.open() || !errors.open())
    return cannotStart();
  pid_t child = ::fork();
  if (child < 0)
    return cannotStart();
  if (child == 0) {
    int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    if (redirectOutput)
      ::dup2(output.write, 1);
    ::dup2(errors.write, 2);
    applyLimits(limits);
    ::_exit(inside(output.write));
  }
  Pipe::closeEnd(output.write);
  Pipe::closeEnd(errors.write);
  ChildOutcome outcome;
  drain(output, errors, outcome);
  int state = 0;
  while (::waitpid(child, &state, 0) < 0)
    if (errno != EINTR)
      return cannotStart();
  outcome.exitStatus = WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
  return outcome;
}

} // namespace

Result<ChildOutcome> runProgram(const std::vector<std::string> &command, const ChildLimits &limits) {
  std::vector<char *> arguments;
  for (const std::string &word : command)
    arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  auto inside = [&](int) {
    ::execvp(arguments[0], arguments.data());
    return 127;
  };
  return start(inside, /*redirectOutput=*/true, limits);
}

Result<ChildOutcome> runForked(const std::function<int(std::string &output)> &work, const ChildLimits &limits) {
  auto inside = [&](int descriptor) {
    std::string output;
    int status = work(output);
    writeAll(descriptor, output);
    return status;
  };
  return start(inside, /*redirectOutput=*/false, limits);
}

uint64_t ownPeakRssBytes() {
  // Not getrusage: across exec that keeps the peak of whoever started this process.
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key; status.ignore(std::numeric_limits<std::streamsize>::max(), '\n'))
    if (uint64_t kilobytes = 0; key == "VmHWM:" && status >> kilobytes)
      return kilobytes * 1024;
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

} // namespace manaslu::driver
