// How the operands of a contraction stream when they are not in SBUF: which one in the outer loop, and how many of its columns at a time.
#include "lib/Conversion/LinalgToTile/Emitter.h"
#include "lib/Conversion/LinalgToTile/MovementCost.h"

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// Bytes of a partition that one streamed block of weights may take: large enough that rows run near the roof, small enough that several are in flight.
constexpr int64_t kBlockBytes = 16384;
/// The share of SBUF beside the blocks, for result tiles and temporaries of the epilogue: one part in so many.
constexpr int64_t kOtherShare = 14;
/// Sizes tried for one loop; each is a multiple of what one instruction takes.
constexpr int64_t kMultiples = 64;

/// One way to cut an operand, with what it costs.
struct Candidate {
  std::vector<std::pair<int, int64_t>> cuts; ///< loops and steps, outermost first
  int64_t blocks = 1;
  int64_t bytes = 0;   ///< of a partition of one block
  int64_t staging = 0; ///< bytes of a partition on the way to it
  int64_t load = 0;    ///< picoseconds of DMA for one block
  int64_t pe = 0;      ///< picoseconds of transposes for one block
};

} // namespace

std::vector<Emitter::Block> Emitter::planBlocks(int n) const {
  const Node &node = program.nodes[n];
  ContractionLoops roles = classify(program, node);
  int stationary = chosen[n].stationary;
  const Layout &out = requirements[n].output;
  MovementCost movement(program, chip);
  auto constant = [&](int i) {
    StorageKind kind = program.storages[node.inputs[i].storage].kind;
    return kind == StorageKind::Parameter || kind == StorageKind::Dense;
  };
  std::vector<int> absent;
  for (int i : {stationary, 1 - stationary})
    if ((constant(i) || streamed[node.inputs[i].storage]) && !find(node.inputs[i].storage, requirements[n].inputs[i]))
      absent.push_back(i);
  auto columnsOf = [&](int i) -> const std::vector<int> & { return i == 0 ? roles.a : roles.b; };
  // What one instruction takes of a loop of columns.
  auto unitOf = [&](int i, int loop) -> int64_t {
    if (i != stationary)
      return std::min<int64_t>(chip.pe.movingLimit, node.loops[loop].size);
    return !out.part.empty() && out.part[0].atom == node.output.atomOfLoop(loop) ? out.step : 1;
  };
  if (absent.size() == 1 && constant(absent[0])) {
    // The usual case, weights beside a resident activation: blocks of a fixed size that can be prefetched across operators.
    int i = absent[0], storage = node.inputs[i].storage;
    const Layout &layout = requirements[n].inputs[i];
    const std::vector<int> &columns = columnsOf(i);
    int64_t total = movement.elements(storage),
            bytes = total / std::max<int64_t>(1, std::min(layout.rows(), total)) * tile::elementBytes(program.storages[storage].element);
    if (columns.empty() || bytes <= kBlockBytes)
      return {{i, {}}};
    int64_t size = node.loops[columns[0]].size, unit = unitOf(i, columns[0]), perUnit = std::max<int64_t>(1, bytes * unit / size);
    // Blocks of one size, as even as units allow: the last one is padded to it.
    int64_t units = ceilDiv(size, unit), count = ceilDiv(units, std::max<int64_t>(1, kBlockBytes / perUnit));
    int64_t block = std::min(size, unit * ceilDiv(units, count));
    return {{i, block < size ? std::vector<std::pair<int, int64_t>>{{columns[0], block}} : std::vector<std::pair<int, int64_t>>{}}};
  }
  // Every way to cut an operand: outer loops of columns one by one, one loop in multiples of a unit, inner loops whole.
  auto candidates = [&](int i) {
    std::vector<Candidate> list;
    int storage = node.inputs[i].storage;
    const Layout &layout = requirements[n].inputs[i];
    Layout arrival = constant(i) ? layout : movement.arrival(storage, layout).layout;
    std::vector<int> columns = columnsOf(i);
    auto add = [&](std::vector<std::pair<int, int64_t>> cuts) {
      Candidate candidate;
      std::map<AtomId, int64_t> extent;
      for (auto [loop, size] : cuts) {
        candidate.blocks *= ceilDiv(node.loops[loop].size, size);
        if (AtomId atom = node.inputs[i].atomOfLoop(loop); atom >= 0)
          extent[atom] = size;
      }
      for (int loop : roles.batch)
        if (AtomId atom = node.inputs[i].atomOfLoop(loop); atom >= 0)
          extent[atom] = 1;
      candidate.cuts = std::move(cuts);
      candidate.bytes = movement.bytesPerPartition(storage, layout, extent);
      if (constant(i)) {
        candidate.load = candidate.bytes * layout.rows() * 1000000 / (chip.moverMegabytesPerSecond * chip.dmaMovers);
      } else {
        candidate.load = movement.transfer(storage, arrival, extent);
        if (!(arrival == layout)) {
          candidate.pe = movement.transposes(storage, arrival, layout, extent);
          std::map<AtomId, int64_t> chunk = extent;
          chunk[arrival.part[0].atom] = arrival.step;
          candidate.staging = movement.bytesPerPartition(storage, arrival, chunk);
        }
      }
      list.push_back(std::move(candidate));
    };
    if (columns.empty())
      add({});
    std::vector<std::pair<int, int64_t>> outer;
    for (int loop : columns) {
      int64_t size = node.loops[loop].size, unit = std::min(size, unitOf(i, loop));
      for (int64_t k = 1; k <= kMultiples && k * unit <= size; ++k) {
        auto cuts = outer;
        cuts.push_back({loop, k * unit});
        add(cuts);
      }
      outer.push_back({loop, constant(i) ? size : 1}); // constants are packed in blocks of one loop
    }
    return list;
  };
  int64_t room = chip.sbufUsableBytes() - chip.sbufUsableBytes() / kOtherShare;
  for (auto [key, layout] : residentOperands(Group{{n}, {}, {}}))
    room -= bytesPerPartition(key.first, *layout);
  int64_t products = 1;
  for (const LoopAtom &loop : node.loops)
    products *= loop.size;
  auto type = tile::dtypeOf(program.storages[node.inputs[0].storage].element);
  double passes = type && chip.pe.types.count(*type) ? chip.pe.types.at(*type).passes : 1;
  auto pe = static_cast<int64_t>(products * passes / (static_cast<double>(chip.pe.rows) * chip.pe.columns) * 1000000 / chip.pe.clockMhz);
  std::vector<Block> best;
  int64_t least = INT64_MAX, smallest = INT64_MAX;
  // Two copies of a block: one in use, one on the way. If nothing fits, the smallest blocks are taken and the planner of SBUF has the last word.
  auto consider = [&](int64_t bytes, int64_t cost, std::vector<Block> blocks) {
    bool fits = bytes <= room, bestFits = smallest <= room;
    if (fits ? bestFits && cost >= least : bestFits || bytes >= smallest)
      return;
    least = cost;
    smallest = bytes;
    best = std::move(blocks);
  };
  if (absent.size() == 1) {
    for (const Candidate &c : candidates(absent[0]))
      consider(2 * (c.bytes + c.staging), std::max(c.blocks * c.load, pe + c.blocks * c.pe) + c.load, {{absent[0], c.cuts}});
    return best;
  }
  if (absent.size() < 2)
    return best;
  std::vector<std::vector<Candidate>> all = {candidates(absent[0]), candidates(absent[1])};
  for (int o : {0, 1})
    for (const Candidate &outer : all[o])
      for (const Candidate &inner : all[1 - o]) {
        int64_t inners = outer.blocks * inner.blocks;
        int64_t cost = std::max(outer.blocks * outer.load + inners * inner.load, pe + outer.blocks * outer.pe + inners * inner.pe) + outer.load + inner.load;
        consider(2 * (outer.bytes + outer.staging + inner.bytes + inner.staging), cost, {{absent[o], outer.cuts}, {absent[1 - o], inner.cuts}});
      }
  return best;
}

} // namespace manaslu::tiling
