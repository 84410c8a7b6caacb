// The dispatcher: every alternative of isa::Instruction to its meaning.
#include "lib/Sim/Execute/Families.h"

namespace manaslu::sim {

Status execute(const isa::Instruction &instruction, Memory &memory) {
  return std::visit([&memory](const auto &each) { return run(each, memory); }, instruction);
}

} // namespace manaslu::sim
