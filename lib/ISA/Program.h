// A program for the chip: regions of device memory, one list of instructions per stream, constants, and what is known about where they came from.
// In memory here; as a .mnx file through load and save (docs/ProgramFile.md).
#pragma once

#include "lib/ISA/Instructions.h"
#include "lib/Support/Error.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace manaslu::isa {

/// What a region of device memory holds. Inputs and constants are read-only for the program.
enum class RegionKind : uint8_t { Input, Output, Constant, State, Scratch };

/// "input", "output", "constant", "state", "scratch".
std::string_view nameOf(RegionKind kind);
std::optional<RegionKind> regionKindFromName(std::string_view name);

/// One region; instructions name it by its index in Program::regions. Inputs and outputs are bound in the order in which they stand here.
struct Region {
  std::string name;
  RegionKind kind = RegionKind::Scratch;
  DType type = DType::F32;
  std::vector<int64_t> shape; ///< elements, row major, every dimension > 0
  std::string hostType;       ///< the type the host binds: "float32", "int64", "bool", ...; empty: the host never sees the region
  uint64_t bytes = 0;         ///< product of shape * bytes of an element

  bool operator==(const Region &) const = default;
};

/// Contents of a constant region, or the initial value of a state region. Either `bytes`, or `fill` when they are made while the file is written.
struct ConstantData {
  uint32_t region = 0;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner; ///< keeps `bytes` alive (a buffer or the mapped file); may be null when somebody else does
  /// Fills `chunk` with the bytes from `offset` on; called for rising offsets, on one thread.
  std::function<void(uint64_t offset, std::span<std::byte> chunk)> fill;
};

/// Where instructions came from: holds from instruction `first` of `stream` to the next entry of that stream. Entries are sorted by stream, then first.
struct DebugEntry {
  StreamId stream = StreamId::Pe;
  uint32_t first = 0;
  uint32_t tileOp = 0;  ///< number of the operation in the tile program
  std::string location; ///< graph operator and Python line, for people

  bool operator==(const DebugEntry &) const = default;
};

struct Program {
  std::string name;
  std::string chipJson; ///< the chip file the program is for, whole
  std::vector<Region> regions;
  std::map<StreamId, std::vector<Instruction>> streams;               ///< only streams that have instructions; each ends with Halt
  std::vector<ConstantData> constants;                                ///< ascending by region; every constant region has one
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object(); ///< provenance and whatever the compiler reports
  std::vector<DebugEntry> debug;
  std::string tileProgram;                  ///< text of the tile program for --check-levels; empty when stripped
  std::vector<std::string> ignoredSections; ///< optional sections of the file that this release does not know

  /// The data of a region, or nothing.
  const ConstantData *constantOf(uint32_t region) const;
  /// The debug entry that covers an instruction, or null.
  const DebugEntry *debugOf(StreamId stream, uint32_t instruction) const;
  /// Instructions of all streams.
  uint64_t instructionCount() const;
  /// Gives the region owned bytes.
  void addConstant(uint32_t region, std::vector<std::byte> bytes);
  /// Runs every `fill` into memory, so that the program can be executed without a file.
  void materialize();
};

/// Whether the program keeps the rules that need no chip (docs/ISA.md): ranges, streams, loops, Halt, region indices and extents, rights, names, shapes.
/// MN-ISA-*, MN-SHAPE-*, MN-FMT-NAME. `load` and `save` call it.
Status verifyProgram(const Program &program);

/// Limits of `load`.
struct LoadLimits {
  uint64_t fileBytes = uint64_t(8) << 30;
  uint64_t instructions = uint64_t(1) << 28;
  uint32_t regions = 1 << 20;
};

/// Reads a .mnx file: structure first, then meaning; nothing is allocated that the file's own size does not back. Constants are mapped read-only when
/// nobody but the owner may write the file, else read. MN-FMT-*, MN-IO-001 and what verifyProgram reports.
Result<Program> load(const std::string &path, const LoadLimits &limits = {});

/// Writes the file under a temporary name beside `path` and renames it; constants stream through, the same program gives the same bytes.
/// MN-IO-002 and what verifyProgram reports; no file is left on failure.
Status save(const Program &program, const std::string &path);

} // namespace manaslu::isa
