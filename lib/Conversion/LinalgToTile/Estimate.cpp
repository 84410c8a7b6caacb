// Costs of nodes, loads and conversions under a choice of layouts.
#include "lib/Conversion/LinalgToTile/Estimate.h"

#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/LinalgToTile/Stores.h"

#include <algorithm>

namespace manaslu::tiling {

namespace {

/// What no selection should contain.
constexpr int64_t kForbidden = 1000000000000;

int64_t product(const Node &node, const std::vector<int> &loops) {
  int64_t p = 1;
  for (int loop : loops)
    p *= node.loops[loop].size;
  return p;
}

int64_t engineTime(const Chip &chip, Operation operation, int64_t elements, bool psumOperand = false, Arithmetic arithmetic = Arithmetic::Other) {
  EngineWork work;
  work.operation = operation;
  work.elements = elements;
  work.psumOperand = psumOperand;
  work.arithmetic = arithmetic;
  return occupancyPicoseconds(chip, work);
}

bool runsOnSe(llvm::StringRef function) { return function != "neg" && function != "reciprocal"; }

} // namespace

double passesOf(const Chip &chip, mlir::Type element) {
  auto type = tile::dtypeOf(element);
  double passes = type ? matmulPasses(chip, *type, *type) : 0;
  return passes > 0 ? passes : 4;
}

int64_t productTime(const Chip &chip, int64_t moving, double passes) {
  int64_t count = std::max<int64_t>(1, ceilDiv(moving, chip.pe.movingLimit));
  EngineWork work;
  work.operation = Operation::Matmul;
  work.elements = ceilDiv(moving, count);
  work.passes = passes;
  return count * occupancyPicoseconds(chip, work);
}

Estimator::Estimator(const TensorProgram &program, const Chip &chip)
    : program(program), chip(chip), movement(program, chip), epilogues(findEpilogues(program)) {
  options.resize(program.nodes.size());
  requirements.resize(program.nodes.size());
  work.resize(program.nodes.size());
  for (size_t n = 0; n < program.nodes.size(); ++n)
    for (const Choice &choice : choices(program, program.nodes[n], chip.partitions))
      option(n, choice);
}

int Estimator::option(size_t n, const Choice &choice) {
  auto at = std::find(options[n].begin(), options[n].end(), choice);
  if (at != options[n].end())
    return at - options[n].begin();
  options[n].push_back(choice);
  requirements[n].push_back(require(program, program.nodes[n], choice, chip.partitions));
  work[n].push_back(operation(n, options[n].size() - 1));
  return options[n].size() - 1;
}

int64_t Estimator::total(const std::vector<int> &selection, size_t end) const {
  std::vector<std::vector<const Layout *>> versions(program.storages.size());
  int64_t cost = 0;
  for (size_t n = 0; n < end; ++n) {
    const Node &node = program.nodes[n];
    if (node.kind == NodeKind::Removed)
      continue;
    if (options[n].empty()) { // an output stores whatever version is there
      if (int storage = node.inputs[0].storage; program.storages[storage].kind == StorageKind::Computed && !versions[storage].empty())
        cost += store(node, *versions[storage].front());
      continue;
    }
    const Requirement &needs = requirements[n][selection[n]];
    cost += work[n][selection[n]];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      int storage = node.inputs[i].storage;
      if (node.loads || (node.kind == NodeKind::Gather && i == 0))
        continue;
      if (epilogues.contractionOf[n] >= 0 && storage == program.nodes[epilogues.contractionOf[n]].output.storage)
        continue;
      cost += provide(storage, needs.inputs[i], versions[storage]);
    }
    auto &own = versions[node.output.storage];
    if (own.empty())
      own.push_back(&needs.output);
    else if (!(*own.front() == needs.output)) // a second writer of one storage must agree with the first
      cost += kForbidden;
  }
  return cost;
}

int64_t Estimator::store(const Node &sink, const Layout &held) const {
  int storage = sink.inputs[0].storage;
  auto order = storedOrder(program, sink);
  if (!order)
    return movement.transfer(storage, held);
  return leavesByTiles(program, movement, epilogues, storage, held) ? movement.transfer(storage, held, *order) : movement.departure(storage, held, *order).cost;
}

