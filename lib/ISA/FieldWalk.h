// One walk over the values of an instruction in the order of its layout table: what codec, range check and tests share.
#pragma once

#include "lib/ISA/Instructions.h"

#include <bit>
#include <type_traits>

namespace manaslu::isa {

template <class T> inline constexpr bool isArray = false;
template <class T, size_t n> inline constexpr bool isArray<std::array<T, n>> = true;

/// The layout table of a composite operand.
template <class T> constexpr const auto &operandLayout() {
  if constexpr (std::is_same_v<T, TileOperand>)
    return kTileOperandLayout;
  else
    return kDeviceOperandLayout;
}
template <class T> inline constexpr bool isOperand = std::is_same_v<T, TileOperand> || std::is_same_v<T, DeviceOperand>;
template <class T> inline constexpr bool isDim = std::is_same_v<T, TileDim> || std::is_same_v<T, DeviceDim>;

/// How many layout entries a field takes: one for each value of an array.
template <class T> constexpr size_t entriesOf() {
  if constexpr (isArray<T>)
    return std::tuple_size_v<T>;
  else
    return 1;
}

/// A scalar value as the integer that its bits hold (fp32: its bits).
template <class T> int64_t toBits(const T &value) {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<uint32_t>(value);
  else
    return static_cast<int64_t>(value);
}
template <class T> T fromBits(int64_t bits) {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<float>(static_cast<uint32_t>(bits));
  else
    return static_cast<T>(bits);
}

template <class T, class F> void walkOperand(T &operand, int firstWord, F &fn);

/// Calls fn(scalar, layout, first word) for every scalar of `value`, whose entries begin at `layout`; leaves `layout` behind the last one.
template <class T, class F> void walkScalars(T &value, const FieldLayout *&layout, int firstWord, F &fn) {
  using Plain = std::remove_const_t<T>;
  if constexpr (isOperand<Plain>) {
    walkOperand(value, firstWord + (layout++)->word, fn);
  } else if constexpr (isDim<Plain>) {
    Plain::fields(value, [&](const char *, auto &member) { walkScalars(member, layout, firstWord, fn); });
  } else if constexpr (isArray<Plain>) {
    for (auto &element : value)
      walkScalars(element, layout, firstWord, fn);
  } else {
    fn(value, *layout, firstWord);
    ++layout;
  }
}

/// One function for all instructions with such an operand, when `fn` is of one type for all: inlined into each, they take a minute to compile.
template <class T, class F> [[gnu::noinline]] void walkOperand(T &operand, int firstWord, F &fn) {
  const FieldLayout *layout = operandLayout<std::remove_const_t<T>>().data();
  std::remove_const_t<T>::fields(operand, [&](const char *, auto &member) { walkScalars(member, layout, firstWord, fn); });
}

/// Calls fn(scalar, layout, first word) for every scalar of the instruction's header and fields.
template <class I, class F> void walkInstruction(I &instruction, F &&fn) {
  const FieldLayout *header = kHeaderLayout.data() + 1; // after the opcode
  Sync::fields(instruction.sync, [&](const char *, auto &member) { walkScalars(member, header, 0, fn); });
  const FieldLayout *layout = instruction.layout.data();
  std::remove_const_t<I>::fields(instruction, [&](const char *, auto &member) { walkScalars(member, layout, 0, fn); });
}

} // namespace manaslu::isa
