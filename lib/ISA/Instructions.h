// All instructions: one struct each with its `fields` visitor and encoding table, the enumerations, and `isa::Instruction`, the variant of all.
// The structs come from dialects/Isa/*.td through manaslu-tblgen; docs/ISA.md says what each one means.
#pragma once

#include "lib/ISA/Operands.h"

#include <variant>

#include "lib/ISA/InstructionStructs.h.inc"

namespace manaslu::isa {

/// The header every instruction starts with.
inline const Sync &syncOf(const Instruction &instruction) {
  return std::visit([](const auto &inner) -> const Sync & { return inner.sync; }, instruction);
}
inline Sync &syncOf(Instruction &instruction) {
  return std::visit([](auto &inner) -> Sync & { return inner.sync; }, instruction);
}

/// "matmul", "dma_load", ...
inline std::string_view mnemonicOf(const Instruction &instruction) {
  return std::visit([](const auto &inner) { return inner.mnemonic; }, instruction);
}

/// How the instruction narrows its results; null when it writes no narrower type.
inline const Narrowing *narrowingOf(const Instruction &instruction) {
  return std::visit(
      [](const auto &inner) -> const Narrowing * {
        if constexpr (requires { inner.narrow; })
          return &inner.narrow;
        else
          return nullptr;
      },
      instruction);
}

/// Which streams the instruction may stand in.
inline StreamFamily familyOf(const Instruction &instruction) {
  return std::visit([](const auto &inner) { return inner.family; }, instruction);
}

} // namespace manaslu::isa
