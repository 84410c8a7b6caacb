// Chooses layouts for the whole graph: sweeps of changes, first of all copies of a repeated layer together, then of single nodes.
#include "lib/Conversion/LinalgToTile/Estimate.h"

#include <algorithm>

namespace manaslu::tiling {

namespace {

/// Nodes with one signature loop, compute and choose alike: the copies of a repeated layer.
std::string signature(const Node &node) {
  std::string text = std::to_string(static_cast<int>(node.kind)) + node.combiner + (node.negated ? "-" : "");
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
