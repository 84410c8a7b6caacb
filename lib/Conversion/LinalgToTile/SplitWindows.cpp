// Convolutions whose padded input does not fit on the chip are cut into slabs of output rows, each with a padded input of its own.
#include "lib/Conversion/LinalgToTile/SplitWindows.h"

#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/LinalgToTile/Epilogue.h"

namespace manaslu::tiling {

namespace {

/// A convolution to cut: which input is windowed and along which atom; the nodes that make that input.
struct Window {
  int node = -1, input = -1;
  AtomId rows = -1; ///< atom of the windowed input
  int rowLoop = -1; ///< loop of the result's rows
  int64_t stride = 1, reach = 1;
  std::vector<int> makers; ///< fills and copies
  int64_t slabs = 1;
};

class Splitter {
public:
  Splitter(TensorProgram &program, const Chip &chip) : program(program), chip(chip), epilogues(findEpilogues(program)) {}

  void run() {
    std::vector<Node> old = program.nodes;
    std::map<int, Window> windows;
    std::vector<char> replaced(old.size(), 0);
    for (int n = 0; n < static_cast<int>(old.size()); ++n)
      if (auto window = find(n)) {
        windows[n] = *window;
        replaced[n] = true;
        for (int maker : window->makers)
          replaced[maker] = true;
        if (int e = epilogues.epilogueOf[n]; e >= 0)
          replaced[e] = true;
      }
    if (windows.empty())
      return;
    program.nodes.clear();
    for (int n = 0; n < static_cast<int>(old.size()); ++n) {
      if (auto at = windows.find(n); at != windows.end())
        cut(old, at->second);
      else if (!replaced[n])
        program.nodes.push_back(old[n]);
    }
    program.relink();
  }

private:
  TensorProgram &program;
  const Chip &chip;
  Epilogues epilogues;

  std::optional<Window> find(int n) const {
    const Node &node = program.nodes[n];
    if (node.kind != NodeKind::Contraction)
      return std::nullopt;
    for (int i = 0; i < 2; ++i) {
      const Storage &storage = program.storages[node.inputs[i].storage];
      // An input is copied slab by slab by loads; a padded storage is made again for each slab.
      if ((storage.kind != StorageKind::Computed && storage.kind != StorageKind::Input) || storage.readers != std::vector<int>{n})
        continue;
      for (const AtomIndex &index : node.inputs[i].atoms) {
        if (index.loops.size() != 2 || index.start != 0)
          continue;
        Window window{n, i, index.atom, -1, 1, 1, storage.writers, 1};
        for (auto [loop, coefficient] : index.loops)
          if (node.loops[loop].reduction)
            window.reach = (node.loops[loop].size - 1) * coefficient + 1;
          else
            window.rowLoop = loop, window.stride = coefficient;
        int64_t bytes = tile::elementBytes(storage.element);
        for (AtomId atom : storage.atoms)
          bytes *= program.atoms[atom].size;
        ContractionLoops roles = classify(program, node);
        for (int loop : roles.k)
          bytes /= std::min<int64_t>(node.loops[loop].size, chip.partitions);
        bool made = llvm::all_of(storage.writers, [&](int w) { return program.nodes[w].kind == NodeKind::Elementwise && program.nodes[w].body.size() == 1; });
        if (window.rowLoop < 0 || !made || bytes <= chip.sbufUsableBytes() / kWindowShare || node.output.atomOfLoop(window.rowLoop) < 0)
          continue;
        window.slabs = std::min(node.loops[window.rowLoop].size, bytes / (chip.sbufUsableBytes() / 6) + 1);
        return window;
      }
    }
    return std::nullopt;
  }

