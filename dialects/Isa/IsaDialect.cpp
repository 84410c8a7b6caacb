// Attributes of the isa dialect, its holding operations, and the glue between operations and structs.
#include "dialects/Isa/IsaDialect.h"

#include "lib/ISA/Codec.h"
#include "lib/ISA/Program.h"
#include "lib/ISA/Text.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace manaslu::isa {

//===-- Attributes: their text is that of the assembler, in quotes --------===//

llvm::hash_code hash_value(const Sync &sync) { return llvm::hash_combine(sync.waitSem, sync.waitReg, sync.waitValue, sync.signalSem); }

template <class Dims> static llvm::hash_code hashDims(const Dims &dims) {
  llvm::hash_code hash = 0;
  for (const auto &dim : dims)
    hash = llvm::hash_combine(hash, dim.stride, dim.size);
  return hash;
}

llvm::hash_code hash_value(const TileOperand &operand) {
  return llvm::hash_combine(operand.space, operand.type, operand.partition, operand.partitions, operand.offset, operand.reg, hashDims(operand.dims));
}

llvm::hash_code hash_value(const DeviceOperand &operand) {
  return llvm::hash_combine(operand.region, operand.type, operand.offset, operand.reg, operand.scale, hashDims(operand.dims));
}

llvm::hash_code hash_value(const Narrowing &narrowing) {
  return llvm::hash_combine(narrowing.rounding, narrowing.overflow, narrowing.stepReg, narrowing.baseReg, narrowing.site, narrowing.seed, narrowing.base,
                            narrowing.baseScale, llvm::hash_combine_range(narrowing.strides.begin(), narrowing.strides.end()));
}

/// `<"text">`, read by the assembler's own parser.
template <class Attr, class FromText> static Attribute parseQuoted(AsmParser &parser, FromText fromText) {
  std::string text;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseString(&text) || parser.parseGreater())
    return {};
  auto value = fromText(text);
  if (value)
    return Attr::get(parser.getContext(), *value);
  parser.emitError(location) << value.error().items().front().code << ": " << value.error().items().front().message;
  return {};
}

Attribute SyncAttr::parse(AsmParser &parser, Type) { return parseQuoted<SyncAttr>(parser, syncFromText); }
Attribute TileAttr::parse(AsmParser &parser, Type) { return parseQuoted<TileAttr>(parser, tileFromText); }
Attribute DeviceAttr::parse(AsmParser &parser, Type) {
  return parseQuoted<DeviceAttr>(parser, [](std::string_view text) { return deviceFromText(text); });
}
Attribute NarrowingAttr::parse(AsmParser &parser, Type) { return parseQuoted<NarrowingAttr>(parser, narrowingFromText); }
void SyncAttr::print(AsmPrinter &printer) const { printer << "<\"" << toText(getValue()) << "\">"; }
void TileAttr::print(AsmPrinter &printer) const { printer << "<\"" << toText(getValue()) << "\">"; }
void DeviceAttr::print(AsmPrinter &printer) const { printer << "<\"" << toText(getValue()) << "\">"; }
void NarrowingAttr::print(AsmPrinter &printer) const { printer << "<\"" << toText(getValue()) << "\">"; }

//===-- Verifiers ----------------------------------------------------------===//

LogicalResult ProgramOp::verifyRegions() {
  bool sawStream = false;
  for (Operation &operation : *getBody()) {
    if (!llvm::isa<RegionOp, StreamOp>(operation))
      return operation.emitOpError("does not belong in isa.program: only isa.region and isa.stream do");
    if (sawStream && llvm::isa<RegionOp>(operation))
      return operation.emitOpError("must stand before the streams");
    sawStream |= llvm::isa<StreamOp>(operation);
  }
  return success();
}

LogicalResult RegionOp::verify() {
  if (!regionKindFromName(getKind()))
    return emitOpError("kind must be input, output, constant, state or scratch");
  if (!dtypeFromName(getElement()))
    return emitOpError("\"") << getElement() << "\" is not an element type of the chip";
  return success();
}

