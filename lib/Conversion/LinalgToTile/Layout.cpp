// Layouts that follow from a node's choice of loops on the partitions.
#include "lib/Conversion/LinalgToTile/Layout.h"

#include <algorithm>

namespace manaslu::tiling {

bool Layout::replicated() const {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](const PartitionEntry &entry) { return entry.atom < 0; });
}

std::map<AtomId, int64_t> rowMajorStrides(const TensorProgram &program, int storage) {
  std::map<AtomId, int64_t> strides;
  int64_t stride = 1;
  for (AtomId atom : llvm::reverse(program.storages[storage].atoms)) {
    strides[atom] = stride;
    stride *= program.atoms[atom].size;
  }
  return strides;
}

bool transposable(const Layout &from, const Layout &to) {
  for (const PartitionEntry &entry : to.part)
    if (entry.atom < 0 || std::find(from.free.begin(), from.free.end(), entry.atom) == from.free.end())
      return false;
  return !to.part.empty() && std::none_of(from.part.begin(), from.part.end(), [](const PartitionEntry &entry) { return entry.atom < 0; });
}

Layout replicatedLayout(const TensorProgram &program, int storage, int64_t partitions) {
  Layout layout;
  layout.part = {{-1, partitions}};
  layout.step = partitions;
  layout.free = program.storages[storage].atoms;
  return layout;
}

Layout makeLayout(const TensorProgram &program, int storage, std::vector<PartitionEntry> part, int64_t partitions) {
  std::erase_if(part, [](const PartitionEntry &entry) { return entry.size == 1; });
  if (!part.empty() && std::all_of(part.begin(), part.end(), [](const PartitionEntry &entry) { return entry.atom < 0; }))
    return replicatedLayout(program, storage, partitions);
  Layout layout;
  size_t first = part.size();
  int64_t inner = 1;
  while (first > 0 && inner * part[first - 1].size <= partitions)
    inner *= part[--first].size;
  if (first == 0) {
    layout.part = part;
    layout.step = part.empty() ? 1 : part[0].size;
    layout.inner = part.empty() ? 1 : inner / part[0].size;
  } else if (int64_t step = partitions / inner; step > 1) { // the entry that does not fit is cut in chunks
    layout.part.assign(part.begin() + first - 1, part.end());
    layout.step = step;
    layout.inner = inner;
    --first;
  } else {
    layout.part.assign(part.begin() + first, part.end());
    layout.step = layout.part.empty() ? 1 : layout.part[0].size;
    layout.inner = layout.part.empty() ? 1 : inner / layout.part[0].size;
  }
  for (size_t i = 0; i < first; ++i)
    if (part[i].atom >= 0)
      layout.free.push_back(part[i].atom);
  auto placed = [&](AtomId atom) {
    return std::any_of(layout.part.begin(), layout.part.end(), [&](const PartitionEntry &entry) { return entry.atom == atom; }) ||
           std::find(layout.free.begin(), layout.free.end(), atom) != layout.free.end();
  };
  for (AtomId atom : program.storages[storage].atoms)
    if (!placed(atom))
      layout.free.push_back(atom);
  return layout;
}

namespace {

bool uses(const Access &access, int loop) {
  for (const AtomIndex &index : access.atoms)
    for (auto [l, coefficient] : index.loops)
      if (l == loop)
        return true;
  return false;
}

/// The loop indexes one atom alone, all of it, in every access that it occurs in: engines cannot start at any partition.
bool simpleEverywhere(const TensorProgram &program, const Node &node, int loop) {
  auto simple = [&](const Access &access) {
    if (!uses(access, loop))
      return true;
    AtomId atom = access.atomOfLoop(loop);
    return atom >= 0 && access.find(atom)->start == 0 && program.atoms[atom].size == node.loops[loop].size;
  };
  return std::all_of(node.inputs.begin(), node.inputs.end(), simple) && (node.output.storage < 0 || simple(node.output));
}

int64_t product(const Node &node, const std::vector<int> &loops) {
  int64_t n = 1;
  for (int loop : loops)
    n *= node.loops[loop].size;
  return n;
}

/// A group of so many partitions may start at any multiple of itself.
bool packable(int64_t rows, int64_t partitions) { return (rows == 32 || rows == 64) && rows < partitions; }

std::vector<PartitionEntry> entries(const Node &node, const Access &access, const std::vector<int> &loops) {
  std::vector<PartitionEntry> part;
  for (int loop : loops)
    part.push_back({access.atomOfLoop(loop), node.loops[loop].size});
  return part;
}

std::vector<Choice> contractionChoices(const TensorProgram &program, const Node &node, int64_t partitions) {
  ContractionLoops loops = classify(program, node);
  std::vector<Choice> out;
  for (int stationary : {1, 0}) {
    const std::vector<int> &own = stationary ? loops.b : loops.a;
    if (!std::all_of(own.begin(), own.end(), [&](int loop) { return simpleEverywhere(program, node, loop); }))
      continue;
    for (bool packed : {true, false}) {
      if (packed && (loops.batch.empty() || !packable(product(node, loops.k), partitions)))
        continue;
      out.push_back({stationary, packed, own});
      if (loops.batch.empty() || !packable(product(node, own), partitions))
        continue;
      std::vector<int> prefixed = {loops.batch.back()};
      prefixed.insert(prefixed.end(), own.begin(), own.end());
      out.insert(out.end() - 1, {stationary, packed, prefixed});
    }
  }
  return out;
}

/// Sums of floats over one linalg dimension that lies on the partitions.
std::vector<Choice> partitionSumChoices(const TensorProgram &program, const Node &node) {
  auto isFloat = [&](const Access &input) { return mlir::isa<mlir::FloatType>(program.storages[input.storage].element); };
  if (node.combiner != "add" || !std::all_of(node.inputs.begin(), node.inputs.end(), isFloat))
    return {};
  std::map<int, std::vector<int>> byDimension;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    if (node.loops[loop].reduction && uses(node.inputs[0], loop) && simpleEverywhere(program, node, loop))
      byDimension[node.loops[loop].dim].push_back(loop);
  std::vector<Choice> out;
  for (auto &[dim, loops] : byDimension)
    out.push_back({0, false, {}, loops});
  return out;
}

std::vector<Choice> elementwiseChoices(const TensorProgram &program, const Node &node, int64_t partitions) {
  std::vector<Choice> out;
  auto add = [&](std::vector<int> loops) {
    if (std::find(out.begin(), out.end(), Choice{0, false, loops}) == out.end())
      out.push_back({0, false, std::move(loops)});
  };
  // One linalg dimension (all its factors) on the partitions, the inner dimensions first; then a second loop outside a small inner one.
  std::map<int, std::vector<int>, std::greater<>> byDimension;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    if (!node.loops[loop].reduction && uses(node.output, loop) && (node.loads || simpleEverywhere(program, node, loop)))
      byDimension[node.loops[loop].dim].push_back(loop);
  for (auto &[dim, loops] : byDimension)
    add(loops);
  if (node.loads)
    return out;
  for (auto &[dim, loops] : byDimension) {
    for (size_t first = 1; first < loops.size(); ++first)
      add({loops.begin() + first, loops.end()});
    if (product(node, loops) >= partitions)
      continue;
    for (auto &[otherDim, others] : byDimension)
      if (otherDim < dim) {
        std::vector<int> both = others;
        both.insert(both.end(), loops.begin(), loops.end());
        if (packable(product(node, loops), partitions))
          add(both);
      }
  }
  int64_t total = 1;
  for (const LoopAtom &loop : node.loops)
    total *= loop.size;
  if (total <= 65536 || out.empty())
    add({});
  return out;
}

} // namespace

