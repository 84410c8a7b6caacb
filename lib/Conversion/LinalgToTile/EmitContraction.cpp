// Contractions as chains of matrix products on one PSUM tile each: weights stream in blocks, the epilogue runs before the tile leaves PSUM.
#include "lib/Conversion/LinalgToTile/Emitter.h"

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// Blocks up to this number are separate loads in the top-level list, where they can be prefetched across operators.
constexpr int64_t kUnrolledBlocks = 16;

/// Loop ranges of the products that accumulate into one tile, in the order of the numeric contract: kernel row, kernel column, channel blocks ascending.
std::vector<std::vector<Range>> contractionSteps(const Node &node, const ContractionLoops &roles, const Layout &layout, const Access &access,
                                                 const std::vector<Range> &ranges) {
  std::vector<std::vector<Range>> steps = {ranges};
  auto split = [&](int loop, int64_t size) {
    std::vector<std::vector<Range>> out;
    for (const auto &step : steps)
      for (int64_t at = 0; at < step[loop].size; at += size) {
        out.push_back(step);
        out.back()[loop].start.constant += at;
        out.back()[loop].size = std::min(size, step[loop].size - at);
      }
    steps = std::move(out);
  };
  for (int loop : roles.window)
    split(loop, 1);
  for (int loop : roles.k) {
    AtomId atom = access.atomOfLoop(loop);
    if (!layout.part.empty() && layout.part[0].atom == atom)
      split(loop, layout.step);
    else if (llvm::none_of(layout.part, [&](const PartitionEntry &entry) { return entry.atom == atom; }))
      split(loop, 1);
  }
  return steps;
}

} // namespace

void Emitter::emitContraction(int n, const std::vector<Range> &ranges) {
  const Node &node = program.nodes[n];
  ContractionLoops roles = classify(program, node);
  loc = node.loc;
  // Batch loops first: several coordinates may share a chunk of partitions, so the inner part is unrolled.
  for (int loop : roles.batch)
    if (ranges[loop].size > 1) {
      int64_t together = 1;
      auto consider = [&](const Layout &layout, const Access &access) {
        if (!layout.part.empty() && layout.part[0].atom >= 0 && layout.part[0].atom == access.atomOfLoop(loop))
          together = std::max(together, layout.step);
      };
      consider(requirements[n].output, node.output);
      for (size_t i = 0; i < 2; ++i)
        consider(requirements[n].inputs[i], node.inputs[i]);
      forRange(ranges[loop], together, [&](const Range &some) {
        forRange(
            some, 1,
            [&](const Range &one) {
              std::vector<Range> inner = ranges;
              inner[loop] = one;
              emitContraction(n, inner);
            },
            together);
      });
      return;
    }
  if (auto blocks = planBlocks(n); !blocks.empty())
    return streamBlocks(n, ranges, blocks);
  emitTiles(n, ranges);
}

