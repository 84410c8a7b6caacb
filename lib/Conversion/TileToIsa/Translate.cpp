// One engine operation of the tile dialect as one instruction.
#include "lib/Conversion/TileToIsa/Translate.h"

#include <llvm/ADT/TypeSwitch.h>
#include <llvm/Support/raw_ostream.h>

using namespace mlir;
using llvm::StringRef;

namespace manaslu::tile {

std::string describe(Operation *operation) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << operation->getName() << " (" << operation->getLoc() << ")";
  return text;
}

int64_t indexBytes(ViewOp view, llvm::ArrayRef<int64_t> indices) {
  int64_t elements = 0;
  for (auto [coefficient, index] : llvm::zip(view.getCoefficients(), indices))
    elements += coefficient * index;
  return elements * elementBytes(view.getBuffer().getType().getElementType());
}

namespace {

struct Dim {
  int64_t stride, size;
};

/// The dimensions of a view with more than one element.
llvm::SmallVector<Dim, 5> dimensions(ViewOp view) {
  bool device = view.getBuffer().getType().getSpace() == Space::Device;
  llvm::ArrayRef<int64_t> sizes = view.getView().getType().getSizes();
  llvm::SmallVector<Dim, 5> dims;
  for (auto [size, stride] : llvm::zip(device ? sizes : sizes.drop_front(), view.getStrides()))
    dims.push_back({size == 1 ? 0 : stride, size});
  return dims;
}

/// Cuts a size that is too large for its field into two where a dimension is free.
bool cutLargeSizes(llvm::SmallVectorImpl<Dim> &dims, size_t most, int64_t largest) {
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].size <= largest)
      continue;
    auto unused = llvm::find_if(dims, [](const Dim &dim) { return dim.size == 1; });
    if (unused == dims.end() && dims.size() == most)
      return false;
    int64_t inner = largest;
    while (inner > 1 && dims[i].size % inner)
      --inner;
    int64_t outer = dims[i].size / inner;
    if (inner == 1 || outer > largest)
      return false;
    Dim whole = dims[i];
    if (unused != dims.end()) {
      size_t hole = unused - dims.begin();
      dims.erase(unused);
      i -= hole < i;
    }
    dims[i] = {whole.stride, inner};
    dims.insert(dims.begin() + i, {whole.stride * inner, outer});
    i = static_cast<size_t>(-1);
  }
  return true;
}

Error patternError(ViewOp view, const std::string &what) { return Error("MN-MEM-PATTERN", what + "; use smaller tiles", describe(view)); }

} // namespace

Result<isa::TileOperand> tileOperand(ViewOp view, int64_t partition, int64_t offset) {
  ViewType type = view.getView().getType();
  int64_t bytes = elementBytes(type.getElementType());
  isa::TileOperand operand;
  operand.space = type.getSpace() == Space::Psum ? isa::Space::Psum : isa::Space::Sbuf;
  operand.type = *dtypeOf(type.getElementType());
  int64_t start = partition + static_cast<int64_t>(view.getPartition()), count = type.getSizes().front();
  if (start % partitionQuantum(count))
    return Error("MN-INTERNAL",
                 std::to_string(count) + " partitions start at partition " + std::to_string(start) + ", not a multiple of " +
                     std::to_string(partitionQuantum(count)),
                 describe(view));
  operand.partition = static_cast<uint8_t>(start);
  operand.partitions = static_cast<uint8_t>(count);
  offset += static_cast<int64_t>(view.getOffset()) * bytes;
  if (offset < 0 || offset >= (1 << 24))
    return patternError(view, "byte offset " + std::to_string(offset) + " is outside the 16 MiB an instruction addresses");
  operand.offset = static_cast<uint32_t>(offset);
  llvm::SmallVector<Dim, 5> dims = dimensions(view);
  if (!cutLargeSizes(dims, 4, UINT16_MAX))
    return patternError(view, "a dimension has more than 65535 elements and cannot be cut in two");
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].stride < INT16_MIN || dims[i].stride > INT16_MAX)
      return patternError(view, "a stride of " + std::to_string(dims[i].stride) + " elements is outside -32768 to 32767");
    operand.dims[4 - dims.size() + i] = {static_cast<int16_t>(dims[i].stride), static_cast<uint16_t>(dims[i].size)};
  }
  return operand;
}

Result<isa::DeviceOperand> deviceOperand(ViewOp view, uint16_t region, int64_t offset) {
  ViewType type = view.getView().getType();
  int64_t bytes = elementBytes(type.getElementType());
  isa::DeviceOperand operand;
  operand.region = region;
  operand.type = *dtypeOf(type.getElementType());
  offset += static_cast<int64_t>(view.getOffset()) * bytes;
  if (offset < 0)
    return patternError(view, "byte offset " + std::to_string(offset) + " lies before the region");
  operand.offset = static_cast<uint64_t>(offset);
  llvm::SmallVector<Dim, 5> dims = dimensions(view);
  if (!cutLargeSizes(dims, 5, UINT32_MAX))
    return patternError(view, "a dimension has more than 4294967295 elements");
  for (size_t i = 0; i < dims.size(); ++i)
    operand.dims[5 - dims.size() + i] = {dims[i].stride * bytes, static_cast<uint32_t>(dims[i].size)};
  return operand;
}

