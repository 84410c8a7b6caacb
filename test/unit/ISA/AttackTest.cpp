// Hostile program files: rows of the table in docs/HostileInput.md that loading must withstand. A refusal has its code, costs under a second of processor time
// and little memory, and leaves no file.
#include "lib/ISA/Assembler.h"
#include "lib/ISA/Codec.h"
#include "lib/ISA/RegularFile.h"
#include "test/programs/RandomInstructions.h"
#include "test/unit/ISA/ProgramFiles.h"

#include <atomic>
#include <csignal>
#include <ctime>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

using namespace manaslu;
using namespace manaslu::isa;
using namespace manaslu::isa::test;

namespace {

double processorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// A figure of /proc/self/status in bytes.
int64_t statusBytes(const char *key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key))
      return std::strtoll(line.c_str() + std::strlen(key) + 1, nullptr, 10) * 1024;
  return 0;
}

/// The code with which the file is refused; holds the refusal against its limits of time, memory and files.
std::string refusal(const Folder &folder, const std::string &bytes) {
  std::string path = folder.file("attack.mnx");
  writeFile(path, bytes);
  std::ofstream("/proc/self/clear_refs") << 5; // the peak starts anew
  int64_t before = statusBytes("VmRSS:");
  double begun = processorSeconds();
  std::string code = codeOf(path);
  CHECK(processorSeconds() - begun < 1);
  CHECK(statusBytes("VmHWM:") - before < 2 * static_cast<int64_t>(bytes.size()) + (int64_t(64) << 20));
  std::filesystem::remove(path);
  CHECK(std::filesystem::is_empty(folder.path));
  return code;
}

/// The bytes of the sample's file.
std::string sampleFile() {
  Folder folder;
  Status saved = save(sample(), folder.file("a.mnx"));
  REQUIRE(saved);
  return readFile(folder.file("a.mnx"));
}

std::string withPrefix(std::string file, const std::function<void(FilePrefix &)> &edit) {
  FilePrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  edit(prefix);
  std::memcpy(file.data(), &prefix, sizeof(prefix));
  return file;
}

std::string withText(const std::string &file, const std::string &from, const std::string &to) {
  return withHeader(file, [&](std::string &text) { replace(text, from, to); });
}

} // namespace

TEST_CASE("an empty file and the fixed part alone are refused (row 1)", "[ISA][attack]") {
  Folder folder;
  CHECK(refusal(folder, "") == "MN-FMT-TRUNC");
  CHECK(refusal(folder, sampleFile().substr(0, 64)) == "MN-FMT-TRUNC");
}

TEST_CASE("other magic numbers, byte orders and later versions are refused (row 2)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile();
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { std::reverse(p.magic.begin(), p.magic.end()); })) == "MN-FMT-VERSION");
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { p.majorVersion = __builtin_bswap32(p.majorVersion); })) == "MN-FMT-VERSION");
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { ++p.majorVersion; })) == "MN-FMT-VERSION");
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { ++p.minorVersion; })) == "MN-FMT-VERSION");
  CHECK(refusal(folder, withText(file, "\"requires\":[]", "\"requires\":[\"collectives\"]")) == "MN-FMT-VERSION");
}