LogicalResult StreamOp::verifyRegions() {
  std::optional<StreamId> id = streamFromName(getSymName());
  if (!id)
    return emitOpError("is not one of the streams pe, ve, se, ge, dma0 .. dma15");
  int depth = 0;
  for (Operation &operation : *getBody()) {
    std::optional<Instruction> instruction = toStruct(&operation);
    if (!instruction)
      return operation.emitOpError("is not an instruction");
    if (!allowedIn(familyOf(*instruction), *id))
      return operation.emitOpError("does not belong in stream ") << getSymName();
    depth += llvm::isa<LoopOp>(operation);
    depth -= llvm::isa<EndLoopOp>(operation);
    if (depth < 0 || depth > kMaxLoopDepth)
      return operation.emitOpError("loops must be closed in order and nest at most ") << kMaxLoopDepth << " deep";
    if (Status status = checkRanges(*instruction); !status)
      return operation.emitOpError() << status.error().items().front().code << ": " << status.error().items().front().message;
  }
  return depth == 0 ? success() : emitOpError("leaves a loop open");
}

//===-- Operations and structs --------------------------------------------===//

static void read(SyncAttr attribute, Sync &value) { value = attribute ? attribute.getValue() : Sync(); }
static void read(TileAttr attribute, TileOperand &value) { value = attribute.getValue(); }
static void read(DeviceAttr attribute, DeviceOperand &value) { value = attribute.getValue(); }
static void read(NarrowingAttr attribute, Narrowing &value) { value = attribute ? attribute.getValue() : Narrowing(); }
static void read(UnitAttr attribute, bool &value) { value = static_cast<bool>(attribute); }
static void read(FloatAttr attribute, float &value) {
  value = std::bit_cast<float>(static_cast<uint32_t>(attribute.getValue().bitcastToAPInt().getZExtValue()));
}
template <class T> static void read(IntegerAttr attribute, T &value) { value = static_cast<T>(attribute.getValue().getSExtValue()); }
template <class T, size_t n> static void read(DenseI32ArrayAttr attribute, std::array<T, n> &value) {
  for (size_t i = 0; i < n && i < static_cast<size_t>(attribute.size()); ++i)
    value[i] = static_cast<T>(attribute[i]);
}
template <class Attr, class T>
  requires std::is_enum_v<T>
static void read(Attr attribute, T &value) {
  value = attribute.getValue();
}

static SyncAttr write(OpBuilder &builder, const Sync &value) { return value == Sync() ? SyncAttr() : SyncAttr::get(builder.getContext(), value); }
static TileAttr write(OpBuilder &builder, const TileOperand &value) { return TileAttr::get(builder.getContext(), value); }
static DeviceAttr write(OpBuilder &builder, const DeviceOperand &value) { return DeviceAttr::get(builder.getContext(), value); }
static NarrowingAttr write(OpBuilder &builder, const Narrowing &value) {
  return value == Narrowing() ? NarrowingAttr() : NarrowingAttr::get(builder.getContext(), value);
}
static UnitAttr write(OpBuilder &builder, bool value) { return value ? builder.getUnitAttr() : UnitAttr(); }
static FloatAttr write(OpBuilder &builder, float value) {
  return FloatAttr::get(builder.getF32Type(), APFloat(APFloat::IEEEsingle(), APInt(32, std::bit_cast<uint32_t>(value))));
}
template <class T>
  requires std::is_integral_v<T>
static IntegerAttr write(OpBuilder &builder, T value) {
  return builder.getI64IntegerAttr(static_cast<int64_t>(value));
}
template <class T, size_t n> static DenseI32ArrayAttr write(OpBuilder &builder, const std::array<T, n> &value) {
  return builder.getDenseI32ArrayAttr(SmallVector<int32_t>(value.begin(), value.end()));
}

} // namespace manaslu::isa

#include "dialects/Isa/IsaGlue.cpp.inc"

#include "dialects/Isa/IsaDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Isa/IsaAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Isa/IsaOps.cpp.inc"

void manaslu::isa::IsaDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Isa/IsaAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Isa/IsaOps.cpp.inc"
      >();
}
