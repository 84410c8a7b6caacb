// Registers and the loads and stores between them and memory.
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>

namespace manaslu::sim {

Status run(const isa::Halt &, Memory &) { return {}; }
Status run(const isa::Wait &, Memory &) { return {}; }
Status run(const isa::Signal &, Memory &) { return {}; }
Status run(const isa::Loop &, Memory &) { return {}; }
Status run(const isa::EndLoop &, Memory &) { return {}; }
Status run(const isa::SemClear &, Memory &) { return {}; }
Status run(const isa::Barrier &, Memory &) { return {}; }

Status run(const isa::RegSet &in, Memory &memory) {
  memory.writeRegister(in.dst, static_cast<uint32_t>(in.value));
  return {};
}

Status run(const isa::RegAdd &in, Memory &memory) {
  memory.writeRegister(in.dst, memory.readRegister(in.src) + static_cast<uint32_t>(in.value));
  return {};
}

Status run(const isa::RegAddReg &in, Memory &memory) {
  memory.writeRegister(in.dst, memory.readRegister(in.a) + memory.readRegister(in.b));
  return {};
}

Status run(const isa::RegMul &in, Memory &memory) {
  memory.writeRegister(in.dst, memory.readRegister(in.src) * static_cast<uint32_t>(in.value));
  return {};
}

Status run(const isa::RegRotate &in, Memory &memory) {
  uint32_t value = memory.readRegister(in.dst) + static_cast<uint32_t>(in.step);
  auto limit = static_cast<uint32_t>(in.limit);
  memory.writeRegister(in.dst, value >= limit ? value - limit : value);
  return {};
}

namespace {

void loadWord(const std::byte *address, uint8_t index, Memory &memory) {
  uint32_t word;
  std::memcpy(&word, address, sizeof(word));
  memory.writeRegister(index, word);
}

void storeWord(std::byte *address, uint8_t index, Memory &memory) {
  uint32_t word = memory.readRegister(index);
  std::memcpy(address, &word, sizeof(word));
}

} // namespace

Status run(const isa::RegLoad &in, Memory &memory) {
  MANASLU_TILE(source, in.source, Read);
  loadWord(source.base, in.dst, memory);
  return {};
}

Status run(const isa::RegStore &in, Memory &memory) {
  MANASLU_TILE(target, in.target, Write);
  storeWord(target.base, in.src, memory);
  return {};
}

Status run(const isa::RegLoadDevice &in, Memory &memory) {
  MANASLU_DEVICE(source, in.source, Read);
  loadWord(source.base, in.dst, memory);
  return {};
}

Status run(const isa::RegStoreDevice &in, Memory &memory) {
  MANASLU_DEVICE(target, in.target, Write);
  storeWord(target.base, in.src, memory);
  return {};
}

} // namespace manaslu::sim