void Emitter::streamBlocks(int n, const std::vector<Range> &ranges, ArrayRef<Block> blocks) {
  if (blocks.empty())
    return emitTiles(n, ranges);
  const Node &node = program.nodes[n];
  const Block &block = blocks.front();
  int id = node.inputs[block.input].storage;
  const Storage &storage = program.storages[id];
  const Layout &layout = requirements[n].inputs[block.input];
  auto with = [&](const Placed &placed, const std::vector<Range> &inner) {
    versions[id].push_back(placed);
    streamBlocks(n, inner, blocks.drop_front());
    versions[id].pop_back();
  };
  if (storage.kind != StorageKind::Parameter && storage.kind != StorageKind::Dense) {
    std::function<void(size_t, std::vector<Range>)> nest = [&](size_t depth, std::vector<Range> inner) {
      if (depth == block.cuts.size())
        return with(load(id, layout, windowOf(node, node.inputs[block.input], inner)), inner);
      auto [loop, step] = block.cuts[depth];
      forRange(inner[loop], step, [&](const Range &some) {
        std::vector<Range> next = inner;
        next[loop] = some;
        nest(depth + 1, next);
      });
    };
    return nest(0, ranges);
  }
  if (block.cuts.empty()) {
    provide(id, layout, node.loc);
    return streamBlocks(n, ranges, blocks.drop_front());
  }
  // A constant is packed in the blocks in which it streams.
  auto [cut, size] = block.cuts.back();
  int64_t row = 0, rows = std::max<int64_t>(1, layout.rows());
  AtomId atom = node.inputs[block.input].atomOfLoop(cut);
  Value region = constantRegion(storage, &layout, {{atom, size}}, row);
  forRange(
      ranges[cut], size,
      [&, cut = cut, size = size](const Range &some) {
        std::vector<Range> inner = ranges;
        inner[cut] = some;
        std::map<AtomId, Range> window;
        for (AtomId a : storage.atoms)
          window[a] = {{}, program.atoms[a].size};
        window[atom] = {some.start, size};
        Placed placed = allocate(id, layout, tile::Space::Sbuf, storage.element, window);
        TileRef dst, src;
        dst.buffer = placed.buffer;
        dst.element = src.element = placed.element;
        dst.partitions = rows;
        dst.axes = {{row, 1}};
        src.buffer = region;
        src.space = tile::Space::Device;
        Affine number = some.start;
        number.constant /= size;
        for (auto &term : number.terms)
          term.second /= size;
        src.offset = number * (row * rows);
        src.axes = {{rows, row}, {row, 1}};
        tile::LoadOp::create(builder, loc, view(dst), view(src, 5, /*merge=*/false));
        with(placed, inner);
      },
      kUnrolledBlocks);
}

void Emitter::emitTiles(int n, const std::vector<Range> &ranges) {
  const Node &node = program.nodes[n];
  ContractionLoops roles = classify(program, node);
  const Choice &choice = chosen[n];
  // Tiles of the result: one chunk of partitions by as many moving columns as a bank holds.
  const std::vector<int> &own = choice.stationary ? roles.b : roles.a, &moving = choice.stationary ? roles.a : roles.b;
  const Layout &out = requirements[n].output;
  std::vector<std::pair<int, int64_t>> cuts;
  for (int loop : own) {
    AtomId atom = node.output.atomOfLoop(loop);
    if (!out.part.empty() && out.part[0].atom == atom)
      cuts.push_back({loop, out.step});
    else if (!onPartitions(out, node.output, loop))
      cuts.push_back({loop, 1});
  }
  int64_t columns = 1;
  std::vector<std::pair<int, int64_t>> movingCuts;
  for (int loop : llvm::reverse(moving)) {
    int64_t size = ranges[loop].size, fit = std::max<int64_t>(1, chip.pe.movingLimit / columns);
    int64_t count = (size + fit - 1) / fit, step = (size + count - 1) / count;
    movingCuts.insert(movingCuts.begin(), {loop, step});
    columns *= step;
  }
  cuts.insert(cuts.end(), movingCuts.begin(), movingCuts.end());
  std::function<void(size_t, std::vector<Range>)> nest = [&](size_t depth, std::vector<Range> tile) {
    if (depth == cuts.size())
      return emitTile(n, tile);
    auto [loop, step] = cuts[depth];
    forRange(tile[loop], step, [&](const Range &one) {
      std::vector<Range> inner = tile;
      inner[loop] = one;
      nest(depth + 1, inner);
    });
  };
  nest(0, ranges);
}

