// Writes the seeds of every fuzz target: `manaslu-fuzz-corpus FOLDER` makes FOLDER/{loader,packed,assembler} from generated programs, and a dictionary.
#include "lib/ISA/Assembler.h"
#include "lib/ISA/Program.h"
#include "test/fuzz/Packed.h"
#include "test/programs/Generator.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

using namespace manaslu;

namespace {

/// Longer seeds make the fuzzer slow and add nothing.
constexpr size_t kMaxSeed = 16384;

void write(const std::filesystem::path &path, std::string_view bytes) {
  if (bytes.size() <= kMaxSeed)
    std::ofstream(path, std::ios::binary) << bytes;
}

template <size_t... i> std::set<std::string> words(std::index_sequence<i...>) {
  std::set<std::string> found = {".program",     ".chip", ".region", ".stream", "wait=s", "signal=s", "bits:0x", "zeros",  "values",
                                 "host float32", "sbuf.", "psum.",   "input",   "output", "constant", "state",   "scratch"};
  auto add = [&found]<class I>(const I &instruction) {
    found.insert(std::string(I::mnemonic));
    I::fields(instruction, [&found](const char *name, const auto &) { found.insert(std::string(name) + "="); });
  };
  (add(std::variant_alternative_t<i, isa::Instruction>()), ...);
  for (int type = 0; type < kDTypeCount; ++type)
    found.insert(std::string(nameOf(static_cast<DType>(type))));
  return found;
}

} // namespace

int main(int count, char **arguments) {
  if (count != 2) {
    std::fputs("usage: manaslu-fuzz-corpus FOLDER\n", stderr);
    return 2;
  }
  std::filesystem::path folder = arguments[1];
  for (const char *name : {"loader", "packed", "assembler"})
    std::filesystem::create_directories(folder / name);
  for (int i = 0; i < fuzz::kTemplates; ++i) {
    const isa::Program &program = fuzz::templateCase(i).program;
    std::string name = "seed-" + std::to_string(i);
    std::vector<uint8_t> packed = fuzz::pack(i, program);
    write(folder / "packed" / name, {reinterpret_cast<const char *>(packed.data()), packed.size()});
    write(folder / "assembler" / name, isa::disassemble(program, 64));
    std::filesystem::path file = folder / "loader" / name;
    if (Status status = isa::save(program, file.string()); !status) {
      std::fputs(status.error().text().c_str(), stderr);
      return 1;
    }
    if (std::filesystem::file_size(file) > kMaxSeed)
      std::filesystem::remove(file);
  }
  std::ofstream dictionary(folder / "assembler.dict");
  for (const std::string &word : words(std::make_index_sequence<std::variant_size_v<isa::Instruction>>()))
    dictionary << '"' << word << "\"\n";
  return 0;
}
