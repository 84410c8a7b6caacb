// Fuzz target: isa::load on any bytes. A file that loads has the one form in which it is written: saving gives the same bytes.
#include "lib/ISA/Program.h"
#include "test/fuzz/ProgramFile.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace manaslu;

namespace {

void checkSaved(const isa::Program &program, std::span<const uint8_t> bytes) {
  static const std::string path = (std::filesystem::temp_directory_path() / ("manaslu-fuzz-" + std::to_string(getpid()) + ".mnx")).string();
  if (!isa::save(program, path))
    std::abort();
  std::ifstream file(path, std::ios::binary);
  std::vector<char> saved{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  if (!std::equal(saved.begin(), saved.end(), bytes.begin(), bytes.end(), [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }))
    std::abort();
}

} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  return fuzz::mutateProgramFile(data, size, maxSize, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile file;
  file.fill({data, size});
  auto program = isa::load(file.path());
  // Writing a file takes as long as fifty loads: one accepted program in sixteen.
  if (program && program->ignoredSections.empty() && size % 1024 / 64 == 0)
    checkSaved(*program, {data, size});
  return 0;
}
