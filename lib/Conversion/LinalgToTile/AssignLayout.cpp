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
  for (const Expression *expression : {&node.body, &node.finish})
    for (const ScalarOp &op : *expression)
      text += " " + std::to_string(op.kind) + op.name + std::to_string(op.value) + "," + std::to_string(op.input);
  for (const Access &input : node.inputs) {
    text += "|";
    for (const AtomIndex &index : input.atoms)
      for (auto [loop, coefficient] : index.loops)
        text += std::to_string(loop) + "*" + std::to_string(coefficient) + " ";
  }
  return text;
}

/// Search for the selection of least cost by changes of classes: nodes alike in all copies of a repeated layer.
class Search {
public:
  Search(const TensorProgram &program, const Chip &chip)
      : program(program), estimator(program, chip), selection(program.nodes.size(), -1), classOf(program.nodes.size(), -1) {
    std::map<std::string, int> bySignature;
    for (size_t n = 0; n < program.nodes.size(); ++n) {
      if (estimator.options[n].empty() || estimator.fused().contractionOf[n] >= 0)
        continue;
      selection[n] = 0;
      follow(n);
      auto [at, fresh] = bySignature.insert({signature(program.nodes[n]), static_cast<int>(classes.size())});
      if (fresh)
        classes.push_back({});
      classes[at->second].push_back(n);
      classOf[n] = at->second;
    }
    least = cost();
  }

  std::vector<Choice> run() {
    // What one layer alone cannot pay for (another version of a shared mask) all of them may; then single nodes; then what pays only if neighbours go along.
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      int64_t before = least;
      for (size_t c = 0; c < classes.size(); ++c)
        change(classes[c]);
      for (size_t n = 0; n < program.nodes.size(); ++n)
        if (classOf[n] >= 0 && classes[classOf[n]].size() > 1)
          change({n});
      if (least == before)
        for (size_t c = 0; c < classes.size(); ++c)
          changeWithNeighbours(c);
      if (least == before)
        break;
    }
    std::vector<Choice> out(program.nodes.size());
    for (size_t n = 0; n < out.size(); ++n)
      if (selection[n] >= 0)
        out[n] = estimator.options[n][selection[n]];
    return out;
  }

private:
  static constexpr int kSweeps = 8;

  int64_t cost() const { return estimator.total(selection, selection.size()); }

  /// An epilogue's partitions are its contraction's: it follows, it does not choose.
  void follow(size_t contraction) {
    int n = estimator.fused().epilogueOf[contraction];
    if (n < 0)
      return;
    const Node &from = program.nodes[contraction], &to = program.nodes[n];
    const Access *read = nullptr;
    for (const Access &input : to.inputs)
      if (input.storage == from.output.storage)
        read = &input;
    auto loops = mapLoops(from.output, *read, estimator.options[contraction][selection[contraction]].resultLoops);
    selection[n] = estimator.option(n, {0, false, loops ? *loops : std::vector<int>{}});
  }

  void set(const std::vector<size_t> &nodes, const Choice &choice) {
    for (size_t n : nodes) {
      selection[n] = estimator.option(n, choice);
      follow(n);
    }
  }

  /// The best choice for these nodes with all others as they are.
  void change(const std::vector<size_t> &nodes) {
    std::vector<Choice> candidates = estimator.options[nodes.front()];
    if (candidates.size() < 2)
      return;
    std::vector<int> best = selection;
    for (const Choice &candidate : candidates) {
      set(nodes, candidate);
      if (int64_t now = cost(); now < least)
        least = now, best = selection;
    }
    selection = best;
  }

  /// Every choice of a class, answered by the classes that share a storage with it.
  void changeWithNeighbours(size_t c) {
    std::vector<Choice> candidates = estimator.options[classes[c].front()];
    std::vector<int> best = selection;
    int64_t bestCost = least;
    std::vector<int> others = neighbours(c);
    for (const Choice &candidate : candidates) {
      std::vector<int> start = selection;
      set(classes[c], candidate);
      least = cost();
      for (int other : others)
        change(classes[other]);
      if (least < bestCost)
        bestCost = least, best = selection;
      selection = start;
    }
    selection = best;
    least = bestCost;
  }

  std::vector<int> neighbours(size_t c) const {
    std::vector<int> out;
    auto add = [&](int n) {
      int contraction = estimator.fused().contractionOf[n];
      int other = classOf[contraction >= 0 ? contraction : n];
      if (other >= 0 && other != static_cast<int>(c) && std::find(out.begin(), out.end(), other) == out.end())
        out.push_back(other);
    };
    size_t n = classes[c].front();
    int result = estimator.fused().epilogueOf[n] >= 0 ? estimator.fused().epilogueOf[n] : static_cast<int>(n);
    for (int reader : program.storages[program.nodes[result].output.storage].readers)
      add(reader);
    for (int member : {static_cast<int>(n), result})
      for (const Access &input : program.nodes[member].inputs)
        for (int writer : program.storages[input.storage].writers)
          add(writer);
    return out;
  }

  const TensorProgram &program;
  Estimator estimator;
  std::vector<int> selection, classOf;
  std::vector<std::vector<size_t>> classes; ///< in the order of their first nodes
  int64_t least = 0;
};

} // namespace

std::vector<Choice> assignLayouts(const TensorProgram &program, const Chip &chip) { return Search(program, chip).run(); }

} // namespace manaslu::tiling
