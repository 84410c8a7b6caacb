// Elementwise nodes that cost their readers nothing are computed there: no pass over the chip's memory of their own.
#include "lib/Conversion/LinalgToTile/Inline.h"

#include "dialects/Tile/TileDialect.h"

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// An input of `producer` as the reader of its result sees it through `read`; nothing where a coordinate is no sum of loops.
std::optional<Access> compose(const Node &producer, const Access &input, const Access &read) {
  Access out;
  out.storage = input.storage;
  for (const AtomIndex &index : input.atoms) {
    AtomIndex composed{index.atom, index.start, {}};
    for (auto [loop, coefficient] : index.loops) {
      AtomId atom = producer.output.atomOfLoop(loop);
      const AtomIndex *seen = atom < 0 ? nullptr : read.find(atom);
      if (!seen)
        return std::nullopt;
      composed.start += coefficient * (seen->start - producer.output.find(atom)->start);
      for (auto [own, factor] : seen->loops)
        composed.loops.push_back({own, coefficient * factor});
    }
    out.atoms.push_back(std::move(composed));
  }
  return out;
}

/// Replaces input `i` of a reader by the producer's body. Returns false, and changes nothing, where an access cannot be composed.
bool inlineInto(Node &reader, size_t i, const Node &producer) {
  std::vector<Access> inputs;
  for (const Access &input : producer.inputs) {
    std::optional<Access> composed = compose(producer, input, reader.inputs[i]);
    if (!composed)
      return false;
    inputs.push_back(std::move(*composed));
  }
  int first = static_cast<int>(reader.inputs.size());
  Expression body;
  for (ScalarOp op : producer.body) {
    if (op.kind == ScalarOp::Input)
      op.input += first;
    body.push_back(std::move(op));
  }
  int root = static_cast<int>(body.size()) - 1, shift = static_cast<int>(body.size());
  std::vector<int> moved;
  for (ScalarOp op : reader.body) {
    moved.push_back(op.kind == ScalarOp::Input && op.input == static_cast<int>(i) ? root : static_cast<int>(moved.size()) + shift);
    for (int &arg : op.args)
      arg = moved[arg];
    body.push_back(std::move(op));
  }
  reader.inputs.insert(reader.inputs.end(), inputs.begin(), inputs.end());
  reader.body = prune(body, moved.back());
  reader.inputs.erase(reader.inputs.begin() + i);
  for (ScalarOp &op : reader.body)
    if (op.kind == ScalarOp::Input && op.input > static_cast<int>(i))
      --op.input;
  return true;
}

bool computes(const Node &node) { return node.kind == NodeKind::Elementwise || node.kind == NodeKind::Reduction; }

bool readsAlong(const Access &access, int loop) {
  return llvm::any_of(access.atoms, [&](const AtomIndex &index) { return llvm::any_of(index.loops, [&](auto &entry) { return entry.first == loop; }); });
}

/// Engines widen what they read.
bool widens(const TensorProgram &program, const Node &node) {
  Type from = program.storages[node.inputs[0].storage].element, to = program.storages[node.output.storage].element;
  return node.body.size() == 1 && node.body[0].kind == ScalarOp::Input && isa<FloatType>(from) && to.isF32() && !from.isF32();
}

/// x op row, where one reader reduces over the loops along which `row` is one number: an operand of each partition for both readers.
bool shiftsRows(const TensorProgram &program, const Node &node) {
  if (node.inputs.size() != 2 || node.body.size() != 3 || node.body[2].kind != ScalarOp::Binary || !program.storages[node.output.storage].element.isF32() ||
      (node.body[2].name != "add" && node.body[2].name != "sub" && node.body[2].name != "mul") || node.body[0].kind != ScalarOp::Input ||
      node.body[1].kind != ScalarOp::Input || program.storages[node.output.storage].readers.size() > 2)
    return false;
  for (int r : program.storages[node.output.storage].readers) {
    const Node &reader = program.nodes[r];
    if (reader.kind != NodeKind::Reduction)
      continue;
    for (const Access &input : reader.inputs)
      if (input.storage == node.output.storage)
        for (int row : {0, 1})
          if (llvm::all_of(input.atoms, [&](const AtomIndex &index) {
                AtomId atom = index.atom;
                bool reduced = index.loops.size() == 1 && reader.loops[index.loops[0].first].reduction;
                const AtomIndex *made = node.output.find(atom);
                return made && made->loops.size() == 1 && readsAlong(node.inputs[row], made->loops[0].first) != reduced;
              }))
            return true;
  }
  return false;
}

/// The argument of one function of se, which takes it from wherever it is: bias, scale and all.
bool feedsFunction(const TensorProgram &program, const Node &node) {
  const Storage &storage = program.storages[node.output.storage];
  if (storage.readers.size() != 1 || !isa<FloatType>(storage.element))
    return false;
  const Node &reader = program.nodes[storage.readers[0]];
  int64_t made = 1, read = 1;
  for (const LoopAtom &loop : node.loops)
    made *= loop.size;
  for (const LoopAtom &loop : reader.loops)
    read *= loop.size;
  if (reader.kind != NodeKind::Elementwise || made != read)
    return false;
  int uses = 0, functions = 0;
  for (const ScalarOp &op : reader.body)
    for (int arg : op.args)
      if (const ScalarOp &from = reader.body[arg]; from.kind == ScalarOp::Input && reader.inputs[from.input].storage == node.output.storage)
        ++uses, functions += op.kind == ScalarOp::Unary && op.name != "neg" && op.name != "reciprocal";
  return uses == 1 && functions == 1;
}

} // namespace

void inlineCheapNodes(TensorProgram &program) {
  for (size_t n = 0; n < program.nodes.size(); ++n) {
    Node &node = program.nodes[n];
    if (node.kind != NodeKind::Elementwise || node.inputs.empty() || program.storages[node.output.storage].writers.size() != 1)
      continue;
    bool everyAtom = llvm::all_of(program.storages[node.output.storage].atoms, [&](AtomId atom) {
      const AtomIndex *index = node.output.find(atom);
      return index && index->start == 0 && index->loops.size() == 1 && index->loops[0].second == 1;
    });
    // What a producer reads may be written again (a state) before its reader runs; computed storages are not.
    bool stable = llvm::all_of(node.inputs, [&](const Access &input) { return program.storages[input.storage].kind != StorageKind::State; });
    if (!everyAtom || !stable || !(widens(program, node) || shiftsRows(program, node) || feedsFunction(program, node)))
      continue;
    std::vector<int> readers = program.storages[node.output.storage].readers, left;
    for (int r : readers) {
      Node &reader = program.nodes[r];
      bool gone = computes(reader);
      while (gone) {
        size_t i = llvm::find_if(reader.inputs, [&](const Access &input) { return input.storage == node.output.storage; }) - reader.inputs.begin();
        if (i == reader.inputs.size())
          break;
        gone = inlineInto(reader, i, node);
      }
      if (!gone)
        left.push_back(r);
      for (const Access &input : reader.inputs)
        if (auto &list = program.storages[input.storage].readers; !llvm::is_contained(list, r)) {
          list.push_back(r);
          llvm::sort(list);
        }
    }
    program.storages[node.output.storage].readers = left;
    if (!left.empty())
      continue;
    node.kind = NodeKind::Removed;
    program.storages[node.output.storage].writers.clear();
    for (const Access &input : node.inputs)
      std::erase(program.storages[input.storage].readers, static_cast<int>(n));
  }
}

} // namespace manaslu::tiling
