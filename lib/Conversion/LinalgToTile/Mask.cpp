// Follows what a mask hides from the node that applies it to the sums and maxima in which it counts for nothing.
#include "lib/Conversion/LinalgToTile/Mask.h"

#include "lib/Conversion/LinalgToTile/LoopClasses.h"

#include <bit>
#include <cmath>
#include <llvm/ADT/StringSet.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

using Known = std::optional<double>;

/// Masks are written as -inf, as the least value of some type, or as a large negative number.
constexpr double kLowest = -1e9;

bool isLowest(Known value) { return value && *value <= kLowest; }
bool isZero(Known value) { return value && *value == 0; }

Known knownUnary(StringRef name, Known x) {
  static const llvm::StringSet<> zeroAtZero = {"neg", "square", "abs", "sqrt", "tanh", "erf", "sin", "relu", "silu", "gelu", "gelu_tanh", "sign", "floor"};
  if (isLowest(x) && (name == "exp" || name == "exp2"))
    return 0;
  if (isZero(x) && zeroAtZero.contains(name))
    return 0;
  return name == "neg" && x ? Known(-*x) : std::nullopt;
}

Known knownBinary(const ScalarOp &op, Known a, Known b) {
  StringRef name = op.name;
  if (a && b)
    return foldBinary(op, *a, *b);
  if ((name == "add" && (isLowest(a) || isLowest(b))) || (name == "sub" && isLowest(a)) || (name == "min" && (isLowest(a) || isLowest(b))))
    return kLowest;
  if ((name == "mul" && (isZero(a) || isZero(b))) || (name == "divide" && isZero(a)))
    return 0;
  return std::nullopt;
}

/// What one member's mask hides, and whether hiding it is harmless.
class Hiding {
public:
  Hiding(const TensorProgram &program, const std::vector<int> &nodes, const std::vector<char> &local, const LoopClasses &classes)
      : program(program), nodes(nodes), local(local), classes(classes) {}

  /// Cuts the class of `keys`, a loop of `mask`, whose hidden results are `value`. Returns whether every member allows it; `loops` then says which are cut.
  bool harmless(int mask, int keys, double value) {
    id = classes.of(mask, keys);
    for (int n : nodes) {
      const Node &node = program.nodes[n];
      int own = classes.loopIn(n, id);
      bool readsCut = false;
      std::vector<Known> inputs(node.inputs.size());
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (!cut.count(node.inputs[i].storage))
          continue;
        readsCut = true;
        if (own < 0 || node.inputs[i].atomOfLoop(own) < 0)
          return false;
        if (auto at = hidden.find(node.inputs[i].storage); at != hidden.end())
          inputs[i] = at->second;
      }
      if (own < 0)
        continue;
      if (n == mask)
        hidden[node.output.storage] = value;
      else if (!(node.loops[own].reduction ? ignores(node, inputs) : !readsCut || carries(node, inputs)))
        return false;
      loops[n] = own;
      if (node.loops[own].reduction)
        continue;
      if (node.output.storage < 0 || !local[node.output.storage])
        return false;
      cut.insert({node.output.storage, true});
    }
    return true;
  }

  std::map<int, int> loops;

private:
  /// A reduction over the cut loop takes the same result without what is hidden.
  static bool ignores(const Node &node, const std::vector<Known> &inputs) {
    if (node.kind == NodeKind::Contraction)
      return llvm::any_of(inputs, isZero);
    Known value = knownValue(node.body, inputs);
    return (node.combiner == "add" && isZero(value)) || (node.combiner == "max" && isLowest(value));
  }
  /// A member that computes element by element what is hidden must give one known value there; what is not hidden yet may be anything.
  bool carries(const Node &node, const std::vector<Known> &inputs) {
    if (llvm::none_of(inputs, [](Known value) { return value.has_value(); }))
      return true;
    Known value = node.kind == NodeKind::Elementwise ? knownValue(node.body, inputs) : std::nullopt;
    if (value)
      hidden[node.output.storage] = *value;
    return value.has_value();
  }

  const TensorProgram &program;
  const std::vector<int> &nodes;
  const std::vector<char> &local;
  const LoopClasses &classes;
  int id = -1;
  std::map<int, double> hidden; ///< storage -> what its hidden elements hold
  std::map<int, bool> cut;      ///< storages that are computed in part
};

/// The run of `keys` that holds all elements with `hides` false, for each coordinate of `by`.
std::vector<Span> keptRuns(const Node &node, const Access &mask, const Storage &storage, const TensorProgram &program, int keys, int by,
                           const std::vector<char> &hides) {
  int64_t whole = node.loops[keys].size;
  size_t rows = by < 0 ? 1 : node.loops[by].size;
  // A row: what all other coordinates together keep; one that one of them hides whole keeps everything.
  std::map<std::pair<int64_t, int64_t>, Span> runs; // (coordinate of by, all others) -> run
  for (size_t flat = 0; flat < hides.size(); ++flat) {
    int64_t rest = flat, key = 0, row = 0, other = 0, unit = 1;
    bool reached = true;
    for (size_t a = storage.atoms.size(); a-- > 0;) {
      int64_t size = program.atoms[storage.atoms[a]].size, at = rest % size;
      rest /= size;
      const AtomIndex *index = mask.find(storage.atoms[a]);
      int loop = index && index->loops.size() == 1 ? index->loops[0].first : -1;
      if (index && index->loops.empty())
        reached = reached && at == index->start;
      else if (loop == keys)
        key = at;
      else if (loop >= 0 && loop == by)
        row = at;
      else
        other += at * unit, unit *= size;
    }
    if (!reached)
      continue;
    Span &run = runs.insert({{row, other}, {whole, 0}}).first->second;
    if (!hides[flat])
      run = {std::min(run.first, key), std::max(run.last, key + 1)};
  }
  std::vector<Span> kept(rows, {whole, 0});
  for (auto &[at, run] : runs) {
    Span &all = kept[at.first];
    all = run.size() <= 0 ? Span{0, whole} : Span{std::min(all.first, run.first), std::max(all.last, run.last)};
  }
  return kept;
}

