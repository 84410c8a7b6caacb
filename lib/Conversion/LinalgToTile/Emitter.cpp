// The order of emission: device regions, then groups of nodes in program order.
#include "lib/Conversion/LinalgToTile/Emitter.h"

using namespace mlir;

namespace manaslu::tiling {

Emitter::Emitter(const TensorProgram &program, const Chip &chip, const std::vector<Choice> &choices, OpBuilder &builder)
    : program(program), chip(chip), chosen(choices), movement(program, chip), epilogues(findEpilogues(program)), builder(builder),
      loc(builder.getUnknownLoc()) {
  for (size_t n = 0; n < program.nodes.size(); ++n)
    requirements.push_back(program.nodes[n].kind == NodeKind::Removed || !program.isResident(program.nodes[n].output.storage)
                               ? Requirement{}
                               : require(program, program.nodes[n], chosen[n], chip.partitions));
  versions.resize(program.storages.size());
  regions.resize(program.storages.size());
}

LogicalResult Emitter::emit() {
  auto region = [&](StringRef name, tile::RegionKind kind, ArrayRef<int64_t> shape, const Storage &storage, Location where) -> Value {
    int64_t elements = 1;
    for (int64_t size : shape)
      elements *= size;
    auto type = tile::BufferType::get(builder.getContext(), tile::Space::Device, 1, elements, storage.element);
    return tile::RegionOp::create(builder, where, type, builder.getStringAttr(name), kind, builder.getDenseI64ArrayAttr(shape), StringAttr(), ArrayAttr(),
                                  storage.propagates);
  };
  std::map<std::string, Value> inputs, states;
  for (size_t s = 0; s < program.storages.size(); ++s) {
    const Storage &storage = program.storages[s];
    if (storage.kind == StorageKind::Input) { // a cast input comes after the input itself and loads from the same region
      Value &input = inputs[storage.name];
      if (!input)
        input = region(storage.name, tile::RegionKind::Input, storage.shape, storage, storage.loc);
      regions[s] = input;
    } else if (storage.kind == StorageKind::State) {
      Value &state = states[storage.name];
      if (!state)
        state = region(storage.name, tile::RegionKind::State, storage.shape, storage, storage.loc);
      regions[s] = state;
    } else if (storage.kind == StorageKind::Scratch) {
      regions[s] = region("scratch" + std::to_string(scratchRegions++), tile::RegionKind::Scratch, storage.shape, storage, storage.loc);
    }
  }
  for (const Node &node : program.nodes) {
    if (node.kind != NodeKind::Output && node.kind != NodeKind::StateWrite)
      continue;
    if (node.kind == NodeKind::Output) {
      outputRegions[node.name] = region(node.name, tile::RegionKind::Output, node.shape, program.storages[node.inputs[0].storage], node.loc);
    } else {
      Value &state = states[node.name];
      if (!state)
        state = region(node.name, tile::RegionKind::State, node.shape, program.storages[node.inputs[0].storage], node.loc);
      outputRegions[node.name] = state;
    }
  }
  std::vector<Group> groups = formGroups();
  chooseStreamed(groups);
  for (const Group &group : groups) {
    if (failed)
      break;
    const Node &node = program.nodes[group.nodes.front()];
    if (node.kind == NodeKind::Output || node.kind == NodeKind::StateWrite || node.kind == NodeKind::Materialize) {
      emitOutput(node);
      continue;
    }
    if (node.kind == NodeKind::Gather) {
      ensureTarget(group.nodes.front());
      emitGather(group.nodes.front());
      continue;
    }
    emitGroup(group);
  }
  return success(!failed);
}

} // namespace manaslu::tiling