void Emitter::emitTile(int n, const std::vector<Range> &ranges) {
  const Node &node = program.nodes[n];
  ContractionLoops roles = classify(program, node);
  const Choice &choice = chosen[n];
  int s = choice.stationary, m = 1 - s;
  const std::vector<int> &moving = s ? roles.a : roles.b;
  std::vector<int> own;
  for (int loop : choice.resultLoops)
    if (llvm::is_contained(s ? roles.b : roles.a, loop))
      own.push_back(loop);
  const Layout &out = requirements[n].output;
  Placed psum = allocate(node.output.storage, out, tile::Space::Psum, builder.getF32Type(), windowOf(node, node.output, ranges));
  TileRef acc = reference(psum, node, node.output, ranges, moving, 0, 1);
  Placed stationary = inputOf(node, s), movingPlaced = inputOf(node, m);
  bool first = true;
  for (const auto &step : contractionSteps(node, roles, requirements[n].inputs[s], node.inputs[s], ranges)) {
    TileRef a = reference(stationary, node, node.inputs[s], step, own, 0, 1), b = reference(movingPlaced, node, node.inputs[m], step, moving, 0, 1);
    Value accView = view(acc), stationaryView = view(a), movingView = view(b);
    auto product = tile::MatmulOp::create(builder, loc, accView, stationaryView, movingView, !first);
    (void)product;
    first = false;
  }
  int e = epilogues.epilogueOf[n];
  int result = e >= 0 ? e : n;
  const Node &final = program.nodes[result];
  std::vector<Range> finalRanges = ranges;
  if (e >= 0)
    for (const Access &input : final.inputs)
      if (input.storage == node.output.storage)
        finalRanges = mapRanges(node, node.output, final, input, ranges);
  if (resident.count(n)) {
    if (e >= 0)
      versions[node.output.storage].push_back(psum);
    versions[final.output.storage].push_back(e >= 0 ? inPlace(psum, node, final) : psum);
    if (e >= 0) {
      emitElementwise(final, finalRanges);
      versions[node.output.storage].pop_back();
    }
    return;
  }
  int target = final.output.storage;
  if (streamed[target])
    versions[target].push_back(
        allocate(target, requirements[result].output, tile::Space::Sbuf, program.storages[target].element, windowOf(final, final.output, finalRanges)));
  if (e >= 0) {
    std::vector<int> loaded;
    for (size_t i = 0; i < final.inputs.size(); ++i)
      if (int storage = final.inputs[i].storage; storage != node.output.storage && streamed[storage] && !find(storage, requirements[e].inputs[i])) {
        versions[storage].push_back(load(storage, requirements[e].inputs[i], windowOf(final, final.inputs[i], finalRanges)));
        loaded.push_back(storage);
      }
    versions[node.output.storage].push_back(psum);
    emitElementwise(final, finalRanges);
    versions[node.output.storage].pop_back();
    for (int storage : loaded)
      versions[storage].pop_back();
  } else {
    TileRef dst = reference(targetOf(node), node, node.output, ranges, moving, 0, 1);
    tile::CopyOp::create(builder, loc, view(dst), view(acc));
  }
  if (streamed[target]) {
    storeWindow(final, Placed(versions[target].back()), finalRanges);
    versions[target].pop_back();
  }
}

bool Emitter::staysInPsum(int n, const std::vector<Range> &ranges) const {
  const Node &node = program.nodes[n];
  int e = epilogues.epilogueOf[n], result = e >= 0 ? e : n, s = chosen[n].stationary;
  const Storage &storage = program.storages[program.nodes[result].output.storage];
  if (!current || !current->local[program.nodes[result].output.storage] || storage.writers.size() != 1 || !storage.element.isF32())
    return false;
  // Engines that exclude each other on PSUM would take turns with several readers: one copy sets them free.
  if (chip.psumPortShared && storage.readers.size() > 1)
    return false;
  // What the engines of the body can read where it is: one operand in PSUM each.
  for (int reader : storage.readers) {
    const Node &other = program.nodes[reader];
    if ((other.kind != NodeKind::Elementwise && other.kind != NodeKind::Reduction) || epilogues.contractionOf[reader] >= 0)
      return false;
    for (size_t i = 0; i < other.inputs.size(); ++i) {
      const Storage &input = program.storages[other.inputs[i].storage];
      bool own = &input == &storage;
      if (own ? !(requirements[reader].inputs[i] == requirements[result].output)
              : llvm::any_of(input.writers, [&](int w) { return program.nodes[w].kind == NodeKind::Contraction || epilogues.contractionOf[w] >= 0; }))
        return false;
    }
  }
  // One tile: a chunk of partitions, and columns that one bank holds.
  ContractionLoops roles = classify(program, node);
  const Layout &out = requirements[n].output;
  int64_t columns = 1;
  for (int loop : s ? roles.a : roles.b)
    columns *= ranges[loop].size;
  bool one = columns <= chip.pe.movingLimit && columns * tile::elementBytes(storage.element) <= chip.psumBankBytes;
  for (int loop : roles.batch)
    one = one && ranges[loop].size == 1;
  for (int loop : s ? roles.b : roles.a)
    one = one &&
          (onPartitions(out, node.output, loop) ? node.output.atomOfLoop(loop) != out.part[0].atom || ranges[loop].size <= out.step : ranges[loop].size == 1);
  for (const Access &input : node.inputs)
    one = one && program.storages[input.storage].kind == StorageKind::Computed;
  return one;
}

