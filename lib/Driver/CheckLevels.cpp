// Parsing the stored tile program, interpreting it on the same inputs, comparing bits.
#include "lib/Driver/CheckLevels.h"
#include "lib/Driver/Child.h"
#include "lib/Driver/Diagnostics.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Pipeline/Pipeline.h"

#include <cstring>
#include <mlir/Parser/Parser.h>

using namespace mlir;

namespace manaslu::driver {

namespace {

std::string bitsOf(std::span<const std::byte> bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string out = "0x";
  for (size_t i = bytes.size(); i-- > 0;) {
    out += digits[static_cast<unsigned>(bytes[i]) >> 4];
    out += digits[static_cast<unsigned>(bytes[i]) & 15];
  }
  return out;
}

/// Where two regions differ, or nothing.
Status compare(const isa::Region &region, std::span<const std::byte> binary, std::span<const std::byte> tile) {
  if (binary.size() == tile.size() && std::memcmp(binary.data(), tile.data(), tile.size()) == 0)
    return {};
  size_t size = sizeOf(region.type), differing = 0, first = 0, count = std::min(binary.size(), tile.size()) / size;
  for (size_t i = count; i-- > 0;)
    if (std::memcmp(binary.data() + i * size, tile.data() + i * size, size) != 0)
      ++differing, first = i;
  return Error("MN-RUN-LEVELS",
               std::to_string(differing) + " of " + std::to_string(count) + " elements differ, the first is element " + std::to_string(first) + ": binary " +
                   bitsOf(binary.subspan(first * size, size)) + ", tile program " + bitsOf(tile.subspan(first * size, size)),
               std::string(nameOf(region.kind)) + " " + region.name);
}

Status interpretAndCompare(const isa::Program &program, const RegionBytes &before, const RegionBytes &after) {
  DialectRegistry registry;
  pipeline::registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  DiagnosticCollector collector(&context, "MN-INTERNAL");
  auto module = parseSourceString<ModuleOp>(program.tileProgram, ParserConfig(&context), "tile program");
  func::FuncOp function;
  if (module)
    for (auto candidate : module->getOps<func::FuncOp>())
      function = candidate;
  if (!function)
    return collector.take("the stored tile program cannot be read");
  RegionBytes own = before;
  interpreter::Regions regions;
  for (size_t i = 0; i < program.regions.size(); ++i) {
    const isa::Region &region = program.regions[i];
    if (region.kind == isa::RegionKind::Scratch)
      continue;
    std::span<std::byte> bytes;
    if (region.kind == isa::RegionKind::Constant) {
      // The interpreter only reads constants; nothing copies the weights.
      const isa::ConstantData *data = program.constantOf(static_cast<uint32_t>(i));
      bytes = data ? std::span(const_cast<std::byte *>(data->bytes.data()), data->bytes.size()) : std::span<std::byte>();
    } else {
      own[i].resize(region.bytes);
      bytes = own[i];
    }
    regions[region.name] = bytes;
  }
  if (Status interpreted = interpreter::interpret(function, regions); !interpreted)
    return interpreted;
  Error differences;
  for (size_t i = 0; i < program.regions.size(); ++i) {
    const isa::Region &region = program.regions[i];
    if (region.kind == isa::RegionKind::Output || region.kind == isa::RegionKind::State)
      if (Status same = compare(region, after[i], own[i]); !same)
        differences.append(same.error());
  }
  return differences.empty() ? Status() : Status(differences);
}

/// A child's error crosses as records separated by zero bytes.
std::string packError(const Error &error) {
  std::string out;
  for (const Diagnostic &item : error.items())
    out += item.code + '\0' + item.message + '\0' + item.where + '\0';
  return out;
}

Error unpackError(const std::string &text) {
  Error error;
  std::vector<std::string> fields;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\0', begin), text.size());
    fields.push_back(text.substr(begin, end - begin));
    begin = end + 1;
    if (fields.size() == 3) {
      error.add(fields[0], fields[1], fields[2]);
      fields.clear();
    }
  }
  return error;
}

} // namespace

Status checkLevels(const isa::Program &program, const RegionBytes &before, const RegionBytes &after) {
  if (program.tileProgram.empty())
    return Error("MN-RUN-STRIPPED", "the program holds no tile program to compare with; compile it without --strip");
  auto work = [&](std::string &output) {
    Status status = interpretAndCompare(program, before, after);
    output = status ? "" : packError(status.error());
    return status ? 0 : 1;
  };
  Result<ChildOutcome> outcome = runForked(work);
  if (!outcome)
    return outcome.error();
  if (outcome->exitStatus == 0)
    return {};
  Error error = unpackError(outcome->output);
  if (error.empty())
    error.add("MN-INTERNAL", "the interpreter of the tile program ended with status " + std::to_string(outcome->exitStatus));
  return error;
}

} // namespace manaslu::driver
