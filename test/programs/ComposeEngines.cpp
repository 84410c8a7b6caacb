// Operands of the engines' instructions.
#include "test/programs/Compose.h"

#include "lib/Chip/Timing.h"

namespace manaslu::test {

//===-- pe -----------------------------------------------------------------===//

bool Composer::factors(isa::Matmul &in, int m, int n, std::optional<bool> integers) {
  std::vector<std::pair<DType, DType>> pairs;
  for (int a = 0; a < kDTypeCount; ++a)
    for (int b = 0; b < kDTypeCount; ++b)
      if (integers.value_or(isInteger(static_cast<DType>(a))) == isInteger(static_cast<DType>(a)) &&
          matmulPasses(chip_, static_cast<DType>(a), static_cast<DType>(b)) > 0)
        pairs.emplace_back(static_cast<DType>(a), static_cast<DType>(b));
  auto [stationary, moving] = dice_.pick(pairs);
  return read(in.stationary, m, stationary) && read(in.moving, n, moving);
}

std::optional<isa::Matmul> Composer::another(const isa::Matmul &first, isa::StreamId stream) {
  engine_ = Engine::Pe;
  placement_.next(stream);
  partitions_ = static_cast<int>(dice_.between(1, dice_.chance(60) ? 16 : chip_.pe.rows));
  isa::Matmul next;
  next.acc = first.acc;
  next.accumulate = dice_.chance(90);
  std::optional<bool> integers = first.acc.type == DType::I32 ? std::optional(true) : std::nullopt;
  bool done = factors(next, first.acc.partitions, static_cast<int>(first.acc.elementsPerPartition()), integers);
  return done ? std::optional(next) : std::nullopt;
}

bool Composer::operands(isa::Matmul &in) {
  partitions_ = static_cast<int>(std::min<int64_t>(partitions_, chip_.pe.rows));
  int m = static_cast<int>(dice_.chance(70) ? dice_.between(1, 20) : dice_.between(1, chip_.pe.columns));
  int n = static_cast<int>(std::min<int64_t>(elements_, chip_.pe.movingLimit));
  if (!factors(in, m, n, std::nullopt))
    return false;
  DType type = isInteger(in.moving.type) && dice_.chance(50) ? DType::I32 : DType::F32;
  Sizes sizes = placement_.spread(n);
  // Accumulates onto what lies in PSUM if something does; often onto an earlier product.
  in.accumulate = in.accumulate && put(in.acc, placement_.accumulator(m, sizes, type, chip_.psumBankBytes));
  return in.accumulate || put(in.acc, placement_.write(isa::Space::Psum, m, sizes, type, chip_.psumBankBytes));
}

bool Composer::operands(isa::Transpose &in) {
  DType type = someType();
  partitions_ = static_cast<int>(std::min({int64_t(partitions_), chip_.pe.rows, chip_.psumBankBytes / sizeOf(type)}));
  int width = static_cast<int>(std::min<int64_t>(elements_, chip_.pe.columns));
  return read(in.src, width, type) && put(in.dst, placement_.write(isa::Space::Psum, width, placement_.spread(partitions_), type, chip_.psumBankBytes));
}

//===-- ve -----------------------------------------------------------------===//

bool Composer::operands(isa::TensorTensor &in) {
  return read(in.a, elements_, someType()) && read(in.b, elements_, someType()) && write(in.dst, elements_, someType());
}

bool Composer::operands(isa::TensorScalar &in) {
  return read(in.src, elements_, someType()) && readScalar(in.kind0, in.scalar0) && readScalar(in.kind1, in.scalar1) && write(in.dst, elements_, someType());
}

isa::AluOp Composer::someReduction() {
  static constexpr std::array kReductions = {isa::AluOp::Add, isa::AluOp::Mul, isa::AluOp::Max, isa::AluOp::Min, isa::AluOp::AbsMax};
  return dice_.pick(kReductions);
}

bool Composer::operands(isa::Reduce &in) {
  in.op = someReduction();
  if (!read(in.src, elements_, someType()))
    return false;
  int kept = 1;
  for (size_t i = 0; i + in.axes < 4; ++i)
    kept *= in.src.dims[i].size;
  return write(in.dst, kept, someType());
}

bool Composer::operands(isa::Scan &in) {
  return read(in.a, elements_, someType()) && read(in.b, elements_, someType()) && readScalar(in.initialKind, in.initial) &&
         write(in.dst, elements_, someType());
}

bool Composer::operands(isa::Select &in) {
  DType type = someType();
  return read(in.mask, elements_, someType()) && read(in.onTrue, elements_, type) && read(in.onFalse, elements_, dice_.chance(60) ? type : someType()) &&
         write(in.dst, elements_, dice_.chance(60) ? type : someType());
}

bool Composer::operands(isa::Memset &in) { return write(in.dst, elements_, someType()); }
bool Composer::operands(isa::BnStats &in) { return read(in.src, elements_, someType()) && write(in.dst, 3, DType::F32); }

bool Composer::operands(isa::BnAggregate &in) { return read(in.src, 3 * static_cast<int>(dice_.between(1, 8)), DType::F32) && write(in.dst, 2, DType::F32); }

bool Composer::operands(isa::Max8 &in) {
  DType type = someType();
  return read(in.src, std::max(elements_, 8), type) && write(in.dst, 8, dice_.chance(70) ? type : someType());
}

bool Composer::operands(isa::FindIndex8 &in) {
  DType type = someType();
  return chip_.supports(engine_, DType::I32) && read(in.src, elements_, type) && read(in.values, 8, type) && write(in.dst, 8, DType::I32);
}

bool Composer::operands(isa::MatchReplace8 &in) {
  DType type = someType();
  return read(in.src, elements_, type) && read(in.values, 8, type) && write(in.dst, elements_, dice_.chance(70) ? type : someType());
}

bool Composer::operands(isa::Random &in) {
  static constexpr std::array kTypes = {DType::F32, DType::TF32, DType::I32};
  DType type = dice_.pick(kTypes);
  return chip_.supports(engine_, type) && write(in.dst, elements_, type);
}

//===-- se -----------------------------------------------------------------===//

bool Composer::operands(isa::Activate &in) {
  return read(in.src, elements_, someType()) && readScalar(in.scaleKind, in.scale) && readScalar(in.biasKind, in.bias) &&
         write(in.dst, elements_, someType()) && (!in.reduce || write(in.sum, 1, DType::F32));
}

//===-- ge -----------------------------------------------------------------===//

bool Composer::operands(isa::Iota &in) { return write(in.dst, elements_, someType()); }

bool Composer::operands(isa::PartitionReduce &in) {
  in.op = someReduction();
  return read(in.src, elements_, someType()) && put(in.dst, placement_.write(isa::Space::Sbuf, 1, placement_.spread(elements_), someType()));
}

bool Composer::operands(isa::PartitionBroadcast &in) {
  DType type = someType();
  return put(in.src, placement_.read(1, placement_.spread(elements_), type, true)) && write(in.dst, elements_, dice_.chance(50) ? type : someType());
}

bool Composer::operands(isa::Gather &in) {
  DType type = someType();
  int wide = std::max(elements_, Placement::kIndexLimit);
  return chip_.supports(engine_, DType::I32) && put(in.index, placement_.readIndex(partitions_, placement_.spread(elements_))) && read(in.src, wide, type) &&
         write(in.dst, elements_, dice_.chance(50) ? type : someType());
}

bool Composer::operands(isa::Scatter &in) {
  DType type = someType();
  int wide = std::max(elements_, Placement::kIndexLimit);
  // The target is read too: elements without an index stay.
  return chip_.supports(engine_, DType::I32) && put(in.index, placement_.readIndex(partitions_, placement_.spread(elements_))) &&
         read(in.src, elements_, dice_.chance(50) ? type : someType()) && read(in.dst, wide, type);
}

bool Composer::operands(isa::IntTensorTensor &in) {
  return chip_.supports(engine_, DType::I32) && read(in.a, elements_, DType::I32) && read(in.b, elements_, DType::I32) && write(in.dst, elements_, DType::I32);
}

bool Composer::operands(isa::IntTensorScalar &in) {
  return chip_.supports(engine_, DType::I32) && read(in.src, elements_, DType::I32) && write(in.dst, elements_, DType::I32);
}

} // namespace manaslu::test