Placed Emitter::inPlace(const Placed &psum, const Node &contraction, const Node &epilogue) const {
  Placed placed = psum;
  placed.storage = epilogue.output.storage;
  placed.layout = requirements[indexOf(epilogue)].output;
  placed.strides.clear();
  placed.origins.clear();
  for (const Access &input : epilogue.inputs)
    if (input.storage == contraction.output.storage)
      for (const AtomIndex &to : epilogue.output.atoms)
        if (AtomId from = to.loops.size() == 1 ? input.atomOfLoop(to.loops[0].first) : -1; from >= 0) {
          if (auto at = psum.strides.find(from); at != psum.strides.end())
            placed.strides[to.atom] = at->second;
          if (auto at = psum.origins.find(from); at != psum.origins.end())
            (placed.origins[to.atom] = at->second).constant += to.start;
        }
  return placed;
}

void Emitter::emitGather(int n) {
  const Node &node = program.nodes[n];
  loc = node.loc;
  const Storage &table = program.storages[node.inputs[0].storage];
  Value region;
  int64_t row = 0;
  if (table.kind == StorageKind::Parameter || table.kind == StorageKind::Dense)
    region = constantRegion(table, nullptr, {}, row);
  else if (table.kind != StorageKind::Computed)
    region = regions[node.inputs[0].storage];
  else
    return report(node.loc, "MN-LOW-005: a gather from a table computed on the chip is not supported; make the table a parameter or an input");
  Placed index = provide(node.inputs[1].storage, requirements[n].inputs[1], node.loc);
  int result = node.output.storage;
  const Layout &layout = requirements[n].output;
  std::vector<int> rows, columns;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    (llvm::any_of(node.inputs[1].atoms, [&](const AtomIndex &a) { return llvm::any_of(a.loops, [&](auto &l) { return l.first == loop; }); }) ? rows : columns)
        .push_back(loop);
  int64_t rowElements = 1;
  for (int loop : columns)
    rowElements *= node.loops[loop].size;
  std::function<void(size_t, std::vector<Range>)> nest = [&](size_t depth, std::vector<Range> ranges) {
    if (depth < rows.size()) {
      AtomId atom = node.output.atomOfLoop(rows[depth]);
      bool first = !layout.part.empty() && layout.part[0].atom == atom, inside = onPartitions(layout, node.output, rows[depth]);
      forRange(ranges[rows[depth]],
               first    ? layout.step
               : inside ? ranges[rows[depth]].size
                        : 1,
               [&](const Range &some) {
                 std::vector<Range> inner = ranges;
                 inner[rows[depth]] = some;
                 nest(depth + 1, inner);
               });
      return;
    }
    Placed target =
        streamed[result] ? allocate(result, layout, tile::Space::Sbuf, program.storages[result].element, windowOf(node, node.output, ranges)) : targetOf(node);
    TileRef dst = reference(target, node, node.output, ranges, columns, 0, 1), at = reference(index, node, node.inputs[1], ranges, {}, 0, 1);
    TileRef source;
    source.buffer = region;
    source.space = tile::Space::Device;
    source.element = table.element;
    source.axes = {{node.gatherRows, rowElements}, {rowElements, 1}};
    Value dstView = view(dst), tableView = view(source, 5, /*merge=*/false), indexView = view(at);
    tile::GatherRowsOp::create(builder, loc, dstView, tableView, indexView, node.gatherRows);
    if (streamed[result])
      storeWindow(node, target, ranges);
  };
  nest(0, wholeRanges(node));
}

} // namespace manaslu::tiling