/// Packed at compile time: every partition's row is contiguous.
int64_t Estimator::constantLoad(int storage, const Layout &layout) const {
  TransferWork transfer;
  transfer.partitions = std::max<int64_t>(1, layout.rows());
  transfer.rows = 1;
  transfer.rowBytes =
      ceilDiv(movement.elements(storage), layout.replicated() ? 1 : transfer.partitions) * tile::elementBytes(program.storages[storage].element);
  return transferBusyPicoseconds(chip, transfer);
}

int64_t Estimator::provide(int storage, const Layout &layout, std::vector<const Layout *> &versions) const {
  for (const Layout *version : versions)
    if (*version == layout)
      return 0;
  const Storage &data = program.storages[storage];
  if (data.kind == StorageKind::Parameter || data.kind == StorageKind::Dense)
    return constantLoad(storage, layout);
  int64_t cost = 0;
  if (data.kind != StorageKind::Computed)
    cost = movement.arrival(storage, layout).cost;
  else if (!versions.empty() && transposable(*versions.front(), layout))
    cost = movement.transposes(storage, *versions.front(), layout);
  else if (!versions.empty() && layout.replicated() && chip.ge && !versions.front()->replicated())
    cost = movement.broadcasts(storage, *versions.front());
  else if (!versions.empty())
    cost = movement.transfer(storage, *versions.front()) + movement.transfer(storage, layout) +
           5000 * chip.dmaLatencyNs * 1000; // possible at top level only: the last resort
  versions.push_back(&layout);
  return cost;
}

int64_t Estimator::operation(size_t n, size_t option) const {
  const Node &node = program.nodes[n];
  const Choice &choice = options[n][option];
  const Requirement &needs = requirements[n][option];
  if (node.kind == NodeKind::Contraction)
    return contraction(n, choice, needs);
  if (node.loads)
    return movement.transfer(node.output.storage, needs.output);
  if (node.kind == NodeKind::Gather) // by its rows, whatever the layout
    return chip.dmaLatencyNs * 1000;
  return body(n, choice, needs) + (choice.reducedLoops.empty() ? 0 : partitionSum(node, choice, needs));
}

int64_t Estimator::contraction(size_t n, const Choice &choice, const Requirement &needs) const {
  const Node &node = program.nodes[n];
  // A result on one partition: an epilogue without a loop on the partitions would want it on all of them.
  if (choice.resultLoops.empty() && epilogues.epilogueOf[n] >= 0)
    return kForbidden;
  ContractionLoops roles = classify(program, node);
  int64_t m = product(node, choice.stationary ? roles.b : roles.a), moving = product(node, choice.stationary ? roles.a : roles.b);
  int64_t batch = product(node, roles.batch), window = product(node, roles.window);
  int64_t rows = std::max<int64_t>(1, std::min(m, chip.pe.columns)), depth = needs.inputs[0].rows() / (choice.packed ? needs.inputs[0].step : 1);
  int64_t chains = batch * ceilDiv(m, rows), steps = window * ceilDiv(product(node, roles.k), std::max<int64_t>(depth, 1));
  int64_t cost = chains * steps * productTime(chip, moving, passesOf(chip, program.storages[node.inputs[0].storage].element));
  // An epilogue takes the result out of PSUM as part of its own work.
  return cost + (epilogues.epilogueOf[n] >= 0 ? 0 : chains * engineTime(chip, Operation::Copy, moving));
}

/// Products with ones, and the copies of their results.
int64_t Estimator::partitionSum(const Node &node, const Choice &choice, const Requirement &needs) const {
  int64_t kept = 1, reduced = 1;
  for (const LoopAtom &loop : node.loops)
    (loop.reduction ? reduced : kept) *= loop.size;
  bool plain = node.body.size() == 1;
  mlir::Type type = program.storages[node.inputs[0].storage].element;
  double passes = plain ? passesOf(chip, type) : passesOf(chip, mlir::Float32Type::get(type.getContext()));
  auto dtype = tile::dtypeOf(type);
  if (!chip.pe.types.count(plain && dtype ? *dtype : DType::F32))
    return kForbidden;
  int64_t chains = ceilDiv(reduced, std::min(product(node, choice.reducedLoops), std::max<int64_t>(1, needs.inputs[0].rows())));
  return chains * productTime(chip, kept, passes) + std::max<int64_t>(1, node.finish.size() / 2) * engineTime(chip, Operation::Copy, kept);
}

