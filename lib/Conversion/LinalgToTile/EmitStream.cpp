// Values too large for SBUF stay in device memory: windows of them are loaded where they are read and stored where they are computed.
#include "lib/Conversion/LinalgToTile/Emitter.h"
#include "lib/Conversion/LinalgToTile/Stores.h"

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// The share of SBUF that is left to windows and temporaries when a group's operands are counted: one part in so many.
constexpr int64_t kWindowShare = 6;

} // namespace

int64_t Emitter::bytesPerPartition(int storage, const Layout &layout) const { return movement.bytesPerPartition(storage, layout); }

bool Emitter::mayStream(int storage) const {
  const Storage &data = program.storages[storage];
  if (llvm::any_of(data.writers, [&](int writer) { return program.nodes[writer].loads; }))
    return false; // it is a copy of what lies in device memory
  // A state that is written is read as it was before: its windows would see the new values.
  return data.kind != StorageKind::State ||
         llvm::none_of(program.nodes, [&](const Node &node) { return node.kind == NodeKind::StateWrite && node.name == data.name; });
}

std::map<std::pair<int, size_t>, const Layout *> Emitter::residentOperands(const Group &group) const {
  std::map<std::pair<int, size_t>, const Layout *> operands;
  std::vector<std::vector<const Layout *>> seen(program.storages.size());
  auto add = [&](int storage, const Layout &layout) {
    if (storage < 0 || streamed[storage] || (!group.local.empty() && group.local[storage]))
      return;
    if (llvm::any_of(seen[storage], [&](const Layout *other) { return *other == layout; }))
      return;
    operands[{storage, seen[storage].size()}] = &layout;
    seen[storage].push_back(&layout);
  };
  for (int n : group.nodes)
    for (int member : {n, epilogues.epilogueOf[n]}) {
      if (member < 0 || requirements[member].inputs.empty())
        continue;
      const Node &node = program.nodes[member];
      int product = epilogues.contractionOf[member];
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const Storage &data = program.storages[node.inputs[i].storage];
        bool constant = data.kind == StorageKind::Parameter || data.kind == StorageKind::Dense;
        if (node.loads || (node.kind == NodeKind::Gather && i == 0) || (node.kind == NodeKind::Contraction && constant) ||
            (product >= 0 && node.inputs[i].storage == program.nodes[product].output.storage))
          continue;
        add(node.inputs[i].storage, requirements[member].inputs[i]);
      }
      if (member != n || epilogues.epilogueOf[n] < 0)
        add(node.output.storage, requirements[member].output);
    }
  return operands;
}

void Emitter::chooseStreamed(const std::vector<Group> &groups) {
  streamed.assign(program.storages.size(), 0);
  for (size_t s = 0; s < program.storages.size(); ++s)
    if (const auto &writers = program.storages[s].writers; writers.size() == 1)
      streamed[s] = leavesByTiles(program, movement, epilogues, s, requirements[writers[0]].output);
  int64_t room = chip.sbufUsableBytes() - chip.sbufUsableBytes() / kWindowShare;
  for (const Group &group : groups) {
    while (true) {
      int64_t bytes = 0, most = 0;
      int largest = -1;
      for (auto [key, layout] : residentOperands(group)) {
        int64_t own = bytesPerPartition(key.first, *layout);
        bytes += own;
        if (own > most && mayStream(key.first))
          most = own, largest = key.first;
      }
      const Node &first = program.nodes[group.nodes.front()];
      if ((first.kind == NodeKind::Output || first.kind == NodeKind::Materialize) && !streamed[first.inputs[0].storage] && mayStream(first.inputs[0].storage)) {
        int storage = first.inputs[0].storage;
        std::vector<PartitionEntry> part;
        for (AtomId atom : program.storages[storage].atoms)
          part.push_back({atom, program.atoms[atom].size});
        bytes = bytesPerPartition(storage, makeLayout(program, storage, part, chip.partitions));
        largest = storage;
      }
      if (bytes <= room || largest < 0)
        break;
      streamed[largest] = true;
    }
  }
  for (size_t s = 0; s < program.storages.size(); ++s) {
    const Storage &data = program.storages[s];
    if (!streamed[s] || regions[s])
      continue;
    loc = data.loc;
    int64_t row = 0;
    if (data.kind != StorageKind::Computed)
      regions[s] = constantRegion(data, nullptr, {}, row);
    else if (llvm::any_of(data.readers, [&](int reader) { return !storesDirectly(program, program.nodes[reader]); }))
      regions[s] = scratchRegion(movement.elements(s), data.element);
  }
}

