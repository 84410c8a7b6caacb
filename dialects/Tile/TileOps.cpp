// Verifiers of the tile dialect: what makes a view an access pattern, and the shape rules of each engine operation.
#include "dialects/Tile/TileDialect.h"

#include <mlir/IR/Builders.h>

using namespace mlir;
using namespace manaslu::tile;

#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.cpp.inc"

namespace {

int64_t product(ArrayRef<int64_t> sizes) {
  int64_t n = 1;
  for (int64_t size : sizes)
    n *= size;
  return n;
}

/// Elements per partition of an on-chip view.
int64_t freeElements(Value view) { return product(cast<ViewType>(view.getType()).getSizes().drop_front()); }
int64_t partitions(Value view) { return cast<ViewType>(view.getType()).getSizes().front(); }
Space space(Value view) { return cast<ViewType>(view.getType()).getSpace(); }
Type element(Value view) { return cast<ViewType>(view.getType()).getElementType(); }

/// All operands of an elementwise operation have the same partitions and free element count.
LogicalResult verifySameShape(Operation *op, ValueRange views) {
  for (Value view : views) {
    if (space(view) == Space::Device)
      return op->emitOpError("operands of an engine must be in SBUF or PSUM");
    if (partitions(view) != partitions(views.front()) || freeElements(view) != freeElements(views.front()))
      return op->emitOpError("operands differ in shape: ") << view.getType() << " and " << views.front().getType();
  }
  return success();
}

LogicalResult verifyScalar(Operation *op, Value scalar, Value like) {
  if (scalar && (partitions(scalar) != partitions(like) || freeElements(scalar) != 1))
    return op->emitOpError("a per-partition operand must have one element in each of the ") << partitions(like) << " partitions, is " << scalar.getType();
  return success();
}

LogicalResult verifyTransfer(Operation *op, Value dst, Value src) {
  auto count = [](Value view) { return product(cast<ViewType>(view.getType()).getSizes()); };
  if (count(dst) != count(src))
    return op->emitOpError("moves ") << count(src) << " elements into " << count(dst);
  return success();
}

} // namespace

LogicalResult AllocOp::verify() {
  if (getBuffer().getType().getSpace() == Space::Device)
    return emitOpError("allocates SBUF or PSUM only; device memory is a tile.region");
  if (getBuffer().getType().getPartitions() < 1 || getBuffer().getType().getPartitions() > 128 || getBuffer().getType().getElements() < 1)
    return emitOpError("needs 1 to 128 partitions and at least one element");
  return success();
}

LogicalResult RegionOp::verify() {
  if (getBuffer().getType().getSpace() != Space::Device || getBuffer().getType().getPartitions() != 1)
    return emitOpError("must be a device buffer of one run of elements");
  if (getPack() && getKind() != RegionKind::Constant)
    return emitOpError("only constants are packed");
  return success();
}

LogicalResult ViewOp::verify() {
  BufferType buffer = getBuffer().getType();
  ViewType view = getView().getType();
  bool device = buffer.getSpace() == Space::Device;
  ArrayRef<int64_t> sizes = view.getSizes(), strides = getStrides();
  if (view.getSpace() != buffer.getSpace())
    return emitOpError("changes the place");
  if (elementBytes(view.getElementType()) != elementBytes(buffer.getElementType()))
    return emitOpError("changes the element size");
  if (sizes.size() != strides.size() + (device ? 0 : 1))
    return emitOpError("has ") << sizes.size() << " sizes and " << strides.size() << " strides";
  if (strides.size() > (device ? 5u : 4u))
    return emitOpError("has more dimensions than an instruction holds");
  if (getCoefficients().size() != getIndices().size())
    return emitOpError("needs a coefficient for each index");
  if (llvm::any_of(sizes, [](int64_t size) { return size < 1; }))
    return emitOpError("has an empty dimension");
  if (!device && (getPartition() < 0 || getPartition() + sizes.front() > buffer.getPartitions()))
    return emitOpError("takes partitions ") << getPartition() << " to " << getPartition() + sizes.front() << " of " << buffer.getPartitions();
  int64_t low = getOffset(), high = getOffset();
  for (auto [size, stride] : llvm::zip(device ? sizes : sizes.drop_front(), strides))
    (stride < 0 ? low : high) += stride * (size - 1);
  if (getIndices().empty() && (low < 0 || high >= buffer.getElements()))
    return emitOpError("reaches elements ") << low << " to " << high << " of " << buffer.getElements();
  return success();
}

