// Unfolding of convolution windows onto partitions.
#include "lib/Conversion/LinalgToTile/UnfoldWindows.h"

#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/LinalgToTile/Estimate.h"
#include "lib/Conversion/LinalgToTile/SplitWindows.h"

#include <mlir/IR/Builders.h>

namespace manaslu::tiling {

namespace {

/// A loop of a window that may lie on the partitions, and what becomes of the operand's atom that it indexes.
struct Unfolding {
  int input = -1;      ///< the windowed operand
  int loop = -1;       ///< of the window
  int resultLoop = -1; ///< that indexes the same atom
  AtomId atom = -1;
  int64_t gain = 0; ///< picoseconds
};

class Unfolder {
public:
  Unfolder(TensorProgram &program, const Chip &chip) : program(program), chip(chip), movement(program, chip) {}

  void run() {
    std::vector<std::vector<Node>> before(program.nodes.size());
    for (size_t n = 0; n < program.nodes.size(); ++n) {
      if (program.nodes[n].kind != NodeKind::Contraction)
        continue;
      while (std::optional<Unfolding> best = find(program.nodes[n]))
        unfold(program.nodes[n], *best);
      before[n] = std::move(copies_);
      for (auto &[storage, load] : loads_)
        before[n].push_back(load);
      copies_.clear();
      loads_.clear();
    }
    std::vector<Node> all;
    for (size_t n = 0; n < program.nodes.size(); ++n) {
      all.insert(all.end(), before[n].begin(), before[n].end());
      all.push_back(program.nodes[n]);
    }
    program.nodes = std::move(all);
    program.relink();
  }

private:
  TensorProgram &program;
  const Chip &chip;
  MovementCost movement;
  std::vector<Node> copies_;  ///< to device memory, before the node at hand
  std::map<int, Node> loads_; ///< by the storage that they fill; they follow the copies

  static const AtomIndex *indexOf(const Access &access, int loop) {
    for (const AtomIndex &index : access.atoms)
      if (llvm::any_of(index.loops, [&](auto &entry) { return entry.first == loop; }))
        return &index;
    return nullptr;
  }

  /// The loop that saves most, if one saves anything.
  std::optional<Unfolding> find(const Node &node) const {
    ContractionLoops roles = classify(program, node);
    std::optional<Unfolding> best;
    if (roles.k.empty() && !roles.batch.empty())
      return best; // depthwise: pe would compute one row at a time
    for (int loop : roles.window)
      for (int input : {0, 1}) {
        const AtomIndex *window = indexOf(node.inputs[input], loop), *other = indexOf(node.inputs[1 - input], loop);
        if (!window || !other || window->loops.size() != 2 || node.inputs[1 - input].atomOfLoop(loop) < 0 || other->start != 0 ||
            program.atoms[other->atom].size != node.loops[loop].size)
          continue;
        int resultLoop = window->loops[window->loops[0].first == loop].first;
        if (node.loops[resultLoop].reduction)
          continue;
        Unfolding candidate{input, loop, resultLoop, window->atom};
        candidate.gain = gain(node, roles, candidate);
        if (candidate.gain > (best ? best->gain : 0))
          best = candidate;
      }
    return best;
  }

  /// Time of the products that are saved less that of the transfers. The other operand is taken to stay in the array.
  int64_t gain(const Node &node, const ContractionLoops &roles, const Unfolding &unfolding) const {
    auto product = [&](const std::vector<int> &loops) {
      int64_t n = 1;
      for (int loop : loops)
        n *= node.loops[loop].size;
      return n;
    };
    int64_t copies = node.loops[unfolding.loop].size;
    if (product(roles.k) * copies > chip.partitions)
      return 0;
    int64_t rows = product(unfolding.input ? roles.a : roles.b), columns = product(unfolding.input ? roles.b : roles.a);
    int64_t chains = product(roles.batch) * ceilDiv(rows, chip.pe.columns), saved = product(roles.window) / copies * (copies - 1);
    const Storage &storage = program.storages[node.inputs[unfolding.input].storage];
    int64_t time = chains * saved * productTime(chip, columns, passesOf(chip, storage.element));
    // Runs of the innermost atom, as long as its coordinates follow each other; `atom` itself is taken apart.
    int64_t elements = copies * node.loops[unfolding.resultLoop].size, run = 1;
    for (AtomId atom : storage.atoms)
      elements *= atom == unfolding.atom ? 1 : program.atoms[atom].size;
    if (storage.atoms.back() != unfolding.atom)
      run = program.atoms[storage.atoms.back()].size;
    else if (stepOf(node, unfolding, unfolding.resultLoop) == 1)
      run = node.loops[unfolding.resultLoop].size;
    int64_t bytes = tile::elementBytes(storage.element);
    if (elements / (copies * product(roles.k)) * bytes > chip.sbufUsableBytes() / kWindowShare)
      return 0;
    time -= movement.rows(elements / run, run * bytes);
    if (storage.kind == StorageKind::Computed && !loads_.count(node.inputs[unfolding.input].storage))
      time -=
          movement.rows(product(roles.k), movement.elements(node.inputs[unfolding.input].storage) / product(roles.k) * bytes) + 2 * chip.dmaLatencyNs * 1000;
    return time;
  }

