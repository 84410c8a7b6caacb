// Folds small integer and bool operations with the host evaluator.
#include "dialects/Graph/Folders.h"

#include "dialects/Graph/Evaluate.h"

using namespace mlir;

namespace manaslu::graph {

namespace {

constexpr int64_t kFoldLimit = 64; ///< elements

} // namespace

LogicalResult FoldSmallIntegers::fold(Operation *op, ArrayRef<Attribute> operands, SmallVectorImpl<OpFoldResult> &results) const {
  // An iota costs no memory, and a comparison of two of them is how a causal mask is recognised: neither becomes a constant here.
  if (op->getNumResults() != 1 || op->getNumOperands() == 0)
    return failure();
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !isa<IntegerType>(type.getElementType()) || type.getNumElements() > kFoldLimit)
    return failure();
  SmallVector<Array> arrays;
  for (Attribute operand : operands) {
    auto elements = dyn_cast_or_null<DenseElementsAttr>(operand);
    if (!elements || elements.getNumElements() > kFoldLimit)
      return failure();
    arrays.push_back(fromAttribute(elements));
  }
  std::optional<Array> out = evaluate(op, arrays);
  if (!out)
    return failure();
  results.push_back(toAttribute(*out));
  return success();
}

} // namespace manaslu::graph
