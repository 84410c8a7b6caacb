// A program of lib/ISA as a module of the isa dialect and back.
#include "lib/Target/IsaProgram.h"

#include "dialects/Isa/IsaDialect.h"

#include <llvm/Support/raw_ostream.h>

using namespace mlir;

namespace manaslu::target {

namespace {

/// Instruction `index` of a stream carries the location of the debug entry that covers it: the entry's text at the number of its tile operation.
Location locationOf(MLIRContext *context, const isa::DebugEntry *entry) {
  if (!entry)
    return UnknownLoc::get(context);
  Location number = FileLineColLoc::get(context, "tile", entry->tileOp, 0);
  return NameLoc::get(StringAttr::get(context, entry->location), number);
}

void buildStream(OpBuilder &builder, const isa::Program &program, isa::StreamId id, const std::vector<isa::Instruction> &code) {
  auto stream = isa::StreamOp::create(builder, builder.getUnknownLoc(), builder.getStringAttr(isa::nameOf(id)));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&stream.getBodyRegion().emplaceBlock());
  const isa::DebugEntry *last = nullptr;
  Location location = builder.getUnknownLoc();
  for (size_t i = 0; i < code.size(); ++i) {
    const isa::DebugEntry *entry = program.debugOf(id, static_cast<uint32_t>(i));
    if (entry != last)
      location = locationOf(builder.getContext(), entry);
    last = entry;
    isa::build(builder, location, code[i]);
  }
}

Error broken(Operation *op, const std::string &what) {
  std::string where;
  llvm::raw_string_ostream out(where);
  out << op->getLoc();
  return Error("MN-ISA-MODULE", what, where);
}

Result<isa::Region> regionOf(isa::RegionOp op) {
  isa::Region region;
  region.name = op.getSymName().str();
  std::optional<isa::RegionKind> kind = isa::regionKindFromName({op.getKind().data(), op.getKind().size()});
  std::optional<DType> type = dtypeFromName({op.getElement().data(), op.getElement().size()});
  if (!kind || !type)
    return broken(op, "isa.region names no kind or element type of the chip");
  region.kind = *kind;
  region.type = *type;
  region.shape.assign(op.getShape().begin(), op.getShape().end());
  region.hostType = op.getHost().value_or("").str();
  region.bytes = sizeOf(*type);
  for (int64_t size : region.shape)
    if (size < 1 || __builtin_mul_overflow(region.bytes, static_cast<uint64_t>(size), &region.bytes))
      return broken(op, "isa.region has an empty or overlong shape");
  return region;
}

/// Remembers where the location of a debug entry begins.
void addDebug(isa::Program &program, isa::StreamId stream, uint32_t index, Location location) {
  auto name = dyn_cast<NameLoc>(location);
  auto number = name ? dyn_cast<FileLineColLoc>(name.getChildLoc()) : FileLineColLoc();
  if (!number || number.getFilename() != "tile")
    return;
  std::vector<isa::DebugEntry> &debug = program.debug;
  if (debug.empty() || debug.back().stream != stream || debug.back().tileOp != number.getLine())
    debug.push_back({stream, index, number.getLine(), name.getName().str()});
}

Status readStream(isa::StreamOp op, isa::Program &program) {
  std::optional<isa::StreamId> id = isa::streamFromName({op.getSymName().data(), op.getSymName().size()});
  if (!id || program.streams.count(*id))
    return broken(op, "isa.stream \"" + op.getSymName().str() + "\" is no stream, or stands twice");
  std::vector<isa::Instruction> &code = program.streams[*id];
  for (Operation &inner : op.getBodyRegion().front()) {
    std::optional<isa::Instruction> instruction = isa::toStruct(&inner);
    if (!instruction)
      return broken(&inner, "no instruction: " + inner.getName().getStringRef().str());
    addDebug(program, *id, static_cast<uint32_t>(code.size()), inner.getLoc());
    code.push_back(std::move(*instruction));
  }
  return {};
}

} // namespace

OwningOpRef<ModuleOp> toModule(const isa::Program &program, MLIRContext *context) {
  context->loadDialect<isa::IsaDialect>();
  OpBuilder builder(context);
  OwningOpRef<ModuleOp> module(ModuleOp::create(builder.getUnknownLoc()));
  builder.setInsertionPointToEnd(module->getBody());
  auto text = [&](const std::string &value) { return value.empty() ? StringAttr() : builder.getStringAttr(value); };
  auto op = isa::ProgramOp::create(builder, builder.getUnknownLoc(), builder.getStringAttr(program.name), text(program.chipJson),
                                   program.metadata.empty() ? StringAttr() : builder.getStringAttr(program.metadata.dump()));
  builder.setInsertionPointToEnd(&op.getBodyRegion().emplaceBlock());
  for (const isa::Region &region : program.regions)
    isa::RegionOp::create(builder, builder.getUnknownLoc(), builder.getStringAttr(region.name), builder.getStringAttr(isa::nameOf(region.kind)),
                          builder.getStringAttr(manaslu::nameOf(region.type)), builder.getDenseI64ArrayAttr(region.shape), text(region.hostType),
                          region.kind == isa::RegionKind::Constant ? builder.getStringAttr(region.name) : StringAttr());
  for (auto &[id, code] : program.streams)
    buildStream(builder, program, id, code);
  return module;
}

Result<isa::Program> fromModule(ModuleOp module) {
  auto programs = module.getOps<isa::ProgramOp>();
  if (programs.empty())
    return broken(module, "the module holds no isa.program");
  isa::ProgramOp op = *programs.begin();
  isa::Program program;
  program.name = op.getSymName().str();
  program.chipJson = op.getChip().value_or("").str();
  if (op.getMetadata()) {
    program.metadata = nlohmann::ordered_json::parse(op.getMetadata()->str(), nullptr, /*allow_exceptions=*/false);
    if (program.metadata.is_discarded())
      return broken(op, "the metadata of isa.program is not JSON");
  }
  for (Operation &inner : op.getBodyRegion().front()) {
    if (auto region = dyn_cast<isa::RegionOp>(inner)) {
      Result<isa::Region> read = regionOf(region);
      if (!read)
        return read.error();
      program.regions.push_back(std::move(*read));
    } else if (auto stream = dyn_cast<isa::StreamOp>(inner)) {
      if (Status status = readStream(stream, program); !status)
        return status.error();
    } else {
      return broken(&inner, "isa.program holds isa.region and isa.stream only");
    }
  }
  return program;
}

} // namespace manaslu::target
