// Reads the text or the program, converts it, writes the result.
#include "tools/manaslu-as/Command.h"

#include "lib/Chip/Chip.h"
#include "lib/ISA/Assembler.h"
#include "lib/ISA/RegularFile.h"
#include "lib/ISA/Rules.h"
#include "lib/ISA/TemporaryFile.h"

#include <filesystem>
#include <iostream>
#include <iterator>

namespace manaslu::as {

/// Largest program text that is read.
static constexpr uint64_t kMaxText = uint64_t(1) << 30;

Status parseOptions(const std::vector<std::string> &arguments, Options &options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &word = arguments[i];
    std::string *value = word == "-o" || word == "--output" ? &options.output : word == "--chip" ? &options.chip : nullptr;
    if (value) {
      if (++i == arguments.size())
        return Error("MN-USE-002", word + " needs a value");
      *value = arguments[i];
    } else if (word == "--disassemble") {
      options.disassemble = true;
    } else if (word == "--json-diagnostics") {
      options.jsonDiagnostics = true;
    } else if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (word.size() > 1 && word[0] == '-') {
      return Error("MN-USE-001", "unknown flag " + word + "; see manaslu-as --help");
    } else if (!options.input.empty()) {
      return Error("MN-USE-002", "two inputs are given: " + options.input + " and " + word);
    } else {
      options.input = word;
    }
  }
  if (options.input.empty() && !options.help)
    return Error("MN-USE-002", "no input is given; see manaslu-as --help");
  return {};
}

static Result<std::string> readText(const std::string &path) {
  if (path == "-")
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  Result<isa::RegularFile> file = isa::RegularFile::open(path);
  if (!file)
    return file.error();
  if (file->size() > kMaxText)
    return Error("MN-FMT-LIMIT", "the text has " + std::to_string(file->size()) + " bytes, more than the limit of " + std::to_string(kMaxText), path);
  std::string text(file->size(), '\0');
  if (Status status = file->read(0, std::as_writable_bytes(std::span(text))); !status)
    return status.error();
  return text;
}

static Status disassemble(const Options &options) {
  Result<isa::Program> program = isa::load(options.input);
  if (!program)
    return program.error();
  std::string text = isa::disassemble(*program);
  if (options.output.empty() || options.output == "-") {
    std::cout << text;
    return {};
  }
  isa::TemporaryFile file(options.output);
  if (Status status = file.create(); !status)
    return status;
  if (Status status = file.append(std::as_bytes(std::span(text))); !status)
    return status;
  return file.commit();
}

/// Puts the whole chip file into the program and holds the program against the chip's memories.
static Status resolveChip(isa::Program &program, const std::string &wanted) {
  std::string name = wanted;
  if (name.empty() && !program.chipJson.empty())
    name = nlohmann::json::parse(program.chipJson).get<std::string>();
  Result<Chip> chip = findChip(name.empty() ? "mt1" : name);
  if (!chip)
    return chip.error();
  program.chipJson = toJson(*chip);
  isa::MemoryLimits limits;
  limits.partitions = static_cast<uint64_t>(chip->partitions);
  limits.sbufBytes = static_cast<uint64_t>(chip->sbufUsableBytes());
  limits.psumBytes = static_cast<uint64_t>(chip->psumBytesPerPartition());
  limits.psumBankBytes = static_cast<uint64_t>(chip->psumBankBytes);
  return isa::verifyForChip(program, limits);
}

Status run(const Options &options) {
  if (options.disassemble)
    return disassemble(options);
  Result<std::string> text = readText(options.input);
  if (!text)
    return text.error();
  Result<isa::Program> program = isa::assemble(*text, options.input);
  if (!program)
    return program.error();
  if (Status status = resolveChip(*program, options.chip); !status)
    return status;
  std::string output = options.output;
  if (output.empty())
    output = options.input == "-" ? "program.mnx" : std::filesystem::path(options.input).replace_extension(".mnx").filename().string();
  return isa::save(*program, output);
}

} // namespace manaslu::as
