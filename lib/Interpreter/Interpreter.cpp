// Executes a plan: the meaning of every instruction is lib/Sim's, the storage is a block of bytes for each buffer.
#include "lib/Interpreter/Interpreter.h"
#include "lib/Conversion/TileToIsa/Translate.h"
#include "lib/Interpreter/Plan.h"
#include "lib/Numerics/Dispatch.h"
#include "lib/Sim/Execute.h"

#include <cstring>

using namespace mlir;

namespace manaslu::interpreter {

namespace {

/// Finds operands by the slot number that the plan put into them.
class BufferMemory : public sim::Memory {
public:
  BufferMemory(const Plan &plan, const Regions &regions)
      : plan_(plan), bases_(plan.buffers.size(), nullptr), owned_(plan.buffers.size()), loops(plan.loops, 0) {
    for (const auto &[name, bytes] : regions)
      given_[name] = bytes;
  }

  /// Binds device regions to the caller's bytes, scratch to bytes of our own.
  Status bindRegions() {
    for (size_t i = 0; i < plan_.buffers.size(); ++i) {
      const Buffer &buffer = plan_.buffers[i];
      if (buffer.region.empty())
        continue;
      auto found = given_.find(buffer.region);
      if (found == given_.end()) {
        fresh(static_cast<int>(i));
        continue;
      }
      if (static_cast<int64_t>(found->second.size()) != buffer.bytes())
        return Error("MN-INTERNAL", "has " + std::to_string(found->second.size()) + " bytes, the tile program's region has " + std::to_string(buffer.bytes()),
                     buffer.region);
      bases_[i] = found->second.data();
    }
    return {};
  }

  void fresh(int buffer) {
    int64_t bytes = plan_.buffers[buffer].bytes();
    if (!owned_[buffer])
      owned_[buffer] = std::make_unique_for_overwrite<std::byte[]>(bytes);
    bases_[buffer] = owned_[buffer].get();
    std::memset(bases_[buffer], 0xff, bytes);
  }

  void release(int buffer) {
    owned_[buffer].reset();
    bases_[buffer] = nullptr;
  }

  Result<sim::View> tile(const isa::TileOperand &operand, sim::Access) override {
    const Slot &slot = step->slots[operand.reg - 1];
    const Buffer &buffer = plan_.buffers[slot.buffer];
    int64_t offset = operand.offset + linear(slot);
    int64_t bytes = sizeOf(operand.type), low = 0, high = bytes;
    for (const isa::TileDim &dim : operand.dims)
      (dim.stride < 0 ? low : high) += bytes * dim.stride * (dim.size - 1);
    if (!bases_[slot.buffer] || offset + low < 0 || offset + high > buffer.pitch || operand.partition + operand.partitions > buffer.partitions)
      return leaves(buffer, offset);
    return sim::View{bases_[slot.buffer] + operand.partition * buffer.pitch + offset, buffer.pitch, operand.partitions, operand.type, operand.dims};
  }

  Result<sim::DeviceView> device(const isa::DeviceOperand &operand, sim::Access) override {
    const Slot &slot = step->slots[operand.region - 1];
    const Buffer &buffer = plan_.buffers[slot.buffer];
    int64_t offset = static_cast<int64_t>(operand.offset) + linear(slot);
    int64_t low = 0, high = sizeOf(operand.type);
    for (const isa::DeviceDim &dim : operand.dims)
      (dim.stride < 0 ? low : high) += dim.stride * (int64_t(dim.size) - 1);
    if (!bases_[slot.buffer] || offset + low < 0 || offset + high > buffer.pitch)
      return leaves(buffer, offset);
    return sim::DeviceView{bases_[slot.buffer] + offset, operand.type, operand.dims};
  }

  // A tile program has no registers.
  uint32_t readRegister(uint8_t) override { return 0; }
  void writeRegister(uint8_t, uint32_t) override {}

private:
  int64_t linear(const Slot &slot) const {
    int64_t bytes = 0;
    for (auto [loop, perIteration] : slot.terms)
      bytes += loops[loop] * perIteration;
    return bytes;
  }
  Error leaves(const Buffer &buffer, int64_t offset) const {
    return Error("MN-INTERNAL",
                 "a view at byte " + std::to_string(offset) + " leaves its buffer of " + std::to_string(buffer.pitch) + " bytes in each of " +
                     std::to_string(buffer.partitions) + " partitions",
                 tile::describe(step->operation));
  }

  const Plan &plan_;
  std::map<std::string, std::span<std::byte>, std::less<>> given_;
  std::vector<std::byte *> bases_;
  std::vector<std::unique_ptr<std::byte[]>> owned_;

public:
  std::vector<int64_t> loops; ///< the current iteration of each loop
  const Step *step = nullptr; ///< the instruction being executed
};

Status run(const std::vector<Step> &steps, BufferMemory &memory) {
  for (const Step &step : steps) {
    switch (step.kind) {
    case Step::Kind::Fresh: memory.fresh(step.buffer); break;
    case Step::Kind::Execute:
      memory.step = &step;
      if (Status status = sim::execute(step.instruction, memory); !status)
        return status;
      break;
    case Step::Kind::Loop:
      for (int64_t i = 0; i < step.count; ++i) {
        memory.loops[step.loop] = i;
        if (Status status = run(step.body, memory); !status)
          return status;
      }
      break;
    }
  }
  return {};
}

} // namespace

Status interpret(func::FuncOp function, const Regions &regions) {
  if (Status kernels = numerics::checkKernels(); !kernels)
    return kernels;
  Result<Plan> plan = makePlan(function.getBody());
  if (!plan)
    return plan.error();
  BufferMemory memory(*plan, regions);
  if (Status bound = memory.bindRegions(); !bound)
    return bound;
  // Buffers end after their last use, or all weights would be held twice.
  std::vector<std::vector<int>> ending(plan->steps.size() + 1);
  for (size_t i = 0; i < plan->buffers.size(); ++i)
    if (plan->buffers[i].region.empty())
      ending[plan->buffers[i].lastUse].push_back(static_cast<int>(i));
  for (size_t i = 0; i < plan->steps.size(); ++i) {
    std::vector<Step> one;
    one.push_back(std::move(plan->steps[i]));
    if (Status status = run(one, memory); !status)
      return status;
    for (int buffer : ending[i])
      memory.release(buffer);
  }
  return {};
}

} // namespace manaslu::interpreter
