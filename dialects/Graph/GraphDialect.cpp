// Registration of the graph dialect and how it makes constants.
#include "dialects/Graph/Graph.h"

#include "dialects/Graph/Folders.h"

using namespace mlir;

#include "dialects/Graph/GraphDialect.cpp.inc"

namespace manaslu::graph {

void GraphDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Graph/GraphContractions.cpp.inc"
      ,
#define GET_OP_LIST
#include "dialects/Graph/GraphElementwise.cpp.inc"
      ,
#define GET_OP_LIST
#include "dialects/Graph/GraphNormalizations.cpp.inc"
      ,
#define GET_OP_LIST
#include "dialects/Graph/GraphShapes.cpp.inc"
      >();
  addInterfaces<FoldSmallIntegers>();
}

Operation *GraphDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, mlir::Location location) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, location, type, elements);
}

} // namespace manaslu::graph
