// Decoding: everything about an instruction that does not depend on registers.
#include "lib/Sim/Machine/Decoded.h"

namespace manaslu::sim {

namespace {

Role roleOf(const isa::Instruction &instruction) {
  if (std::holds_alternative<isa::Loop>(instruction))
    return Role::Loop;
  if (std::holds_alternative<isa::EndLoop>(instruction))
    return Role::EndLoop;
  if (std::holds_alternative<isa::Barrier>(instruction))
    return Role::Barrier;
  if (std::holds_alternative<isa::SemClear>(instruction))
    return Role::SemClear;
  if (std::holds_alternative<isa::Halt>(instruction))
    return Role::Halt;
  switch (isa::familyOf(instruction)) {
  case isa::StreamFamily::All: return Role::Control;
  case isa::StreamFamily::Dma: return Role::Transfer;
  default: return Role::Work;
  }
}

DecodedOperand decodeOperand(const OperandUse &use, const isa::Program &program, const Chip &chip, bool writesBank) {
  DecodedOperand out{footprintOf(use), use.access, use.indexed, true, true, 0, 0};
  if (use.isTile()) {
    out.limit = use.tile().space == isa::Space::Psum ? chip.psumBytesPerPartition() : chip.sbufUsableBytes();
    out.bank = writesBank && use.access != Access::Read ? chip.psumBankBytes : 0;
    return out;
  }
  const isa::Region &region = program.regions[use.device().region];
  out.limit = static_cast<int64_t>(region.bytes);
  out.logged = region.kind != isa::RegionKind::Input && region.kind != isa::RegionKind::Constant;
  out.checksWritten = region.kind == isa::RegionKind::Output || region.kind == isa::RegionKind::Scratch;
  return out;
}

DecodedStream decodeStream(isa::StreamId id, const std::vector<isa::Instruction> &instructions, const isa::Program &program, const Chip &chip) {
  Engine engine = id >= isa::StreamId::Dma0 ? Engine::Dma : static_cast<Engine>(id);
  DecodedStream stream{id, engine, picoseconds(chip.semaphoreCycles, chip.clockMhz(engine)), {}, {}};
  stream.instructions.reserve(instructions.size());
  std::vector<uint32_t> open;
  for (uint32_t i = 0; i < instructions.size(); ++i) {
    const isa::Instruction &instruction = instructions[i];
    DecodedInstruction out{&instruction, &isa::syncOf(instruction), costOf(chip, instruction, engine), roleOf(instruction)};
    out.isTranspose = std::holds_alternative<isa::Transpose>(instruction);
    const auto *matmul = std::get_if<isa::Matmul>(&instruction);
    out.accumulates = matmul && matmul->accumulate;
    if (const auto *load = std::get_if<isa::DmaLoad>(&instruction))
      out.canStayPending = load->dst.space == isa::Space::Sbuf && load->src.type == load->dst.type &&
                           footprintOf({load->dst, Access::Write, false}).pattern.isContiguous(sizeOf(load->dst.type));
    out.isImmediate = out.role == Role::Control || std::holds_alternative<isa::DmaGather>(instruction) ||
                      std::holds_alternative<isa::DmaScatter>(instruction) || std::holds_alternative<isa::Gather>(instruction) ||
                      std::holds_alternative<isa::Scatter>(instruction);
    out.firstOperand = static_cast<uint32_t>(stream.operands.size());
    for (const OperandUse &use : operandsOf(instruction)) {
      stream.operands.push_back(decodeOperand(use, program, chip, matmul || out.isTranspose));
      out.usesSbuf |= use.isTile() && use.tile().space == isa::Space::Sbuf;
      out.usesPsum |= use.isTile() && use.tile().space == isa::Space::Psum;
    }
    out.operandCount = static_cast<uint32_t>(stream.operands.size()) - out.firstOperand;
    if (out.role == Role::Loop)
      open.push_back(i);
    if (out.role == Role::EndLoop) {
      out.link = open.back();
      stream.instructions[open.back()].link = i;
      open.pop_back();
    }
    stream.instructions.push_back(out);
  }
  return stream;
}

} // namespace

std::vector<DecodedStream> decode(const isa::Program &program, const Chip &chip) {
  std::vector<DecodedStream> streams;
  for (const auto &[id, instructions] : program.streams)
    if (!instructions.empty())
      streams.push_back(decodeStream(id, instructions, program, chip));
  return streams;
}

} // namespace manaslu::sim