TEST_CASE("well-checksummed bytes of any content are refused on their own row or accepted as valid (row 3)", "[ISA][attack]") {
  Folder folder;
  uint64_t seed = testSeed();
  INFO("MANASLU_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::string file = sampleFile();
  for (int i = 0; i < 300; ++i)
    for (const char *section : {"constants", "debug", "stream.dma2", "stream.pe", "tile"}) {
      std::string path = folder.file("a.mnx");
      writeFile(path, withSection(file, section, [&](std::span<std::byte> bytes) { bytes[random() % bytes.size()] = std::byte(random()); }));
      std::string code = codeOf(path);
      INFO(section << " " << code);
      CHECK((code == "loaded" || findErrorCode(code)));
      CHECK(!code.starts_with("MN-FMT-HASH"));
    }
}

TEST_CASE("sections cannot overlap, leave gaps, name the header or end behind the file (row 4)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile();
  // A section has no offset of its own: it begins where the one before it ends.
  for (const char *bytes : {"10", "8", "0", "64", "18446744073709551615", "18446744073709551552", "9223372036854775808"})
    CHECK(refusal(folder, withText(file, "{\"id\":\"tile\",\"bytes\":9", std::string("{\"id\":\"tile\",\"bytes\":") + bytes)).starts_with("MN-FMT-"));
  CHECK(refusal(folder, withText(file, "\"id\":\"tile\"", "\"id\":\"debug\"")) == "MN-FMT-SECTION");
  CHECK(refusal(folder, withText(file, "\"id\":\"tile\"", "\"id\":\"header\"")) == "MN-FMT-SECTION");
  CHECK(refusal(folder, withText(file, "\"id\":\"tile\"", "\"id\":\"\"")) == "MN-FMT-SECTION");
}

TEST_CASE("counts without bytes behind them allocate nothing (row 5)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile();
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { p.headerBytes = uint64_t(1) << 63; })) == "MN-FMT-TRUNC");
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { p.headerBytes = ~uint64_t(0); })) == "MN-FMT-TRUNC");
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { p.fileBytes = uint64_t(1) << 32; })) == "MN-FMT-TRUNC");
  CHECK(refusal(folder, withPrefix(file, [](FilePrefix &p) { p.fileBytes = ~uint64_t(0); })) == "MN-FMT-LIMIT");
  CHECK(refusal(folder, withText(file, "\"instructions\":4", "\"instructions\":4294967295")) == "MN-ISA-DECODE");
  CHECK(refusal(folder, withText(file, "\"instructions\":4", "\"instructions\":9223372036854775808")) == "MN-ISA-DECODE");
  CHECK(refusal(folder, withText(file, "\"shape\":[7],\"host\":\"float32\",\"bytes\":28",
                                 "\"shape\":[1073741824,200],\"host\":\"float32\",\"bytes\":858993459200")) == "MN-SHAPE-BYTES");
  auto counts = [&](uint32_t entries, uint32_t strings) {
    return refusal(folder, withSection(file, "debug", [&](std::span<std::byte> bytes) {
                     std::memcpy(bytes.data(), &entries, 4);
                     std::memcpy(bytes.data() + 4, &strings, 4);
                   }));
  };
  CHECK(counts(~0u, 2) == "MN-FMT-SECTION");
  CHECK(counts(3, ~0u) == "MN-FMT-SECTION");
  CHECK(counts(~0u, ~0u) == "MN-FMT-SECTION");
}

TEST_CASE("a long text that many debug entries share is not copied for each (row 5)", "[ISA][attack]") {
  Folder folder;
  Program program = sample();
  program.streams[StreamId::Pe].assign(4000, Wait());
  program.streams[StreamId::Pe].push_back(Halt());
  std::string location(250000, 'x');
  program.debug.clear();
  for (uint32_t i = 0; i < 4000; ++i)
    program.debug.push_back({StreamId::Pe, i, i, "a"});
  REQUIRE(save(program, folder.file("a.mnx")));
  std::string file = readFile(folder.file("a.mnx"));
  std::filesystem::remove(folder.file("a.mnx"));
  std::vector<std::byte> shared = encodeDebug(program.debug);
  uint32_t length = static_cast<uint32_t>(location.size());
  std::memcpy(shared.data() + 8 + 16 * 4000, &length, 4);
  shared.resize(shared.size() - 1);
  for (char c : location)
    shared.push_back(std::byte(c));
  // The section grows: everything behind it moves, so the file is put together anew.
  FilePrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  auto header = nlohmann::ordered_json::parse(file.substr(sizeof(prefix), prefix.headerBytes));
  uint64_t at = alignUp(sizeof(prefix) + prefix.headerBytes);
  std::string rest;
  for (nlohmann::ordered_json &section : header["sections"]) {
    std::string content = file.substr(at, section["bytes"].get<uint64_t>());
    at = alignUp(at + content.size());
    if (section["id"] == "debug") {
      content.assign(reinterpret_cast<const char *>(shared.data()), shared.size());
      char text[17];
      snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(checksumOf(shared)));
      section["checksum"] = text;
      section["bytes"] = content.size();
    }
    content.resize(alignUp(content.size()));
    rest += content;
  }
  std::string head = file.substr(0, alignUp(sizeof(prefix) + prefix.headerBytes));
  std::string attack = withHeader(head + rest, [&](std::string &text) { text = header.dump(); });
  CHECK(refusal(folder, attack) == "MN-FMT-LIMIT");
}