namespace {

/// Translates operand by operand; a word that the instruction set lacks is kept as the error.
class Translator {
public:
  explicit Translator(const OperandResolver &resolver) : resolver_(resolver) {}

  isa::TileOperand tile(Value view) { return resolver_.tile(view); }
  isa::TileOperand optional(Value view) { return view ? resolver_.tile(view) : isa::TileOperand{}; }
  isa::DeviceOperand device(Value view) { return resolver_.device(view); }
  /// A table's first dimension counts its rows: the instruction has it in dims[0], whatever follows it.
  isa::DeviceOperand table(Value view) {
    isa::DeviceOperand operand = resolver_.device(view);
    size_t rank = cast<ViewType>(view.getType()).getSizes().size();
    if (rank > 0 && rank < operand.dims.size())
      std::swap(operand.dims[0], operand.dims[operand.dims.size() - rank]);
    return operand;
  }
  static isa::ScalarKind kind(Value view) { return view ? isa::ScalarKind::Tile : isa::ScalarKind::Immediate; }
  static float immediate(Value view, const APFloat &value) { return view ? 0.0f : value.convertToFloat(); }

  isa::AluOp alu(StringRef name) { return word(name, isa::symbolizeAluOp({name.data(), name.size()})); }
  isa::ActFunc function(StringRef name) { return word(name, isa::symbolizeActFunc({name.data(), name.size()})); }
  isa::IntOp integer(StringRef name) { return word(name, isa::symbolizeIntOp({name.data(), name.size()})); }
  isa::Compare compare(StringRef name) { return word(name, isa::symbolizeCompare({name.data(), name.size()})); }

  /// Steps of the view's free dimensions, outermost first, at their places among four.
  std::array<int32_t, 4> steps(llvm::ArrayRef<int64_t> values) {
    std::array<int32_t, 4> result = {};
    for (size_t i = 0; i < values.size() && i < 4; ++i)
      result[4 - values.size() + i] = number(values[i]);
    return result;
  }
  int32_t number(int64_t value) {
    if (value != static_cast<int32_t>(value))
      problem_ = std::to_string(value) + " does not fit 32 bits";
    return static_cast<int32_t>(value);
  }