ContractionLoops classify(const TensorProgram &program, const Node &node) {
  ContractionLoops out;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop) {
    bool inA = uses(node.inputs[0], loop), inB = uses(node.inputs[1], loop);
    if (node.loops[loop].reduction)
      (inA && inB && simpleEverywhere(program, node, loop) ? out.k : out.window).push_back(loop);
    else
      (inA && inB ? out.batch : inA ? out.a : out.b).push_back(loop);
  }
  return out;
}

bool resultOnOnePartition(const TensorProgram &program, const Node &node) {
  ContractionLoops roles = classify(program, node);
  auto spreads = [&](const std::vector<int> &own) {
    return !own.empty() && std::all_of(own.begin(), own.end(), [&](int loop) { return simpleEverywhere(program, node, loop); });
  };
  return !spreads(roles.a) && !spreads(roles.b);
}

std::vector<Choice> choices(const TensorProgram &program, const Node &node, int64_t partitions) {
  if (!program.isResident(node.output.storage))
    return {};
  switch (node.kind) {
  case NodeKind::Contraction: return contractionChoices(program, node, partitions);
  case NodeKind::Elementwise: return elementwiseChoices(program, node, partitions);
  case NodeKind::Reduction: {
    std::vector<Choice> out = elementwiseChoices(program, node, partitions), sums = partitionSumChoices(program, node);
    out.insert(out.end(), sums.begin(), sums.end());
    return out;
  }
  case NodeKind::Gather: {
    std::vector<int> loops;
    for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
      if (uses(node.inputs[1], loop))
        loops.push_back(loop);
    return {{0, false, loops}};
  }
  default: return {};
  }
}

Requirement require(const TensorProgram &program, const Node &node, const Choice &choice, int64_t partitions) {
  Requirement out;
  bool contraction = node.kind == NodeKind::Contraction, everywhere = choice.resultLoops.empty() && !contraction;
  out.output = everywhere ? replicatedLayout(program, node.output.storage, partitions)
                          : makeLayout(program, node.output.storage, entries(node, node.output, choice.resultLoops), partitions);
  std::vector<int> loops = choice.resultLoops;
  if (contraction) {
    ContractionLoops roles = classify(program, node);
    loops = roles.k;
    if (choice.packed)
      loops.insert(loops.begin(), roles.batch.back());
  } else if (!choice.reducedLoops.empty()) {
    loops = choice.reducedLoops;
  }
  for (const Access &input : node.inputs) {
    out.inputs.push_back(loops.empty() && !contraction ? replicatedLayout(program, input.storage, partitions)
                                                       : makeLayout(program, input.storage, entries(node, input, loops), partitions));
    const Storage &storage = program.storages[input.storage];
    // A constant is packed in any order: rows and columns of the product innermost, because wide strides take engines twice the time.
    if (contraction && (storage.kind == StorageKind::Parameter || storage.kind == StorageKind::Dense))
      std::stable_partition(out.inputs.back().free.begin(), out.inputs.back().free.end(), [&](AtomId atom) {
        const AtomIndex *index = input.find(atom);
        return !index || std::all_of(index->loops.begin(), index->loops.end(), [&](auto &entry) { return node.loops[entry.first].reduction; });
      });
  }
  return out;
}

} // namespace manaslu::tiling