Value Emitter::scratchRegion(int64_t elements, Type element) {
  auto type = tile::BufferType::get(builder.getContext(), tile::Space::Device, 1, elements, element);
  std::string name = "scratch" + std::to_string(scratchRegions++);
  // Regions belong to the whole program, also where a loop asks for one.
  OpBuilder::InsertionGuard guard(builder);
  mlir::Operation *function = builder.getInsertionBlock()->getParentOp();
  while (!isa<func::FuncOp>(function))
    function = function->getParentOp();
  builder.setInsertionPointToStart(&cast<func::FuncOp>(function).getBody().front());
  return tile::RegionOp::create(builder, loc, type, builder.getStringAttr(name), tile::RegionKind::Scratch, builder.getDenseI64ArrayAttr({elements}),
                                StringAttr(), ArrayAttr());
}

void Emitter::copyWithinDevice(const Node &node, const Access *to, Value region) {
  loc = node.loc;
  const Access &access = node.inputs[0];
  if (!regions[access.storage]) {
    int64_t row = 0;
    regions[access.storage] = constantRegion(program.storages[access.storage], nullptr, {}, row);
  }
  std::vector<Axis> from, into;
  // Where an access to a row-major storage begins, and how far each loop moves in it.
  auto walk = [&](const Access &access, std::vector<Axis> &axes) {
    std::map<AtomId, int64_t> strides = rowMajorStrides(program, access.storage);
    int64_t base = 0;
    for (const LoopAtom &loop : node.loops)
      axes.push_back({loop.size, 0});
    for (const AtomIndex &index : access.atoms) {
      base += index.start * strides[index.atom];
      for (auto [loop, coefficient] : index.loops)
        axes[loop].stride += coefficient * strides[index.atom];
    }
    return base;
  };
  int64_t base = walk(access, from), target = 0;
  if (to) {
    target = walk(*to, into);
  } else {
    int64_t stride = 1;
    for (size_t loop = node.loops.size(); loop-- > 0; stride *= node.loops[loop].size)
      into.insert(into.begin(), {node.loops[loop].size, stride});
  }
  // Dimensions that follow each other on both sides are one.
  for (size_t i = from.size(); i-- > 1;)
    if (from[i - 1].stride == from[i].stride * from[i].size && into[i - 1].stride == into[i].stride * into[i].size) {
      from[i - 1] = {from[i - 1].size * from[i].size, from[i].stride};
      into[i - 1] = {into[i - 1].size * into[i].size, into[i].stride};
      from.erase(from.begin() + i);
      into.erase(into.begin() + i);
    }
  auto ref = [&](Value region, const std::vector<Axis> &axes, int64_t offset) {
    TileRef out;
    out.buffer = region;
    out.space = tile::Space::Device;
    out.element = cast<tile::BufferType>(region.getType()).getElementType();
    out.axes = axes;
    out.offset.constant = offset;
    return out;
  };
  std::function<void(TileRef, TileRef)> emit = [&](TileRef src, TileRef dst) {
    if (src.axes.size() <= 5) {
      Value dstView = view(dst, 5, /*merge=*/false), srcView = view(src, 5, /*merge=*/false);
      tile::CopyDeviceOp::create(builder, loc, dstView, srcView);
      return;
    }
    Axis outerSrc = src.axes.front(), outerDst = dst.axes.front();
    src.axes.erase(src.axes.begin());
    dst.axes.erase(dst.axes.begin());
    forRange({{}, outerSrc.size}, 1, [&](const Range &one) {
      TileRef innerSrc = src, innerDst = dst;
      innerSrc.offset = src.offset + one.start * outerSrc.stride;
      innerDst.offset = dst.offset + one.start * outerDst.stride;
      emit(innerSrc, innerDst);
    });
  };
  if (from.empty())
    from = into = {{1, 1}};
  emit(ref(regions[access.storage], from, base), ref(region, into, target));
}

} // namespace manaslu::tiling