/// The scalar expression, instruction by instruction: an operation runs over the elements of a partition that it varies along.
int64_t Estimator::body(size_t n, const Choice &choice, const Requirement &needs) const {
  const Node &node = program.nodes[n];
  const std::vector<int> &across = choice.reducedLoops.empty() ? choice.resultLoops : choice.reducedLoops;
  const Layout &layout = choice.reducedLoops.empty() ? needs.output : needs.inputs[0];
  auto onPartitions = [&](int loop) { return std::find(across.begin(), across.end(), loop) != across.end(); };
  int64_t chunks = across.empty() ? 1 : ceilDiv(product(node, across), std::max<int64_t>(1, layout.rows()));
  std::vector<std::vector<char>> varies(node.body.size(), std::vector<char>(node.loops.size(), 0));
  std::vector<char> free(node.body.size(), 0), psum(node.body.size(), 0);
  std::vector<int64_t> cost(node.body.size(), 0);
  auto elementsOf = [&](size_t i) {
    int64_t count = 1, inChunk = 1;
    bool chunked = false;
    for (size_t loop = 0; loop < node.loops.size(); ++loop)
      if (varies[i][loop])
        onPartitions(loop) ? void(chunked = true) : void(inChunk *= node.loops[loop].size);
    count = chunked ? chunks : 1;
    return std::pair(count, inChunk);
  };
  int64_t sum = 0;
  for (size_t i = 0; i < node.body.size(); ++i) {
    const ScalarOp &op = node.body[i];
    if (op.kind == ScalarOp::Input) {
      for (const AtomIndex &index : node.inputs[op.input].atoms)
        for (auto [loop, coefficient] : index.loops)
          varies[i][loop] = 1;
      psum[i] = epilogues.contractionOf[n] >= 0 && node.inputs[op.input].storage == program.nodes[epilogues.contractionOf[n]].output.storage;
    }
    for (int arg : op.args)
      for (size_t loop = 0; loop < node.loops.size(); ++loop)
        varies[i][loop] |= varies[arg][loop];
    for (size_t loop = 0; loop < node.loops.size(); ++loop)
      free[i] |= varies[i][loop] && !onPartitions(loop);
    if (op.args.empty())
      continue;
    auto [count, inChunk] = elementsOf(i);
    Operation instruction = Operation::Select;
    bool fromPsum = std::any_of(op.args.begin(), op.args.end(), [&](int arg) { return psum[arg]; });
    bool scalarSide = op.kind == ScalarOp::Binary && free[i] && !(free[op.args[0]] && free[op.args[1]]);
    if (op.kind == ScalarOp::Unary)
      instruction = op.name == "neg" ? Operation::TensorScalar : runsOnSe(op.name) ? Operation::Activate : Operation::Reciprocal;
    else if (op.kind == ScalarOp::Binary)
      instruction = scalarSide ? Operation::TensorScalar : Operation::TensorTensor;
    cost[i] = count * engineTime(chip, instruction, inChunk, fromPsum, op.name == "divide" ? Arithmetic::Divide : Arithmetic::AddSubMul);
    sum += cost[i];
    // A step with a scalar is part of the activation, or of the step with a scalar, that takes its result.
    bool takesScaled = (op.kind == ScalarOp::Unary && instruction == Operation::Activate) || scalarSide;
    for (int arg : op.args) {
      const ScalarOp &inner = node.body[arg];
      if (takesScaled && free[arg] && inner.kind == ScalarOp::Binary && !(free[inner.args[0]] && free[inner.args[1]])) {
        sum -= cost[arg];
        psum[i] = psum[i] || psum[arg];
        break;
      }
    }
  }
  if (node.kind == NodeKind::Reduction && choice.reducedLoops.empty()) {
    auto [count, inChunk] = elementsOf(node.body.size() - 1);
    sum += count * engineTime(chip, Operation::Reduce, inChunk);
    int64_t kept = 1;
    for (size_t loop = 0; loop < node.loops.size(); ++loop)
      kept *= node.loops[loop].reduction || onPartitions(static_cast<int>(loop)) ? 1 : node.loops[loop].size;
    sum += static_cast<int64_t>(node.finish.size() / 2) * chunks * engineTime(chip, Operation::TensorScalar, kept);
  } else if (node.body.size() == 1 && choice.reducedLoops.empty()) {
    auto [count, inChunk] = elementsOf(0);
    sum += count * engineTime(chip, Operation::Copy, inChunk);
  }
  return sum;
}

} // namespace manaslu::tiling
