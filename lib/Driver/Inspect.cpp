// Listing a program.
#include "lib/Driver/Inspect.h"
#include "lib/Driver/Binding.h"
#include "lib/ISA/Assembler.h"
#include "lib/ISA/Checksum.h"
#include "lib/ISA/Text.h"

namespace manaslu::driver {

namespace {

nlohmann::ordered_json chipOf(const isa::Program &program) {
  auto chip = nlohmann::ordered_json::parse(program.chipJson, nullptr, /*allow_exceptions=*/false);
  return chip.is_object() ? chip.value("name", nlohmann::ordered_json()) : nlohmann::ordered_json();
}

nlohmann::ordered_json asJson(const isa::Program &program, const std::string &path, bool disassembled) {
  nlohmann::ordered_json out = {{"schema", 1}, {"name", program.name}, {"chip", chipOf(program)}};
  if (Result<std::string> hash = isa::sha256OfFile(path))
    out["program_sha256"] = *hash;
  out["instructions"] = program.instructionCount();
  auto &regions = out["regions"] = nlohmann::ordered_json::array();
  for (const isa::Region &region : program.regions)
    regions.push_back({{"name", region.name},
                       {"kind", nameOf(region.kind)},
                       {"type", nameOf(region.type)},
                       {"shape", region.shape},
                       {"host_type", region.hostType},
                       {"bytes", region.bytes}});
  auto &streams = out["streams"] = nlohmann::ordered_json::object();
  for (const auto &[id, instructions] : program.streams) {
    auto &stream = streams[isa::nameOf(id)];
    stream["instructions"] = instructions.size();
    if (disassembled)
      for (const isa::Instruction &instruction : instructions)
        stream["text"].push_back(isa::toText(instruction, &program.regions));
  }
  out["metadata"] = program.metadata;
  out["tile_program"] = !program.tileProgram.empty();
  out["ignored_sections"] = program.ignoredSections;
  return out;
}

void appendRegions(std::string &out, const isa::Program &program) {
  uint64_t constants = 0, constantBytes = 0, scratchBytes = 0;
  for (const isa::Region &region : program.regions) {
    if (region.kind == isa::RegionKind::Constant)
      ++constants, constantBytes += region.bytes;
    else if (region.kind == isa::RegionKind::Scratch)
      scratchBytes += region.bytes;
  }
  for (auto [kind, name] :
       {std::pair(isa::RegionKind::Input, "input"), std::pair(isa::RegionKind::Output, "output"), std::pair(isa::RegionKind::State, "state")})
    out += describeSignature(signatureOf(program, kind), name);
  out += "  constants  " + std::to_string(constants) + " regions, " + std::to_string(constantBytes) + " bytes\n  scratch    " + std::to_string(scratchBytes) +
         " bytes\n";
}

} // namespace

std::string inspect(const isa::Program &program, const std::string &path, bool disassembled, bool json) {
  if (json)
    return asJson(program, path, disassembled).dump(2) + "\n";
  if (disassembled)
    return isa::disassemble(program);
  nlohmann::ordered_json chip = chipOf(program);
  std::string out = program.name + " for " + (chip.is_string() ? chip.get<std::string>() : "an unnamed chip") + ", " +
                    std::to_string(program.instructionCount()) + " instructions\n";
  appendRegions(out, program);
  for (const auto &[id, instructions] : program.streams)
    out += "  stream " + isa::nameOf(id) + "  " + std::to_string(instructions.size()) + " instructions\n";
  out += program.tileProgram.empty() ? "  no tile program (stripped)\n" : "  tile program  " + std::to_string(program.tileProgram.size()) + " bytes\n";
  for (const std::string &section : program.ignoredSections)
    out += "  ignored section " + section + "\n";
  return out + program.metadata.dump(2) + "\n";
}

double addEnergy(nlohmann::ordered_json &target, const EnergyParts &parts) {
  auto nanojoules = [](double picojoules) { return picojoules / 1000; };
  target = {{"pe", nanojoules(parts.pe)},
            {"ve", nanojoules(parts.ve)},
            {"se", nanojoules(parts.se)},
            {"ge", nanojoules(parts.ge)},
            {"sbuf", nanojoules(parts.sbuf)},
            {"psum", nanojoules(parts.psum)},
            {"device_memory", nanojoules(parts.deviceMemory)},
            {"dma", nanojoules(parts.dma)},
            {"static", nanojoules(parts.staticPower)}};
  return nanojoules(parts.total());
}

} // namespace manaslu::driver
