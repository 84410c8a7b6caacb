// Rules of whole programs: names, shapes, sizes, streams, loops.
#include "lib/ISA/Codec.h"
#include "lib/ISA/ProgramLayout.h"
#include "lib/ISA/Rules.h"

#include <set>

namespace manaslu::isa {

/// Enough to see a pattern; a damaged program may break a million rules.
static constexpr size_t kMaxReports = 20;

static void checkRegion(const Region &region, size_t index, Error &error) {
  std::string where = "region " + std::to_string(index) + (isCleanName(region.name) ? " (" + region.name + ")" : "");
  if (!isCleanName(region.name))
    error.add("MN-FMT-NAME", "a region's name must be 1 to 255 bytes of UTF-8 without control characters", where);
  if (!region.hostType.empty() && !isCleanName(region.hostType))
    error.add("MN-FMT-NAME", "a host type must be UTF-8 without control characters", where);
  if (region.shape.size() > 8)
    return error.add("MN-SHAPE-OVERFLOW", "rank " + std::to_string(region.shape.size()) + ", at most 8 is allowed", where);
  unsigned __int128 elements = 1;
  for (int64_t size : region.shape) {
    if (size <= 0 || size >= (int64_t(1) << 31))
      return error.add("MN-SHAPE-OVERFLOW", "a dimension is " + std::to_string(size) + ", outside 1..2^31-1", where);
    elements *= static_cast<uint64_t>(size);
    if (elements >= (static_cast<unsigned __int128>(1) << 40))
      return error.add("MN-SHAPE-OVERFLOW", "the shape has 2^40 elements or more", where);
  }
  if (elements * static_cast<unsigned>(sizeOf(region.type)) != region.bytes)
    error.add("MN-SHAPE-BYTES",
              "the region has " + std::to_string(region.bytes) + " bytes, its shape and type take " +
                  std::to_string(static_cast<uint64_t>(elements) * sizeOf(region.type)),
              where);
}

static void checkRegions(const Program &program, Error &error) {
  if (program.regions.size() > 65536)
    error.add("MN-FMT-LIMIT", "the program has " + std::to_string(program.regions.size()) + " regions, instructions can name 65536");
  if (!isCleanName(program.name))
    error.add("MN-FMT-NAME", "the program's name must be 1 to 255 bytes of UTF-8 without control characters");
  if (!program.chipJson.empty() && !nlohmann::json::accept(program.chipJson))
    error.add("MN-FMT-HEADER", "the embedded chip file is not JSON");
  std::set<std::string_view> names;
  for (size_t i = 0; i < program.regions.size() && error.items().size() < kMaxReports; ++i) {
    checkRegion(program.regions[i], i, error);
    if (!names.insert(program.regions[i].name).second)
      error.add("MN-FMT-NAME", "two regions are named " + program.regions[i].name);
  }
}

static void checkConstants(const Program &program, Error &error) {
  size_t next = 0;
  for (size_t i = 0; i < program.constants.size(); ++i) {
    const ConstantData &data = program.constants[i];
    if (data.region >= program.regions.size() || (i > 0 && data.region <= program.constants[i - 1].region))
      return error.add("MN-SHAPE-BYTES", "data number " + std::to_string(i) + " names region " + std::to_string(data.region) + ", out of order or not there");
    const Region &region = program.regions[data.region];
    if (region.kind != RegionKind::Constant && region.kind != RegionKind::State)
      error.add("MN-SHAPE-BYTES", "region " + region.name + " is " + std::string(nameOf(region.kind)) + " and cannot have data in the program");
    if (!data.fill && data.bytes.size() != region.bytes)
      error.add("MN-SHAPE-BYTES",
                "the data of region " + region.name + " have " + std::to_string(data.bytes.size()) + " bytes, the region " + std::to_string(region.bytes));
  }
  for (uint32_t i = 0; i < program.regions.size() && error.items().size() < kMaxReports; ++i) {
    bool hasData = next < program.constants.size() && program.constants[next].region == i;
    next += hasData;
    if (!hasData && program.regions[i].kind == RegionKind::Constant)
      error.add("MN-SHAPE-BYTES", "constant region " + program.regions[i].name + " has no data");
  }
}

static void checkStream(StreamId id, const std::vector<Instruction> &instructions, Error &error) {
  std::string stream = "stream " + nameOf(id);
  int depth = 0;
  for (size_t i = 0; i < instructions.size() && error.items().size() < kMaxReports; ++i) {
    const Instruction &instruction = instructions[i];
    auto where = [&] { return stream + ", instruction " + std::to_string(i); };
    if (!allowedIn(familyOf(instruction), id))
      error.add("MN-ISA-DECODE", std::string(mnemonicOf(instruction)) + " does not belong in this stream", where());
    if (std::holds_alternative<Loop>(instruction) && ++depth > kMaxLoopDepth)
      return error.add("MN-ISA-DECODE", "loops nest deeper than " + std::to_string(kMaxLoopDepth), where());
    if (std::holds_alternative<EndLoop>(instruction) && --depth < 0)
      return error.add("MN-ISA-DECODE", "end_loop without a loop", where());
    if (std::holds_alternative<Halt>(instruction) && i + 1 != instructions.size())
      error.add("MN-ISA-DECODE", "halt stands before the end of the stream", where());
  }
  if (depth != 0)
    error.add("MN-ISA-DECODE", std::to_string(depth) + " loops are not closed", stream);
  if (instructions.empty() || !std::holds_alternative<Halt>(instructions.back()))
    error.add("MN-ISA-DECODE", "the stream does not end with halt", stream);
}

static Status verify(const Program &program, const MemoryLimits &limits) {
  Error error;
  checkRegions(program, error);
  if (error.empty())
    checkConstants(program, error);
  if (!error.empty())
    return error;
  for (const auto &[id, instructions] : program.streams) {
    checkStream(id, instructions, error);
    for (size_t i = 0; i < instructions.size() && error.items().size() < kMaxReports; ++i) {
      std::string where = "stream " + nameOf(id) + ", instruction " + std::to_string(i);
      if (Status status = checkRanges(instructions[i]); !status)
        for (const Diagnostic &item : status.error().items())
          error.add(item.code, item.message, where);
      else
        checkInstruction(instructions[i], program.regions, limits, where, error);
    }
  }
  uint64_t debugText = 0;
  for (size_t i = 0; i < program.debug.size(); ++i) {
    const DebugEntry &entry = program.debug[i];
    debugText += entry.location.size();
    bool inOrder = i == 0 || std::pair(program.debug[i - 1].stream, program.debug[i - 1].first) < std::pair(entry.stream, entry.first);
    auto stream = program.streams.find(entry.stream);
    if (!inOrder || stream == program.streams.end() || entry.first >= stream->second.size()) {
      error.add("MN-FMT-SECTION", "debug entry " + std::to_string(i) + " is out of order or names an instruction that does not exist");
      break;
    }
  }
  if (debugText > kMaxDebugText)
    error.add("MN-FMT-LIMIT",
              "the locations of all debug entries have " + std::to_string(debugText) + " bytes, more than the limit of " + std::to_string(kMaxDebugText));
  return error;
}

Status verifyProgram(const Program &program) { return verify(program, MemoryLimits()); }
Status verifyForChip(const Program &program, const MemoryLimits &limits) { return verify(program, limits); }

} // namespace manaslu::isa