  /// How far one iteration of `loop` moves in the atom that is taken apart.
  static int64_t stepOf(const Node &node, const Unfolding &unfolding, int loop) {
    for (auto [own, coefficient] : node.inputs[unfolding.input].find(unfolding.atom)->loops)
      if (own == loop)
        return coefficient;
    return 0;
  }

  int addStorage(StorageKind kind, const Storage &like, const std::vector<int64_t> &sizes) {
    Storage storage(like.loc);
    storage.kind = kind;
    storage.element = like.element;
    storage.shape = sizes;
    for (int64_t size : sizes) {
      program.atoms.push_back({size, static_cast<int>(program.storages.size()), -1, -1});
      storage.atoms.push_back(program.atoms.size() - 1);
    }
    program.storages.push_back(std::move(storage));
    return program.storages.size() - 1;
  }

  std::vector<int64_t> sizesOf(int storage) const {
    std::vector<int64_t> sizes;
    for (AtomId atom : program.storages[storage].atoms)
      sizes.push_back(program.atoms[atom].size);
    return sizes;
  }

  /// Every element of the storage is copied from device memory by this node, and by it alone.
  bool copiesWhole(int storage, const Node &node) const {
    return copies(node) && node.output.atoms.size() == program.storages[storage].atoms.size() && llvm::all_of(node.output.atoms, [&](const AtomIndex &index) {
             return index.start == 0 && index.loops.size() == 1 && index.loops[0].second == 1 &&
                    node.loops[index.loops[0].first].size == program.atoms[index.atom].size;
           });
  }
  bool copies(const Node &node) const {
    return node.kind == NodeKind::Elementwise && node.inputs.size() == 1 && node.body.size() == 1 && inDeviceMemory(node.inputs[0].storage);
  }
  bool inDeviceMemory(int storage) const {
    return program.storages[storage].kind == StorageKind::Input || program.storages[storage].kind == StorageKind::Scratch;
  }

  /// Where each atom of a storage, in order, comes from: the access of a copy with one loop for each of them. A computed storage is put in device memory first.
  Access origin(int storage, mlir::Location loc) {
    if (auto at = loads_.find(storage); at != loads_.end()) {
      Access access = at->second.inputs[0];
      loads_.erase(at);
      return access;
    }
    Storage &data = program.storages[storage];
    if (data.kind == StorageKind::Computed && data.readers.size() == 1 && data.writers.size() == 1 && copiesWhole(storage, program.nodes[data.writers[0]])) {
      Node &copy = program.nodes[data.writers[0]];
      copy.kind = NodeKind::Removed;
      Access access = copy.inputs[0];
      for (AtomIndex &index : access.atoms)
        for (auto &[loop, coefficient] : index.loops)
          loop = llvm::find(data.atoms, copy.output.atomOfLoop(loop)) - data.atoms.begin();
      return access;
    }
    if (data.kind == StorageKind::Computed && isPadding(data)) {
      data.kind = StorageKind::Scratch;
      for (int writer : data.writers)
        loadIntoDevice(writer);
    }
    Access whole;
    whole.storage = inDeviceMemory(storage) ? storage : materialize(storage, loc);
    const std::vector<AtomId> &atoms = program.storages[whole.storage].atoms;
    for (size_t i = 0; i < atoms.size(); ++i)
      whole.atoms.push_back({atoms[i], 0, {{static_cast<int>(i), 1}}});
    return whole;
  }

  bool fills(const Node &node) const {
    return node.kind == NodeKind::Elementwise && node.inputs.empty() && node.body.size() == 1 && node.body[0].kind == ScalarOp::Constant;
  }
  /// Made of a constant and copies from device memory, for this reader alone.
  bool isPadding(const Storage &data) const {
    return data.readers.size() == 1 && llvm::all_of(data.writers, [&](int writer) { return fills(program.nodes[writer]) || copies(program.nodes[writer]); });
  }
  /// A writer whose result stays in device memory is a transfer; a fill copies a constant row, because movers are slow with rows of one element.
  void loadIntoDevice(int writer) {
    Node &node = program.nodes[writer];
    node.loads = true;
    if (copies(node))
      return;
    const Storage &filled = program.storages[node.output.storage];
    const AtomIndex *columns = node.output.find(filled.atoms.back());
    int64_t row = columns && columns->loops.size() == 1 ? node.loops[columns->loops[0].first].size : 1;
    mlir::Builder builder(filled.element.getContext());
    auto type = mlir::RankedTensorType::get({row}, builder.getF32Type());
    double value = node.body[0].value;
    int constant = addStorage(StorageKind::Dense, filled, {row});
    program.storages[constant].dense = mlir::DenseElementsAttr::get(type, static_cast<float>(value));
    node.inputs.resize(1);
    node.inputs[0].storage = constant;
    if (row > 1)
      node.inputs[0].atoms.push_back({program.storages[constant].atoms[0], 0, columns->loops});
    node.body = {ScalarOp{}};
  }

