// Chooses layouts for the whole graph: a cost for every node and every conversion, greedy first, then sweeps of single changes.
#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/LinalgToTile/Epilogue.h"
#include "lib/Conversion/LinalgToTile/MovementCost.h"

#include <algorithm>

namespace manaslu::tiling {

namespace {

/// Estimates in picoseconds from the chip's constants: coarse on purpose, only differences between layouts matter.
class Estimator {
public:
  Estimator(const TensorProgram &program, const Chip &chip) : program(program), chip(chip), epilogues(findEpilogues(program)), movement(program, chip) {
    options.resize(program.nodes.size());
    requirements.resize(program.nodes.size());
    work.resize(program.nodes.size());
    for (size_t n = 0; n < program.nodes.size(); ++n)
      for (const Choice &choice : choices(program, program.nodes[n], chip.partitions))
        option(n, choice);
  }

  /// The index of a choice among a node's options, which it joins if it is new.
  int option(size_t n, const Choice &choice) {
    auto at = std::find(options[n].begin(), options[n].end(), choice);
    if (at != options[n].end())
      return at - options[n].begin();
    options[n].push_back(choice);
    requirements[n].push_back(require(program, program.nodes[n], choice, chip.partitions));
    work[n].push_back(operation(n, options[n].size() - 1));
    return options[n].size() - 1;
  }

  std::vector<std::vector<Choice>> options;
  std::vector<std::vector<Requirement>> requirements;
  const Epilogues &fused() const { return epilogues; }

  /// Cost of nodes [0, end) under the selection (an index into options per node, -1 for none).
  int64_t total(const std::vector<int> &selection, size_t end) const {
    std::vector<std::vector<const Layout *>> versions(program.storages.size());
    int64_t cost = 0;
    for (size_t n = 0; n < end; ++n) {
      const Node &node = program.nodes[n];
      if (node.kind == NodeKind::Removed)
        continue;
      if (options[n].empty()) { // an output stores whatever version is there
        const Storage &storage = program.storages[node.inputs[0].storage];
        if (storage.kind == StorageKind::Computed && !versions[node.inputs[0].storage].empty())
          cost += movement.transfer(node.inputs[0].storage, *versions[node.inputs[0].storage].front());
        continue;
      }
      const Requirement &needs = requirements[n][selection[n]];
      cost += work[n][selection[n]];
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        int storage = node.inputs[i].storage;
        if (node.kind == NodeKind::Gather && i == 0)
          continue;
        if (epilogues.contractionOf[n] >= 0 && storage == program.nodes[epilogues.contractionOf[n]].output.storage)
          continue;
        cost += provide(storage, needs.inputs[i], versions[storage]);
      }
      auto &own = versions[node.output.storage];
      if (own.empty())
        own.push_back(&needs.output);
      else if (!(*own.front() == needs.output)) // a second writer of one storage must agree with the first
        cost += 1000000000;
    }
    return cost;
  }

private:
  const TensorProgram &program;
  const Chip &chip;
  Epilogues epilogues;
  MovementCost movement;
  std::vector<std::vector<int64_t>> work;

  int64_t veCycles(int64_t cycles) const { return movement.veCycles(cycles); }

  int64_t provide(int storage, const Layout &layout, std::vector<const Layout *> &versions) const {
    for (const Layout *version : versions)
      if (*version == layout)
        return 0;
    int64_t cost;
    const Storage &data = program.storages[storage];
    if (data.kind == StorageKind::Parameter || data.kind == StorageKind::Dense) {
      // Packed at compile time: rows are contiguous, only the bytes count.
      int64_t bytes = movement.elements(storage) * tile::elementBytes(data.element) * (layout.replicated() ? layout.rows() : 1);
      cost = bytes * 1000000 / (chip.moverMegabytesPerSecond * chip.dmaMovers);
      return cost;
    }
    if (data.kind != StorageKind::Computed)
      cost = movement.load(storage, layout);
    else if (!versions.empty() && transposable(*versions.front(), layout))
      cost = movement.transposes(storage, *versions.front(), layout);
    else if (!versions.empty() && layout.replicated() && chip.ge && !versions.front()->replicated())
      cost = movement.broadcasts(storage, *versions.front());
    else
      cost = versions.empty() ? 0
                              : movement.transfer(storage, *versions.front()) + movement.transfer(storage, layout) +
                                    150 * chip.dmaLatencyNs * 1000; // possible at top level only: the last resort
    versions.push_back(&layout);
    return cost;
  }