LogicalResult LoadOp::verify() { return verifyTransfer(*this, getDst(), getSrc()); }
LogicalResult StoreOp::verify() { return verifyTransfer(*this, getDst(), getSrc()); }
LogicalResult MoveOp::verify() { return verifyTransfer(*this, getDst(), getSrc()); }
LogicalResult CopyDeviceOp::verify() { return verifyTransfer(*this, getDst(), getSrc()); }
LogicalResult GatherRowsOp::verify() { return verifyScalar(*this, getIndex(), getDst()); }
LogicalResult ScatterRowsOp::verify() { return verifyScalar(*this, getIndex(), getSrc()); }
LogicalResult DmaTransposeOp::verify() { return verifyTransfer(*this, getDst(), getSrc()); }
LogicalResult DmaFillOp::verify() { return success(); }

LogicalResult MatmulOp::verify() {
  if (space(getAcc()) != Space::Psum || space(getStationary()) != Space::Sbuf || space(getMoving()) != Space::Sbuf)
    return emitOpError("writes PSUM and reads SBUF");
  if (partitions(getStationary()) != partitions(getMoving()))
    return emitOpError("contracts ") << partitions(getStationary()) << " with " << partitions(getMoving()) << " partitions";
  if (partitions(getAcc()) != freeElements(getStationary()) || freeElements(getAcc()) != freeElements(getMoving()))
    return emitOpError("result [M, N] does not match: ") << getAcc().getType() << " from " << getStationary().getType() << " and " << getMoving().getType();
  if (freeElements(getMoving()) > 512 || freeElements(getStationary()) > 128)
    return emitOpError("exceeds M <= 128, N <= 512");
  return success();
}

LogicalResult TransposeOp::verify() {
  if (space(getDst()) != Space::Psum || space(getSrc()) != Space::Sbuf)
    return emitOpError("writes PSUM and reads SBUF");
  if (partitions(getDst()) != freeElements(getSrc()) || partitions(getSrc()) != freeElements(getDst()) || element(getDst()) != element(getSrc()))
    return emitOpError("must exchange partitions and free elements of one type");
  return success();
}

LogicalResult TensorTensorOp::verify() { return verifySameShape(*this, getOperands()); }
LogicalResult TensorScalarOp::verify() {
  if (failed(verifySameShape(*this, {getDst(), getSrc()})) || failed(verifyScalar(*this, getScalar0(), getSrc())))
    return failure();
  return verifyScalar(*this, getScalar1(), getSrc());
}
LogicalResult ReduceOp::verify() {
  auto sizes = cast<ViewType>(getSrc().getType()).getSizes().drop_front();
  if (getAxes() < 1 || getAxes() > static_cast<int64_t>(sizes.size()))
    return emitOpError("reduces ") << getAxes() << " of " << sizes.size() << " free dimensions";
  if (product(sizes.drop_back(getAxes())) != freeElements(getDst()) || partitions(getDst()) != partitions(getSrc()))
    return emitOpError("result does not match the dimensions that remain");
  return success();
}
LogicalResult ScanOp::verify() { return verifySameShape(*this, getOperands()); }
LogicalResult SelectOp::verify() { return verifySameShape(*this, getOperands()); }
LogicalResult CopyOp::verify() { return verifySameShape(*this, getOperands()); }
LogicalResult MemsetOp::verify() { return success(); }
LogicalResult ReciprocalOp::verify() { return verifySameShape(*this, getOperands()); }
LogicalResult BnStatsOp::verify() { return freeElements(getDst()) == 3 ? success() : emitOpError("writes three values a partition"); }
LogicalResult BnAggregateOp::verify() {
  return freeElements(getDst()) == 2 && freeElements(getSrc()) % 3 == 0 ? success() : emitOpError("makes two values from triples");
}
LogicalResult ActivateOp::verify() {
  if (failed(verifySameShape(*this, {getDst(), getSrc()})) || failed(verifyScalar(*this, getScale(), getSrc())) ||
      failed(verifyScalar(*this, getBias(), getSrc())))
    return failure();
  return verifyScalar(*this, getSum(), getSrc());
}
LogicalResult IotaOp::verify() { return success(); }
LogicalResult AffineSelectOp::verify() { return verifySameShape(*this, getOperands()); }
LogicalResult PartitionReduceOp::verify() {
  return partitions(getDst()) == 1 && freeElements(getDst()) == freeElements(getSrc()) ? success()
                                                                                       : emitOpError("writes one partition of the same free elements");
}
LogicalResult PartitionBroadcastOp::verify() {
  return partitions(getSrc()) == 1 && freeElements(getDst()) == freeElements(getSrc()) ? success()
                                                                                       : emitOpError("reads one partition of the same free elements");
}
LogicalResult IntTensorTensorOp::verify() { return verifySameShape(*this, getOperands()); }
LogicalResult IntTensorScalarOp::verify() { return verifySameShape(*this, getOperands()); }