TEST_CASE("names with control, escape or direction characters or broken UTF-8 are refused (row 6)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile();
  for (const char *name : {"", "x\\u0000", "x\\u001b[31m", "x\x7f", "x\xc2\x9b", "x\xe2\x80\x8f", "x\xe2\x80\xae", "x\xe2\x81\xa6"})
    CHECK(refusal(folder, withText(file, "\"name\":\"x\"", std::string("\"name\":\"") + name + "\"")) == "MN-FMT-NAME");
  CHECK(refusal(folder, withText(file, "\"name\":\"x\"", "\"name\":\"" + std::string(256, 'x') + "\"")) == "MN-FMT-NAME");
  // JSON is UTF-8: other bytes are refused with the header.
  for (const char *name : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80", "\x1b"})
    CHECK(refusal(folder, withText(file, "\"name\":\"x\"", std::string("\"name\":\"") + name + "\"")) == "MN-FMT-HEADER");
  // The rest of the text that a program carries is shown with escapes.
  Error error("MN-RUN-RACE", "at \x1b[31m\xff", "model.py\x1b]0;title\x07");
  CHECK(error.text().find('\x1b') == std::string::npos);
  CHECK(error.text().find('\x07') == std::string::npos);
}

TEST_CASE("a rank of a million is refused (row 7)", "[ISA][attack]") {
  Folder folder;
  std::string ones = "[1";
  for (int i = 1; i < 1000000; ++i)
    ones += ",1";
  CHECK(refusal(folder, withText(sampleFile(), "[3,5]", ones + "]")) == "MN-SHAPE-OVERFLOW");
  CHECK(refusal(folder, withText(sampleFile(), "[3,5]", "[4194305,4194305,211106198978564]")) == "MN-SHAPE-OVERFLOW");
  CHECK(refusal(folder, withText(sampleFile(), "[3,5]", "[2147483648]")) == "MN-SHAPE-OVERFLOW");
  CHECK(refusal(folder, withText(sampleFile(), "[3,5]", "[0]")) == "MN-SHAPE-OVERFLOW");
}

TEST_CASE("streams of anything but whole known instructions are refused (row 9)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile();
  auto first = [&](uint64_t word) {
    return refusal(folder, withSection(file, "stream.pe", [&](std::span<std::byte> bytes) { std::memcpy(bytes.data(), &word, 8); }));
  };
  CHECK(first(0) == "MN-ISA-DECODE");
  CHECK(first(0xffffffffffffffff) == "MN-ISA-DECODE");
  CHECK(first(encode(Loop())[0] | uint64_t(511) << 8) == "MN-ISA-DECODE");
  // The first words taken for another, longer instruction end in the middle of the next ones.
  CHECK(first(encode(Matmul())[0]) == "MN-ISA-DECODE");
  CHECK(refusal(folder, withText(file, "\"stream\":\"pe\"", "\"stream\":\"cc\"")) == "MN-ISA-DECODE");
}

TEST_CASE("debug sections are checked like code (row 21)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile();
  auto word = [&](size_t index, uint32_t value) {
    return refusal(folder, withSection(file, "debug", [&](std::span<std::byte> bytes) { std::memcpy(bytes.data() + 4 * index, &value, 4); }));
  };
  CHECK(word(2, 20) == "MN-FMT-SECTION");              // no such stream
  CHECK(word(3, 99) == "MN-FMT-SECTION");              // no such instruction
  CHECK(word(5, 7) == "MN-FMT-SECTION");               // no such string
  CHECK(word(2 + 12, 0xffffffff) == "MN-FMT-SECTION"); // a string that ends behind the section
  CHECK(refusal(folder, withText(file, "\"id\":\"debug\"", "\"id\":\"dab\"")).starts_with("MN-FMT-"));
}

TEST_CASE("a file may be replaced or cut while it is read (row 23)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile(), path = folder.file("a.mnx"), other = folder.file("b.mnx");
  writeFile(path, file);
  std::atomic<bool> stop = false;
  std::thread disturber([&] {
    while (!stop) {
      writeFile(other, file);
      std::filesystem::rename(other, path);
      // Others may write this one, so it is read instead of mapped: cutting it off cannot kill the reader.
      writeFile(other, file);
      chmod(other.c_str(), 0666);
      std::filesystem::rename(other, path);
      truncate(path.c_str(), static_cast<off_t>(file.size() / 2));
    }
  });
  for (int i = 0; i < 500; ++i) {
    std::string code = codeOf(path);
    CHECK((code == "loaded" || code == "MN-IO-001" || code == "MN-FMT-TRUNC"));
  }
  stop = true;
  disturber.join();
}

TEST_CASE("there is no compression, so no bomb (row 24)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile();
  CHECK(refusal(folder, withText(file, "\"requires\":[]", "\"requires\":[\"zstd\"]")) == "MN-FMT-VERSION");
  CHECK(refusal(folder, withText(file, "\"id\":\"tile\"", "\"id\":\"tile.zst\"")) == "MN-FMT-SECTION");
}

TEST_CASE("collectives are not in this release: no such stream in a file or in text (row 18)", "[ISA][attack]") {
  Folder folder;
  CHECK(refusal(folder, withText(sampleFile(), "\"id\":\"stream.pe\"", "\"id\":\"stream.qe\"")) == "MN-FMT-SECTION");
  CHECK(assemble(".stream cc\n", "a.masm").error().items().front().code == "MN-ASM-NAME");
  CHECK(assemble(".chip \"sm\x9e\x93\"\n", "a.masm").error().items().front().code == "MN-ASM-NAME"); // not UTF-8: found by the fuzz target
}

TEST_CASE("where a program is written, nothing else is touched (row 39)", "[ISA][attack]") {
  Folder folder;
  // A symbolic link is replaced, what it points to stays.
  writeFile(folder.file("target"), "precious");
  std::filesystem::create_symlink(folder.file("target"), folder.file("link.mnx"));
  REQUIRE(save(sample(), folder.file("link.mnx")));
  CHECK(readFile(folder.file("target")) == "precious");
  CHECK(!std::filesystem::is_symlink(folder.file("link.mnx")));
  // A full disk: the old file stays, the new one is gone.
  writeFile(folder.file("old.mnx"), "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before, small{1000, 1000};
  getrlimit(RLIMIT_FSIZE, &before);
  small.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_FSIZE, &small);
  Status full = save(sample(), folder.file("old.mnx"));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_DFL);
  REQUIRE(!full);
  CHECK(full.error().items().front().code == "MN-IO-002");
  CHECK(readFile(folder.file("old.mnx")) == "old");
  // A device stays one; a name in a folder that is a file.
  CHECK(save(sample(), "/dev/null").error().items().front().code == "MN-IO-002");
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(save(sample(), folder.file("target") + "/a.mnx").error().items().front().code == "MN-IO-002");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 3);
}

TEST_CASE("loads do not disturb each other, failed ones, children or signals (row 40)", "[ISA][attack]") {
  Folder folder;
  std::string file = sampleFile(), good = folder.file("good.mnx"), bad = folder.file("bad.mnx");
  writeFile(good, file);
  writeFile(bad, withText(file, "[3,5]", "[3,6]"));
  std::atomic<int> wrong = 0;
  auto work = [&](int number) {
    for (int i = 0; i < 20; ++i)
      wrong += codeOf((i + number) % 2 ? good : bad) != ((i + number) % 2 ? "loaded" : "MN-SHAPE-BYTES");
  };
  // A timer interrupts calls all the time.
  struct sigaction action = {}, old = {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, &old);
  itimerval often = {{0, 200}, {0, 200}}, never = {};
  setitimer(ITIMER_REAL, &often, nullptr);
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i)
    threads.emplace_back(work, i);
  pid_t child = fork();
  if (child == 0) {
    // In the child only what is safe behind a fork of a process with threads: a load of its own, without them.
    auto descriptor = RegularFile::open(good);
    _exit(descriptor ? 0 : 1);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  for (std::thread &thread : threads)
    thread.join();
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &old, nullptr);
  CHECK(status == 0);
  CHECK(wrong == 0);
}