  int64_t operation(size_t n, size_t option) const {
    const Node &node = program.nodes[n];
    const Choice &choice = options[n][option];
    const Requirement &needs = requirements[n][option];
    int64_t iterations = 1;
    for (const LoopAtom &loop : node.loops)
      iterations *= loop.size;
    if (node.kind == NodeKind::Contraction) {
      ContractionLoops roles = classify(program, node);
      auto size = [&](const std::vector<int> &loops) {
        int64_t p = 1;
        for (int loop : loops)
          p *= node.loops[loop].size;
        return p;
      };
      int64_t m = size(choice.stationary ? roles.b : roles.a), k = size(roles.k), batch = size(roles.batch), window = size(roles.window);
      int64_t moving = size(choice.stationary ? roles.a : roles.b);
      int64_t rows = std::min<int64_t>(m, chip.pe.columns), depth = needs.inputs[0].rows() / (choice.packed ? needs.inputs[0].step : 1);
      int64_t instructions =
          batch * window * ceilDiv(m, std::max<int64_t>(rows, 1)) * ceilDiv(k, std::max<int64_t>(depth, 1)) * ceilDiv(moving, chip.pe.movingLimit);
      int64_t columns = std::max<int64_t>(64, std::min(moving, chip.pe.movingLimit));
      auto type = tile::dtypeOf(program.storages[node.inputs[0].storage].element);
      auto passes = type && chip.pe.types.count(*type) ? chip.pe.types.at(*type).passes : 4.0;
      int64_t evict = batch * ceilDiv(m, std::max<int64_t>(rows, 1)) * std::max<int64_t>(64, moving);
      return static_cast<int64_t>(instructions * columns * passes) * 1000000 / chip.pe.clockMhz + veCycles(evict);
    }
    int64_t rows = std::max<int64_t>(needs.output.rows(), 1);
    if (needs.output.replicated())
      rows = 1;
    bool reducesPartitions = false;
    int64_t steps = 0;
    for (const ScalarOp &op : node.body)
      steps += op.kind >= ScalarOp::Unary;
    int64_t perPartition = ceilDiv(iterations, rows);
    // A gather costs by its rows; everything else by elements in a partition, once a step of the expression.
    if (node.kind == NodeKind::Gather)
      return chip.dmaLatencyNs * 1000;
    return veCycles(std::max<int64_t>(64, perPartition) * std::max<int64_t>(1, steps)) + (reducesPartitions ? 1000000 : 0);
  }
};

/// Nodes with one signature loop, compute and choose alike: the copies of a repeated layer.
std::string signature(const Node &node) {
  std::string text = std::to_string(static_cast<int>(node.kind)) + node.combiner;
  for (const LoopAtom &loop : node.loops)
    text += " " + std::to_string(loop.size) + (loop.reduction ? "r" : "p") + std::to_string(loop.dim);
  for (const ScalarOp &op : node.body)
    text += " " + std::to_string(op.kind) + op.name + std::to_string(op.value) + "," + std::to_string(op.input);
  for (const Access &input : node.inputs) {
    text += "|";
    for (const AtomIndex &index : input.atoms)
      for (auto [loop, coefficient] : index.loops)
        text += std::to_string(loop) + "*" + std::to_string(coefficient) + " ";
  }
  return text;
}

} // namespace

std::vector<Choice> assignLayouts(const TensorProgram &program, const Chip &chip) {
  Estimator estimator(program, chip);
  size_t count = program.nodes.size();
  std::vector<int> selection(count, -1);
  // An epilogue's partitions are its contraction's: it follows, it does not choose.
  auto follow = [&](size_t contraction) {
    int n = estimator.fused().epilogueOf[contraction];
    if (n < 0)
      return;
    const Node &from = program.nodes[contraction], &to = program.nodes[n];
    const Access *read = nullptr;
    for (const Access &input : to.inputs)
      if (input.storage == from.output.storage)
        read = &input;
    auto loops = mapLoops(from.output, *read, estimator.options[contraction][selection[contraction]].resultLoops);
    Choice wanted{0, false, loops ? *loops : std::vector<int>{}};
    selection[n] = estimator.option(n, wanted);
  };
  auto choose = [&](size_t n, size_t horizon) {
    if (estimator.options[n].empty() || estimator.fused().contractionOf[n] >= 0)
      return;
    int best = selection[n];
    int64_t least = INT64_MAX;
    for (size_t option = 0; option < estimator.options[n].size(); ++option) {
      selection[n] = option;
      follow(n);
      int64_t cost = estimator.total(selection, horizon);
      if (cost < least)
        least = cost, best = option;
    }
    selection[n] = best;
    follow(n);
  };
  for (size_t n = 0; n < count; ++n)
    if (!estimator.options[n].empty() && estimator.fused().contractionOf[n] < 0) {
      selection[n] = 0;
      follow(n);
    }
  // Repeated layers change together: what one layer alone cannot pay for (another version of a shared mask) all of them may.
  std::map<std::string, std::vector<size_t>> alike;
  for (size_t n = 0; n < count; ++n)
    if (estimator.options[n].size() > 1 && estimator.fused().contractionOf[n] < 0)
      alike[signature(program.nodes[n])].push_back(n);
  std::vector<int> before;
  for (int sweep = 0; sweep < 4 && before != selection; ++sweep) {
    before = selection;
    for (auto &[key, nodes] : alike) {
      if (nodes.size() < 2)
        continue;
      std::vector<int> best = selection;
      int64_t least = estimator.total(selection, count);
      std::vector<Choice> candidates = estimator.options[nodes.front()];
      for (const Choice &candidate : candidates) {
        for (size_t n : nodes) {
          selection[n] = estimator.option(n, candidate);
          follow(n);
        }
        if (int64_t cost = estimator.total(selection, count); cost < least)
          least = cost, best = selection;
      }
      selection = best;
    }
    for (size_t n = 0; n < count; ++n)
      if (estimator.options[n].size() > 1)
        choose(n, count);
  }
  std::vector<Choice> out(count);
  for (size_t n = 0; n < count; ++n)
    if (selection[n] >= 0)
      out[n] = estimator.options[n][selection[n]];
  return out;
}

} // namespace manaslu::tiling