  /// A copy of a computed storage in device memory.
  int materialize(int storage, mlir::Location loc) {
    Node node(loc);
    node.kind = NodeKind::Materialize;
    node.shape = sizesOf(storage);
    int copy = addStorage(StorageKind::Scratch, program.storages[storage], node.shape);
    Access access;
    access.storage = storage;
    for (AtomId atom : program.storages[storage].atoms) {
      access.atoms.push_back({atom, 0, {{static_cast<int>(node.loops.size()), 1}}});
      node.loops.push_back({program.atoms[atom].size, static_cast<int>(node.loops.size()), 1, false});
    }
    node.inputs = {access};
    node.output.storage = copy;
    copies_.push_back(std::move(node));
    return copy;
  }

  void unfold(Node &node, const Unfolding &unfolding) {
    Access &windowed = node.inputs[unfolding.input];
    ContractionLoops roles = classify(program, node);
    const std::vector<AtomId> atoms = program.storages[windowed.storage].atoms;
    const AtomIndex window = *windowed.find(unfolding.atom);
    Access source = origin(windowed.storage, node.loc);
    // The new storage: the window's coordinate, then the old atoms, of which one only has the result's coordinates.
    std::vector<int64_t> sizes = {node.loops[unfolding.loop].size};
    for (AtomId atom : atoms)
      sizes.push_back(atom == unfolding.atom ? node.loops[unfolding.resultLoop].size : program.atoms[atom].size);
    int unfolded = addStorage(StorageKind::Computed, program.storages[windowed.storage], sizes);
    const std::vector<AtomId> own = program.storages[unfolded].atoms;
    // Its load has a loop for each atom. The window and the contracted atoms count as one dimension, the first among the choices for the partitions.
    Node load(node.loc);
    load.loads = true;
    load.body = {ScalarOp{}};
    load.output.storage = unfolded;
    Access access;
    access.storage = unfolded;
    access.atoms.push_back({own[0], 0, {{unfolding.loop, 1}}});
    for (size_t i = 0; i < sizes.size(); ++i) {
      int loop = static_cast<int>(i);
      bool contracted = i == 0 || llvm::any_of(roles.k, [&](int k) { return windowed.atomOfLoop(k) == atoms[i - 1]; });
      load.loops.push_back({sizes[i], contracted ? static_cast<int>(sizes.size()) : loop, 1, false});
      load.output.atoms.push_back({own[i], 0, {{loop, 1}}});
      if (i > 0 && atoms[i - 1] == unfolding.atom)
        access.atoms.push_back({own[i], 0, {{unfolding.resultLoop, 1}}});
      else if (const AtomIndex *index = i > 0 ? windowed.find(atoms[i - 1]) : nullptr)
        access.atoms.push_back({own[i], index->start, index->loops});
    }
    for (AtomIndex &index : source.atoms) {
      std::vector<std::pair<int, int64_t>> loops;
      for (auto [i, coefficient] : index.loops)
        if (atoms[i] == unfolding.atom) {
          index.start += coefficient * window.start;
          for (auto [loop, step] : window.loops)
            loops.push_back({loop == unfolding.loop ? 0 : i + 1, coefficient * step});
        } else {
          loops.push_back({i + 1, coefficient});
        }
      index.loops = loops;
    }
    load.inputs = {source};
    loads_.insert({unfolded, load});
    windowed = access;
    moveToFront(node, unfolding.loop);
  }

  /// Renumbers the loops of a node so that `loop` is the first: partitions hold contracted loops in their order.
  static void moveToFront(Node &node, int loop) {
    std::rotate(node.loops.begin(), node.loops.begin() + loop, node.loops.begin() + loop + 1);
    auto renumber = [&](Access &access) {
      for (AtomIndex &index : access.atoms)
        for (auto &[own, coefficient] : index.loops)
          own = own == loop ? 0 : own < loop ? own + 1 : own;
    };
    for (Access &input : node.inputs)
      renumber(input);
    renumber(node.output);
  }
};

} // namespace

void unfoldWindows(TensorProgram &program, const Chip &chip) { Unfolder(program, chip).run(); }

} // namespace manaslu::tiling
