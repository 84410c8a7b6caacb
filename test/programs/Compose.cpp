// Plain fields of every instruction, and the operands of control and DMA instructions.
#include "test/programs/Compose.h"

#include "lib/ISA/FieldWalk.h"
#include "test/programs/RandomInstructions.h"

namespace manaslu::test {

namespace {

/// A plain value: registers are those of data, numbers are small more often than not.
template <class T> T plain(const isa::FieldLayout &layout, Dice &dice) {
  if constexpr (std::is_same_v<T, float>) {
    return dice.chance(85) ? static_cast<float>(dice.between(-64, 64)) / 16 : isa::test::randomValue<T>(layout, dice.engine());
  } else {
    if (std::is_same_v<T, uint8_t> && layout.width == 6)
      return static_cast<T>(dice.chance(10) ? 0 : dice.between(kFirstDataRegister, kLastDataRegister));
    if (layout.width > 8 && layout.minimum != layout.maximum && dice.chance(60))
      return static_cast<T>(dice.between(std::max<int64_t>(layout.minimum, -8), std::min<int64_t>(layout.maximum, 64)));
    return isa::test::randomValue<T>(layout, dice.engine());
  }
}

Engine engineOf(isa::StreamId stream) { return stream >= isa::StreamId::Dma0 ? Engine::Dma : static_cast<Engine>(stream); }

} // namespace

template <class I> bool Composer::fill(I &instruction) {
  const isa::FieldLayout *layout = I::layout.data();
  I::fields(instruction, [&](const char *, auto &member) {
    using T = std::decay_t<decltype(member)>;
    if constexpr (isa::isArray<T>)
      for (auto &element : member)
        element = plain<std::decay_t<decltype(element)>>(*layout, dice_);
    else if constexpr (!isa::isOperand<T>)
      member = plain<T>(*layout, dice_);
    layout += isa::entriesOf<T>();
  });
  if (!operands(instruction))
    return false;
  if constexpr (requires { instruction.narrow; })
    instruction.narrow = narrowing(instruction.dst.type);
  return true;
}

isa::Narrowing Composer::narrowing(DType type) {
  isa::Narrowing how;
  if (isFp8(type) && dice_.chance(40))
    how.overflow = isa::Overflow::Propagate;
  if (!chip_.stochasticRounding || !(isFp8(type) || type == DType::BF16 || type == DType::F16) || !dice_.chance(40))
    return how;
  const isa::FieldLayout *layout = isa::kNarrowingLayout.data();
  isa::Narrowing::fields(how, [&](const char *, auto &member) {
    using T = std::decay_t<decltype(member)>;
    if constexpr (isa::isArray<T>)
      for (auto &element : member)
        element = plain<int32_t>(*layout, dice_);
    else if constexpr (!std::is_enum_v<T>)
      member = plain<T>(*layout, dice_);
    layout += isa::entriesOf<T>();
  });
  how.rounding = isa::Rounding::Stochastic;
  return how;
}

std::optional<isa::Instruction> Composer::compose(size_t kind, isa::StreamId stream) {
  engine_ = engineOf(stream);
  // Few elements in most programs; the kernels' vector widths and their remainders are all below 64.
  int64_t small = dice_.between(1, 16);
  partitions_ = static_cast<int>(dice_.chance(50)   ? small
                                 : dice_.chance(50) ? dice_.between(1, chip_.partitions)
                                                    : 32 * dice_.between(1, chip_.partitions / 32));
  elements_ = static_cast<int>(dice_.chance(60) ? dice_.between(1, 24) : dice_.between(1, partitions_ > 16 ? 48 : 160));
  placement_.next(stream);
  isa::Instruction instruction = isa::test::instructionOfKind(kind);
  bool done = std::visit([this](auto &inner) { return fill(inner); }, instruction);
  return done ? std::optional(instruction) : std::nullopt;
}

DType Composer::someType() {
  for (;;) {
    auto type = static_cast<DType>(dice_.chance(35) ? 0 : dice_.between(0, kDTypeCount - 1));
    if (engine_ == Engine::Dma || engine_ == Engine::Pe || chip_.supports(engine_, type))
      return type;
  }
}

//===-- Registers and memory -----------------------------------------------===//

bool Composer::operands(isa::RegLoad &in) { return put(in.source, placement_.read(1, {1, 1, 1, 1}, DType::I32)); }
bool Composer::operands(isa::RegStore &in) { return put(in.target, placement_.write(isa::Space::Sbuf, 1, {1, 1, 1, 1}, DType::I32)); }
bool Composer::operands(isa::RegLoadDevice &in) { return put(in.source, placement_.readDevice(1, {1, 1, 1, 1}, DType::I32)); }
bool Composer::operands(isa::RegStoreDevice &in) { return put(in.target, placement_.writeDevice(1, {1, 1, 1, 1}, DType::I32)); }

//===-- Transfers ----------------------------------------------------------===//

bool Composer::operands(isa::DmaLoad &in) {
  DType from = someType(), to = dice_.chance(50) ? from : someType();
  return put(in.src, placement_.readDevice(partitions_, placement_.spread(elements_), from)) &&
         put(in.dst, placement_.write(space(), partitions_, placement_.spread(elements_), to, 0, true));
}

bool Composer::operands(isa::DmaStore &in) {
  DType from = someType(), to = dice_.chance(50) ? from : someType();
  return read(in.src, elements_, from) && put(in.dst, placement_.writeDevice(partitions_, placement_.spread(elements_), to));
}

bool Composer::operands(isa::DmaMove &in) {
  DType from = someType(), to = dice_.chance(50) ? from : someType();
  // The sides may have other partitions when the elements are as many.
  int factor = elements_ % 2 == 0 && partitions_ <= chip_.partitions / 2 && dice_.chance(30) ? 2 : 1;
  return read(in.src, elements_, from) && put(in.dst, placement_.write(space(), partitions_ * factor, placement_.spread(elements_ / factor), to, 0, true));
}

bool Composer::operands(isa::DmaCopy &in) {
  DType from = someType(), to = dice_.chance(50) ? from : someType();
  return put(in.src, placement_.readDevice(partitions_, placement_.spread(elements_), from)) &&
         put(in.dst, placement_.writeDevice(partitions_, placement_.spread(elements_), to));
}

bool Composer::operands(isa::DmaGather &in) {
  Sizes row = placement_.spread(elements_);
  DType from = someType();
  uint32_t rows = 0;
  bool done = put(in.index, placement_.readIndex(partitions_, {1, 1, 1, 1})) && put(in.table, placement_.table(row, from, false, true, rows)) &&
              put(in.dst, placement_.write(space(), partitions_, placement_.spread(elements_), dice_.chance(50) ? from : someType(), 0, true));
  in.rows = rows;
  return done;
}

bool Composer::operands(isa::DmaScatter &in) {
  Sizes row = placement_.spread(elements_);
  DType to = someType();
  uint32_t rows = 0;
  bool done = put(in.index, placement_.readIndex(partitions_, {1, 1, 1, 1})) && read(in.src, elements_, dice_.chance(50) ? to : someType()) &&
              put(in.dst, placement_.table(row, to, true, in.add, rows));
  in.rows = rows;
  return done;
}

bool Composer::operands(isa::DmaTranspose &in) {
  static constexpr std::array kTypes = {DType::BF16, DType::F16, DType::I16};
  DType type = dice_.pick(kTypes);
  elements_ = static_cast<int>(std::min<int64_t>(elements_, chip_.partitions));
  return read(in.src, elements_, type) && put(in.dst, placement_.write(space(), elements_, placement_.spread(partitions_), type, 0, true));
}

bool Composer::operands(isa::DmaFill &in) { return put(in.dst, placement_.write(space(), partitions_, placement_.spread(elements_), someType(), 0, true)); }

} // namespace manaslu::test