/// Loops that index an atom of the access from its first coordinate to its last, by themselves.
std::vector<int> wholeLoops(const TensorProgram &program, const Node &node, const Access &access) {
  std::vector<int> loops;
  for (const AtomIndex &index : access.atoms)
    if (index.start == 0 && index.loops.size() == 1 && index.loops[0].second == 1 && node.loops[index.loops[0].first].size == program.atoms[index.atom].size)
      loops.push_back(index.loops[0].first);
  return loops;
}

} // namespace

Span MaskedLoop::keptBy(int64_t first, int64_t last) const {
  if (by < 0)
    return kept[0];
  Span all = kept[first];
  for (int64_t i = first + 1; i < last; ++i)
    all = {std::min(all.first, kept[i].first), std::max(all.last, kept[i].last)};
  return all;
}

std::vector<double> denseValues(const Storage &storage) {
  std::vector<double> values;
  auto dense = dyn_cast_or_null<DenseElementsAttr>(storage.dense);
  if (!dense)
    return values;
  values.reserve(dense.getNumElements());
  if (isa<FloatType>(dense.getElementType())) {
    for (const APFloat &value : dense.getValues<APFloat>())
      values.push_back(value.convertToDouble());
  } else {
    bool boolean = dense.getElementType().isInteger(1);
    for (const APInt &value : dense.getValues<APInt>())
      values.push_back(boolean ? value.getZExtValue() : value.getSExtValue());
  }
  return values;
}

Known knownValue(const Expression &body, const std::vector<Known> &inputs) {
  std::vector<Known> values;
  for (const ScalarOp &op : body) {
    Known value;
    switch (op.kind) {
    case ScalarOp::Input: value = inputs[op.input]; break;
    case ScalarOp::Constant: value = op.value; break;
    case ScalarOp::LoopIndex: break;
    case ScalarOp::Unary: value = knownUnary(op.name, values[op.args[0]]); break;
    case ScalarOp::Binary: value = knownBinary(op, values[op.args[0]], values[op.args[1]]); break;
    case ScalarOp::Select: {
      Known condition = values[op.args[0]], a = values[op.args[1]], b = values[op.args[2]];
      value = condition ? (*condition != 0 ? a : b) : a && b && *a == *b ? a : std::nullopt;
      break;
    }
    }
    if (value && std::isnan(*value))
      value = std::nullopt;
    values.push_back(isLowest(value) ? Known(-INFINITY) : value);
  }
  return values.back();
}

std::optional<MaskedLoop> findMaskedLoop(const TensorProgram &program, const std::vector<int> &nodes, const std::vector<char> &local) {
  LoopClasses classes(program, nodes);
  std::optional<MaskedLoop> best;
  double least = 0.999; // of the whole: less would not be worth a second body
  for (int n : nodes) {
    const Node &node = program.nodes[n];
    if (node.kind != NodeKind::Elementwise)
      continue;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Storage &storage = program.storages[node.inputs[i].storage];
      std::vector<double> mask = storage.kind == StorageKind::Dense ? denseValues(storage) : std::vector<double>();
      if (mask.empty())
        continue;
      auto bits = [](double value) { return std::bit_cast<uint64_t>(value); }; // NaN has no order
      std::map<uint64_t, Known> results;
      std::vector<Known> inputs(node.inputs.size());
      for (double value : mask)
        if (auto [at, fresh] = results.insert({bits(value), {}}); fresh) {
          inputs[i] = value;
          at->second = knownValue(node.body, inputs);
        }
      bool low = llvm::any_of(results, [](auto &entry) { return isLowest(entry.second); });
      std::vector<char> hides;
      for (double value : mask)
        hides.push_back(low ? isLowest(results[bits(value)]) : isZero(results[bits(value)]));
      if (!llvm::is_contained(hides, 1))
        continue;
      std::vector<int> loops = wholeLoops(program, node, node.inputs[i]);
      for (int keys : loops) {
        Hiding hiding(program, nodes, local, classes);
        if (!hiding.harmless(n, keys, low ? -INFINITY : 0))
          continue;
        std::vector<int> others = loops;
        std::erase(others, keys);
        others.push_back(-1);
        for (int by : others) {
          MaskedLoop found{hiding.loops, n, by, keptRuns(node, node.inputs[i], storage, program, keys, by, hides)};
          double share = 0;
          for (Span run : found.kept)
            share += static_cast<double>(run.size()) / node.loops[keys].size / found.kept.size();
          if (share < least)
            least = share, best = found;
        }
      }
    }
  }
  return best;
}

} // namespace manaslu::tiling