  std::optional<isa::Instruction> dma(Operation *op);
  std::optional<isa::Instruction> vector(Operation *op);
  std::optional<isa::Instruction> other(Operation *op);
  std::string problem_;

private:
  template <class T> T word(StringRef name, std::optional<T> value) {
    if (!value)
      problem_ = "no such operation: \"" + name.str() + "\"";
    return value.value_or(T{});
  }
  const OperandResolver &resolver_;
};

using Maybe = std::optional<isa::Instruction>;

Maybe Translator::dma(Operation *op) {
  return llvm::TypeSwitch<Operation *, Maybe>(op)
      .Case([&](LoadOp o) { return isa::DmaLoad{.dst = tile(o.getDst()), .src = device(o.getSrc())}; })
      .Case([&](StoreOp o) { return isa::DmaStore{.dst = device(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](MoveOp o) { return isa::DmaMove{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](CopyDeviceOp o) { return isa::DmaCopy{.dst = device(o.getDst()), .src = device(o.getSrc())}; })
      .Case([&](GatherRowsOp o) {
        return isa::DmaGather{.dst = tile(o.getDst()), .table = table(o.getTable()), .index = tile(o.getIndex()), .rows = static_cast<uint32_t>(o.getRows())};
      })
      .Case([&](ScatterRowsOp o) {
        return isa::DmaScatter{
            .dst = table(o.getDst()), .src = tile(o.getSrc()), .index = tile(o.getIndex()), .rows = static_cast<uint32_t>(o.getRows()), .add = o.getAdd()};
      })
      .Case([&](DmaTransposeOp o) { return isa::DmaTranspose{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](DmaFillOp o) { return isa::DmaFill{.dst = tile(o.getDst()), .value = o.getValue().convertToFloat()}; })
      .Default([](Operation *) { return std::nullopt; });
}

Maybe Translator::vector(Operation *op) {
  return llvm::TypeSwitch<Operation *, Maybe>(op)
      .Case([&](TensorTensorOp o) { return isa::TensorTensor{.dst = tile(o.getDst()), .a = tile(o.getA()), .b = tile(o.getB()), .op = alu(o.getOp())}; })
      .Case([&](TensorScalarOp o) {
        return isa::TensorScalar{.dst = tile(o.getDst()),
                                 .src = tile(o.getSrc()),
                                 .op0 = alu(o.getOp0()),
                                 .kind0 = kind(o.getScalar0()),
                                 .imm0 = immediate(o.getScalar0(), o.getImm0()),
                                 .scalar0 = optional(o.getScalar0()),
                                 .reverse0 = o.getReverse0(),
                                 .op1 = alu(o.getOp1()),
                                 .kind1 = kind(o.getScalar1()),
                                 .imm1 = immediate(o.getScalar1(), o.getImm1()),
                                 .scalar1 = optional(o.getScalar1()),
                                 .reverse1 = o.getReverse1()};
      })
      .Case([&](ReduceOp o) {
        return isa::Reduce{
            .dst = tile(o.getDst()), .src = tile(o.getSrc()), .op = alu(o.getOp()), .axes = static_cast<uint8_t>(o.getAxes()), .negate = o.getNegate()};
      })
      .Case([&](ScanOp o) {
        return isa::Scan{.dst = tile(o.getDst()),
                         .a = tile(o.getA()),
                         .b = tile(o.getB()),
                         .initialImm = o.getInitial().convertToFloat(),
                         .op0 = alu(o.getOp0()),
                         .op1 = alu(o.getOp1())};
      })
      .Case([&](SelectOp o) {
        return isa::Select{.dst = tile(o.getDst()), .mask = tile(o.getMask()), .onTrue = tile(o.getOnTrue()), .onFalse = tile(o.getOnFalse())};
      })
      .Case([&](CopyOp o) { return isa::Copy{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](MemsetOp o) { return isa::Memset{.dst = tile(o.getDst()), .value = o.getValue().convertToFloat()}; })
      .Case([&](ReciprocalOp o) { return isa::Reciprocal{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](BnStatsOp o) { return isa::BnStats{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](BnAggregateOp o) { return isa::BnAggregate{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Default([](Operation *) { return std::nullopt; });
}

Maybe Translator::other(Operation *op) {
  return llvm::TypeSwitch<Operation *, Maybe>(op)
      .Case([&](MatmulOp o) {
        return isa::Matmul{.acc = tile(o.getAcc()), .stationary = tile(o.getStationary()), .moving = tile(o.getMoving()), .accumulate = o.getAccumulate()};
      })
      .Case([&](TransposeOp o) { return isa::Transpose{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](ActivateOp o) {
        return isa::Activate{.dst = tile(o.getDst()),
                             .src = tile(o.getSrc()),
                             .func = function(o.getFunc()),
                             .scaleKind = kind(o.getScale()),
                             .scaleImm = immediate(o.getScale(), o.getScaleImm()),
                             .scale = optional(o.getScale()),
                             .biasKind = kind(o.getBias()),
                             .biasImm = immediate(o.getBias(), o.getBiasImm()),
                             .bias = optional(o.getBias()),
                             .reduce = o.getSum() != nullptr,
                             .sum = optional(o.getSum())};
      })
      .Case([&](IotaOp o) {
        return isa::Iota{.dst = tile(o.getDst()), .base = number(o.getBase()), .partitionStep = number(o.getPartitionStep()), .steps = steps(o.getSteps())};
      })
      .Case([&](AffineSelectOp o) {
        return isa::AffineSelect{.dst = tile(o.getDst()),
                                 .src = tile(o.getSrc()),
                                 .base = number(o.getBase()),
                                 .partitionStep = number(o.getPartitionStep()),
                                 .steps = steps(o.getSteps()),
                                 .compare = compare(o.getCompare()),
                                 .fill = o.getFill().convertToFloat()};
      })
      .Case([&](PartitionReduceOp o) { return isa::PartitionReduce{.dst = tile(o.getDst()), .src = tile(o.getSrc()), .op = alu(o.getOp())}; })
      .Case([&](PartitionBroadcastOp o) { return isa::PartitionBroadcast{.dst = tile(o.getDst()), .src = tile(o.getSrc())}; })
      .Case([&](IntTensorTensorOp o) {
        return isa::IntTensorTensor{.dst = tile(o.getDst()), .a = tile(o.getA()), .b = tile(o.getB()), .op = integer(o.getOp())};
      })
      .Case([&](IntTensorScalarOp o) {
        return isa::IntTensorScalar{.dst = tile(o.getDst()), .src = tile(o.getSrc()), .op = integer(o.getOp()), .value = number(o.getValue())};
      })
      .Default([](Operation *) { return std::nullopt; });
}

/// Whether what the operation writes is a buffer or region with `propagate`.
bool propagates(Operation *operation) {
  Operation *target = operation->getOperand(0).getDefiningOp<ViewOp>().getBuffer().getDefiningOp();
  auto alloc = dyn_cast<AllocOp>(target);
  return alloc ? alloc.getPropagate() : cast<RegionOp>(target).getPropagate();
}

} // namespace

Result<isa::Instruction> translate(Operation *operation, const OperandResolver &resolver) {
  Translator translator(resolver);
  Maybe instruction = translator.dma(operation);
  if (!instruction)
    instruction = translator.vector(operation);
  if (!instruction)
    instruction = translator.other(operation);
  if (!instruction)
    return Error("MN-INTERNAL", "no instruction for this operation", describe(operation));
  if (!translator.problem_.empty())
    return Error("MN-INTERNAL", translator.problem_, describe(operation));
  if (propagates(operation))
    std::visit(
        [](auto &in) {
          if constexpr (requires { in.narrow; })
            if (isFp8(in.dst.type))
              in.narrow.overflow = isa::Overflow::Propagate;
        },
        *instruction);
  return *instruction;
}

} // namespace manaslu::tile
