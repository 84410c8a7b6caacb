// Small rewrites on the tensor program before layouts are chosen.
#include "lib/Conversion/LinalgToTile/Inline.h"
#include "lib/Conversion/LinalgToTile/Layout.h"

#include <cmath>
#include <mlir/IR/Builders.h>

using namespace mlir;

namespace manaslu::tiling {

bool walksRowMajor(const TensorProgram &program, const Node &node, const Access &access) {
  const auto &atoms = program.storages[access.storage].atoms;
  if (access.atoms.size() != atoms.size() || node.loops.size() != atoms.size())
    return false;
  for (size_t i = 0; i < atoms.size(); ++i) {
    const AtomIndex *index = access.find(atoms[i]);
    if (!index || index->start != 0 || index->loops.size() != 1 || index->loops[0] != std::make_pair(static_cast<int>(i), int64_t{1}))
      return false;
  }
  return true;
}

namespace {

/// A cast of a parameter or an input is that storage in another type: the packer or the load narrows it.
void foldConstantCasts(TensorProgram &program) {
  for (size_t n = 0; n < program.nodes.size(); ++n) {
    Node &node = program.nodes[n];
    if (node.kind != NodeKind::Elementwise || node.body.size() != 1 || node.body[0].kind != ScalarOp::Input)
      continue;
    Storage &from = program.storages[node.inputs[0].storage], &to = program.storages[node.output.storage];
    if ((from.kind != StorageKind::Parameter && from.kind != StorageKind::Dense && from.kind != StorageKind::Input) || to.writers.size() != 1 ||
        !walksRowMajor(program, node, node.inputs[0]) || !walksRowMajor(program, node, node.output))
      continue;
    to.kind = from.kind;
    to.name = from.name;
    to.dense = from.dense;
    to.writers.clear();
    std::erase(from.readers, static_cast<int>(n));
    node.kind = NodeKind::Removed;
  }
}

double evaluate(const Expression &body, int i, const std::vector<int64_t> &point) {
  const ScalarOp &op = body[i];
  auto arg = [&](int k) { return evaluate(body, op.args[k], point); };
  switch (op.kind) {
  case ScalarOp::Constant: return op.value;
  case ScalarOp::LoopIndex: return point[op.input];
  case ScalarOp::Select: return arg(0) != 0 ? arg(1) : arg(2);
  case ScalarOp::Unary: return foldUnary(op, arg(0)).value_or(NAN);
  default: break;
  }
  return foldBinary(op, arg(0), arg(1));
}

/// A constant in f32 or, where f32 does not hold all of its integers, in i32.
ElementsAttr denseOf(ArrayRef<int64_t> shape, ArrayRef<double> values, MLIRContext *context) {
  bool exact = llvm::all_of(values, [](double value) { return std::isnan(value) || static_cast<float>(value) == value; });
  bool integers = llvm::all_of(values, [](double value) { return value == std::floor(value) && std::abs(value) <= INT32_MAX; });
  Builder builder(context);
  if (exact || !integers) {
    std::vector<float> floats(values.begin(), values.end());
    return DenseElementsAttr::get(RankedTensorType::get(shape, builder.getF32Type()), ArrayRef<float>(floats));
  }
  std::vector<int32_t> wide(values.begin(), values.end());
  return DenseElementsAttr::get(RankedTensorType::get(shape, builder.getI32Type()), ArrayRef<int32_t>(wide));
}

/// Subtrees over loop indices alone (causal masks, position numbers) become constants in device memory.
void materializeIndices(TensorProgram &program, MLIRContext *context) {
  std::map<std::pair<std::vector<int64_t>, std::vector<double>>, int> made; // the layers of a model share one mask
  for (size_t n = 0; n < program.nodes.size(); ++n) {
    std::vector<char> indexed(program.nodes[n].body.size(), 0), pure(indexed);
    auto &body = program.nodes[n].body;
    for (size_t i = 0; i < body.size(); ++i) {
      indexed[i] = body[i].kind == ScalarOp::LoopIndex;
      // Other functions are the chip's: they run there, on the constant argument.
      pure[i] = body[i].kind != ScalarOp::Input && (body[i].kind != ScalarOp::Unary || foldUnary(body[i], 1));
      for (int arg : body[i].args) {
        indexed[i] |= indexed[arg];
        pure[i] = pure[i] && pure[arg];
      }
    }
    for (size_t i = 0; i < body.size(); ++i) {
      bool root = indexed[i] && pure[i];
      for (size_t user = i + 1; root && user < body.size(); ++user)
        if (indexed[user] && pure[user] && llvm::is_contained(body[user].args, static_cast<int>(i)))
          root = false; // its user is evaluated as a whole
      if (!root)
        continue;
      std::vector<int> stack = {static_cast<int>(i)}, dims;
      while (!stack.empty()) {
        const ScalarOp &op = body[stack.back()];
        stack.pop_back();
        if (op.kind == ScalarOp::LoopIndex && !llvm::is_contained(dims, op.input))
          dims.push_back(op.input);
        stack.insert(stack.end(), op.args.begin(), op.args.end());
      }
      std::sort(dims.begin(), dims.end());
      std::vector<int> loops;
      std::vector<int64_t> shape;
      int64_t total = 1;
      for (int loop = 0; loop < static_cast<int>(program.nodes[n].loops.size()); ++loop)
        if (llvm::is_contained(dims, program.nodes[n].loops[loop].dim)) {
          loops.push_back(loop);
          shape.push_back(program.nodes[n].loops[loop].size);
          total *= shape.back();
        }
      int dimensions = 0;
      for (const LoopAtom &loop : program.nodes[n].loops)
        dimensions = std::max(dimensions, loop.dim + 1);
      for (int dim : dims)
        dimensions = std::max(dimensions, dim + 1);
      std::vector<double> values(total);
      for (int64_t flat = 0; flat < total; ++flat) {
        std::vector<int64_t> point(dimensions, 0);
        int64_t rest = flat;
        for (size_t k = loops.size(); k-- > 0;) {
          const LoopAtom &loop = program.nodes[n].loops[loops[k]];
          point[loop.dim] += rest % loop.size * loop.stride;
          rest /= loop.size;
        }
        values[flat] = evaluate(body, i, point);
      }
      auto [entry, fresh] = made.insert({{shape, values}, static_cast<int>(program.storages.size())});
      if (fresh) {
        Storage storage(program.nodes[n].loc);
        storage.kind = StorageKind::Dense;
        storage.shape = shape;
        storage.dense = denseOf(shape, values, context);
        storage.element = storage.dense.getElementType();
        for (int64_t size : shape) {
          program.atoms.push_back({size, entry->second, -1, -1});
          storage.atoms.push_back(program.atoms.size() - 1);
        }
        program.storages.push_back(std::move(storage));
      }
      Storage &storage = program.storages[entry->second];
      Access access;
      access.storage = entry->second;
      for (size_t k = 0; k < loops.size(); ++k)
        access.atoms.push_back({storage.atoms[k], 0, {{loops[k], 1}}});
      if (storage.readers.empty() || storage.readers.back() != static_cast<int>(n))
        storage.readers.push_back(static_cast<int>(n));
      ScalarOp input;
      input.input = program.nodes[n].inputs.size();
      program.nodes[n].inputs.push_back(access);
      body[i] = input;
    }
    if (!body.empty())
      body = prune(body, body.size() - 1);
  }
}

/// Whether input `input` of the node's body is only ever subtracted.
bool onlySubtracted(const Node &node, int input) {
  for (size_t i = 0; i < node.body.size(); ++i) {
    if (node.body[i].kind != ScalarOp::Input || node.body[i].input != input)
      continue;
    int used = 0;
    for (const ScalarOp &user : node.body)
      for (size_t arg = 0; arg < user.args.size(); ++arg)
        if (user.args[arg] == static_cast<int>(i)) {
          if (user.kind != ScalarOp::Binary || user.integer || user.name != "sub" || arg != 1)
            return false;
          ++used;
        }
    if (!used)
      return false;
  }
  return true;
}

/// x - max becomes x + (-max): ve gives a maximum with its sign turned for nothing.
void negateSubtractedMaxima(TensorProgram &program) {
  for (Node &node : program.nodes) {
    if (node.kind != NodeKind::Reduction || node.integer || (node.combiner != "max" && node.combiner != "min"))
      continue;
    int storage = node.output.storage;
    const Storage &result = program.storages[storage];
    auto fits = [&](int reader) {
      const Node &other = program.nodes[reader];
      if (other.kind != NodeKind::Elementwise)
        return false;
      for (size_t i = 0; i < other.inputs.size(); ++i)
        if (other.inputs[i].storage == storage && !onlySubtracted(other, static_cast<int>(i)))
          return false;
      return true;
    };
    if (result.writers.size() != 1 || result.readers.empty() || !llvm::all_of(result.readers, fits))
      continue;
    node.negated = true;
    for (int reader : result.readers)
      for (ScalarOp &op : program.nodes[reader].body)
        if (op.kind == ScalarOp::Binary && op.name == "sub") {
          const ScalarOp &subtracted = program.nodes[reader].body[op.args[1]];
          if (subtracted.kind == ScalarOp::Input && program.nodes[reader].inputs[subtracted.input].storage == storage)
            op.name = "add";
        }
  }
}

/// The root of the largest subtree that is a function of operation `leaf` and constants alone, each step used once; never the body's own root.
int functionOf(const Expression &body, int leaf) {
  int root = leaf;
  for (;;) {
    int user = -1, used = 0;
    for (size_t i = 0; i < body.size(); ++i)
      for (int arg : body[i].args)
        if (arg == root)
          user = static_cast<int>(i), ++used;
    if (used != 1 || user == static_cast<int>(body.size()) - 1)
      return root;
    const ScalarOp &op = body[user];
    bool function = op.kind == ScalarOp::Unary || (op.kind == ScalarOp::Binary && !op.integer && body[op.args[op.args[0] == root]].kind == ScalarOp::Constant);
    if (!function)
      return root;
    root = user;
  }
}

} // namespace

void finishReductions(TensorProgram &program) {
  for (Node &node : program.nodes) {
    if (node.kind != NodeKind::Reduction || node.negated || node.integer)
      continue;
    int storage = node.output.storage;
    const Storage &result = program.storages[storage];
    if (result.kind != StorageKind::Computed || result.writers.size() != 1 || result.readers.size() != 1 || !result.element.isF32())
      continue;
    Node &reader = program.nodes[result.readers[0]];
    int input = -1, leaf = -1, reads = 0;
    for (size_t i = 0; i < reader.inputs.size(); ++i)
      if (reader.inputs[i].storage == storage)
        input = static_cast<int>(i), ++reads;
    for (size_t i = 0; i < reader.body.size(); ++i)
      if (reader.body[i].kind == ScalarOp::Input && reader.body[i].input == input)
        leaf = leaf < 0 ? static_cast<int>(i) : static_cast<int>(reader.body.size());
    if (reader.kind != NodeKind::Elementwise || reads != 1 || leaf < 0 || leaf >= static_cast<int>(reader.body.size()))
      continue;
    int root = functionOf(reader.body, leaf);
    if (root == leaf)
      continue;
    node.finish = prune(reader.body, root);
    for (ScalarOp &op : node.finish)
      if (op.kind == ScalarOp::Input)
        op.input = 0;
    reader.body[root] = reader.body[leaf];
    reader.body = prune(reader.body, static_cast<int>(reader.body.size()) - 1);
  }
}

void productsToReductions(TensorProgram &program) {
  for (Node &node : program.nodes)
    if (node.kind == NodeKind::Contraction && classify(program, node).k.empty())
      node.kind = NodeKind::Reduction;
}

void simplify(TensorProgram &program, MLIRContext *context) {
  foldConstantCasts(program);
  materializeIndices(program, context);
  negateSubtractedMaxima(program);
  inlineCheapNodes(program);
}

} // namespace manaslu::tiling
