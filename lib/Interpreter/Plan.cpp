// Walks a tile program once and prepares every instruction.
#include "lib/Interpreter/Plan.h"
#include "lib/Conversion/TileToIsa/Translate.h"

#include <llvm/ADT/DenseMap.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/SCF/IR/SCF.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::interpreter {

namespace {

Error internal(Operation *op, const std::string &what) { return Error("MN-INTERNAL", what, tile::describe(op)); }

class Planner {
public:
  Status block(Block &block, std::vector<Step> &steps, bool top) {
    for (Operation &op : block) {
      if (top)
        topStep_ = static_cast<int>(steps.size());
      if (Status status = operation(op, steps); !status)
        return status;
    }
    return {};
  }

  Plan plan;

private:
  Status operation(Operation &op, std::vector<Step> &steps) {
    if (auto alloc = dyn_cast<tile::AllocOp>(op)) {
      int buffer = add(alloc.getBuffer(), "");
      Step step;
      step.kind = Step::Kind::Fresh;
      step.buffer = buffer;
      step.operation = &op;
      steps.push_back(std::move(step));
      return {};
    }
    if (auto region = dyn_cast<tile::RegionOp>(op)) {
      add(region.getBuffer(), region.getName().str());
      return {};
    }
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return addLoop(loop, steps);
    if (mlir::isa<tile::EngineOp>(op))
      return addInstruction(op, steps);
    if (mlir::isa<tile::ViewOp, arith::ConstantOp, scf::YieldOp, func::ReturnOp>(op))
      return {};
    return internal(&op, "is not an operation of a tile program");
  }

  int add(Value value, std::string region) {
    auto type = cast<tile::BufferType>(value.getType());
    int index = static_cast<int>(plan.buffers.size());
    plan.buffers.push_back({type.getPartitions(), type.getElements() * tile::elementBytes(type.getElementType()), std::move(region), topStep_});
    buffers_[value] = index;
    return index;
  }

  Status addLoop(scf::ForOp loop, std::vector<Step> &steps) {
    IntegerAttr low, high, step;
    if (!matchPattern(loop.getLowerBound(), m_Constant(&low)) || !matchPattern(loop.getUpperBound(), m_Constant(&high)) ||
        !matchPattern(loop.getStep(), m_Constant(&step)) || low.getInt() != 0 || step.getInt() != 1)
      return internal(loop, "must run from 0 by 1 to a constant");
    Step entry;
    entry.kind = Step::Kind::Loop;
    entry.loop = plan.loops++;
    entry.count = high.getInt();
    entry.operation = loop;
    loops_[loop.getInductionVar()] = entry.loop;
    if (Status status = block(*loop.getBody(), entry.body, false); !status)
      return status;
    steps.push_back(std::move(entry));
    return {};
  }

  Status addInstruction(Operation &op, std::vector<Step> &steps) {
    Step step;
    step.operation = &op;
    Error problem;
    auto tileOf = [&](Value view) {
      auto definition = view.getDefiningOp<tile::ViewOp>();
      Result<isa::TileOperand> operand = tile::tileOperand(definition, 0, 0);
      if (!operand) {
        problem.append(operand.error());
        return isa::TileOperand{};
      }
      step.slots.push_back(slotOf(definition));
      operand->reg = static_cast<uint8_t>(step.slots.size());
      return *operand;
    };
    auto deviceOf = [&](Value view) {
      auto definition = view.getDefiningOp<tile::ViewOp>();
      Result<isa::DeviceOperand> operand = tile::deviceOperand(definition, 0, 0);
      if (!operand) {
        problem.append(operand.error());
        return isa::DeviceOperand{};
      }
      step.slots.push_back(slotOf(definition));
      operand->region = static_cast<uint16_t>(step.slots.size());
      return *operand;
    };
    tile::OperandResolver resolver{tileOf, deviceOf};
    Result<isa::Instruction> instruction = tile::translate(&op, resolver);
    if (!problem.empty())
      return problem;
    if (!instruction)
      return instruction.error();
    step.instruction = std::move(*instruction);
    steps.push_back(std::move(step));
    return {};
  }

  Slot slotOf(tile::ViewOp view) {
    Slot slot;
    slot.buffer = buffers_.lookup(view.getBuffer());
    plan.buffers[slot.buffer].lastUse = topStep_;
    int64_t bytes = tile::elementBytes(view.getBuffer().getType().getElementType());
    for (auto [index, coefficient] : llvm::zip(view.getIndices(), view.getCoefficients()))
      slot.terms.emplace_back(loops_.lookup(index), coefficient * bytes);
    return slot;
  }

  llvm::DenseMap<Value, int> buffers_, loops_;
  int topStep_ = 0;
};

} // namespace

Result<Plan> makePlan(mlir::Region &body) {
  Planner planner;
  if (!llvm::hasSingleElement(body))
    return Error("MN-INTERNAL", "a tile program has one block");
  if (Status status = planner.block(body.front(), planner.plan.steps, true); !status)
    return status.error();
  return std::move(planner.plan);
}

} // namespace manaslu::interpreter
