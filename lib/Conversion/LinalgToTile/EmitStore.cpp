// Stores of results: whole ones when they are there, others window by window.
#include "lib/Conversion/LinalgToTile/Emitter.h"
#include "lib/Conversion/LinalgToTile/Stores.h"

using namespace mlir;

namespace manaslu::tiling {

void Emitter::storeWindow(const Node &node, const Placed &window, const std::vector<Range> &ranges) {
  int storage = node.output.storage;
  if (regions[storage])
    transfer(window, node, node.output, regions[storage], /*store=*/true, ranges, &node.output);
  for (int reader : program.storages[storage].readers)
    if (const Node &sink = program.nodes[reader]; storesDirectly(program, sink))
      transfer(window, sink, sink.inputs[0], outputRegions.at(sink.name), /*store=*/true, mapRanges(node, node.output, sink, sink.inputs[0], ranges));
}

/// A version of what the node stores whose partitions hold dimensions that are stored whole: no operand can begin at any partition.
const Placed &Emitter::storable(const Node &node) {
  const Access &access = node.inputs[0];
  auto whole = [&](AtomId atom) { return wholeLoop(program, node, access, atom).has_value(); };
  for (const Placed &version : versions[access.storage])
    if (llvm::all_of(version.layout.part, [&](const PartitionEntry &entry) { return entry.atom < 0 || whole(entry.atom); }))
      return version;
  std::vector<PartitionEntry> part;
  for (AtomId atom : program.storages[access.storage].atoms)
    if (part.empty() && whole(atom))
      part.push_back({atom, program.atoms[atom].size});
  return provide(access.storage, makeLayout(program, access.storage, part, chip.partitions), node.loc);
}

/// From the version that costs least; where its rows are short, chunks of others are transposed and stored.
void Emitter::storeResident(const Node &node, Value region) {
  int storage = node.inputs[0].storage;
  const Storage &data = program.storages[storage];
  auto order = storedOrder(program, node);
  if (!order)
    return transfer(Placed(storable(node)), node, node.inputs[0], region, /*store=*/true, wholeRanges(node));
  if (versions[storage].empty()) // an input that is a result as well
    storable(node);
  auto cost = [&](const Placed &version) { return movement.departure(storage, version.layout, *order).cost; };
  Placed held = *llvm::min_element(versions[storage], [&](const Placed &a, const Placed &b) { return cost(a) < cost(b); });
  Layout leaving = movement.departure(storage, held.layout, *order).layout;
  if (leaving == held.layout)
    return transfer(held, node, node.inputs[0], region, /*store=*/true, wholeRanges(node));
  loc = data.loc;
  Node whole = identityNode(storage);
  std::vector<Range> ranges = wholeRanges(whole);
  int rows = llvm::find(data.atoms, leaving.part[0].atom) - data.atoms.begin();
  forRange(ranges[rows], leaving.step, [&](const Range &chunk) {
    std::vector<Range> inner = ranges;
    inner[rows] = chunk;
    Placed part = allocate(storage, leaving, tile::Space::Sbuf, held.element, windowOf(whole, whole.output, inner));
    transposeInto(held, part, inner);
    transfer(part, node, node.inputs[0], region, /*store=*/true, mapRanges(whole, whole.output, node, node.inputs[0], inner));
  });
}

void Emitter::emitOutput(const Node &node) {
  loc = node.loc;
  Value region = node.kind == NodeKind::Materialize ? regions[node.output.storage] : outputRegions.at(node.name);
  if (!streamed[node.inputs[0].storage])
    storeResident(node, region);
  else if (!storesDirectly(program, node))
    copyWithinDevice(node, nullptr, region);
}

} // namespace manaslu::tiling