  /// A storage like `from` with `size` coordinates of one atom; `renamed` maps the atoms.
  int storageLike(int from, AtomId cutAtom, int64_t size, std::map<AtomId, AtomId> &renamed) {
    Storage copy = program.storages[from];
    copy.kind = StorageKind::Computed;
    int id = program.storages.size();
    for (AtomId &atom : copy.atoms) {
      program.atoms.push_back({atom == cutAtom ? size : program.atoms[atom].size, id, -1, -1});
      renamed[atom] = program.atoms.size() - 1;
      atom = program.atoms.size() - 1;
    }
    copy.shape.clear();
    for (AtomId atom : copy.atoms)
      copy.shape.push_back(program.atoms[atom].size);
    program.storages.push_back(copy);
    return id;
  }
  static void retarget(Access &access, int storage, const std::map<AtomId, AtomId> &renamed) {
    access.storage = storage;
    for (AtomIndex &index : access.atoms)
      index.atom = renamed.at(index.atom);
  }
  /// Moves a node's view of everything that `loop` indexes by `start` coordinates.
  static void shift(Access &access, int loop, int64_t start) {
    for (AtomIndex &index : access.atoms)
      for (auto [l, coefficient] : index.loops)
        if (l == loop)
          index.start += coefficient * start;
  }

  /// A node that copies a storage to itself: the slab's copy takes its place as the result.
  Node copyOf(int storage, mlir::Location loc) const {
    Node node(loc);
    Access access;
    access.storage = storage;
    for (AtomId atom : program.storages[storage].atoms) {
      access.atoms.push_back({atom, 0, {{static_cast<int>(node.loops.size()), 1}}});
      node.loops.push_back({program.atoms[atom].size, static_cast<int>(node.loops.size()), 1, false});
    }
    node.inputs = {access};
    node.output = access;
    node.body = {ScalarOp{}};
    return node;
  }

  void cut(const std::vector<Node> &old, const Window &window) {
    const Node &node = old[window.node];
    int64_t rows = node.loops[window.rowLoop].size, step = (rows + window.slabs - 1) / window.slabs;
    for (int64_t first = 0; first < rows; first += step) {
      int64_t count = std::min(step, rows - first), low = first * window.stride, high = low + (count - 1) * window.stride + window.reach;
      std::map<AtomId, AtomId> renamed;
      int slab = storageLike(node.inputs[window.input].storage, window.rows, high - low, renamed);
      std::vector<Node> makers;
      for (int m : window.makers)
        makers.push_back(old[m]);
      if (makers.empty())
        makers.push_back(copyOf(node.inputs[window.input].storage, node.loc));
      for (Node maker : makers) {
        const AtomIndex *index = maker.output.find(window.rows);
        int loop = index->loops[0].first;
        int64_t from = std::max(low, index->start), to = std::min(high, index->start + maker.loops[loop].size);
        if (from >= to)
          continue;
        for (Access &input : maker.inputs)
          shift(input, loop, from - index->start);
        shift(maker.output, loop, from - index->start);
        for (AtomIndex &own : maker.output.atoms)
          if (own.atom == window.rows)
            own.start -= low;
        maker.loops[loop].size = to - from;
        retarget(maker.output, slab, renamed);
        program.nodes.push_back(maker);
      }
      Node part = node;
      part.loops[window.rowLoop].size = count;
      retarget(part.inputs[window.input], slab, renamed);
      int e = epilogues.epilogueOf[window.node];
      if (e < 0) {
        shift(part.output, window.rowLoop, first);
        program.nodes.push_back(part);
        continue;
      }
      std::map<AtomId, AtomId> results;
      int result = node.output.storage, own = storageLike(result, node.output.atomOfLoop(window.rowLoop), count, results);
      retarget(part.output, own, results);
      program.nodes.push_back(part);
      Node epilogue = old[e];
      int loop = -1;
      for (const Access &input : epilogue.inputs)
        if (input.storage == result)
          loop = input.find(node.output.atomOfLoop(window.rowLoop))->loops[0].first;
      epilogue.loops[loop].size = count;
      for (Access &input : epilogue.inputs)
        if (input.storage == result)
          retarget(input, own, results);
        else
          shift(input, loop, first);
      shift(epilogue.output, loop, first);
      program.nodes.push_back(epilogue);
    }
  }
};

} // namespace

void splitLargeWindows(TensorProgram &program, const Chip &chip) { Splitter(program, chip).run(); }

} // namespace manaslu::tiling
