// The graph dialect: type and attribute constraints and the shape classes that its operations are made of.

#ifndef MANASLU_GRAPH_BASE
#define MANASLU_GRAPH_BASE

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::manaslu::graph";
  let summary = "Whole-tensor operators with the framework's meaning, static shapes, weights by name.";
  let hasConstantMaterializer = 1;
}

def Graph_Float : AnyTypeOf<[F32, TF32, BF16, F16, F8E4M3FN, F8E5M2, F8E3M4], "a float of the chip">;
def Graph_Integer : AnyTypeOf<[I64, I32, I8, UI8, I1], "an integer or bool">;
def Graph_Element : AnyTypeOf<[Graph_Float, Graph_Integer]>;
def Graph_Tensor : StaticShapeTensorOf<[Graph_Element]>;
def Graph_FloatTensor : StaticShapeTensorOf<[Graph_Float]>;
def Graph_IntegerTensor : StaticShapeTensorOf<[Graph_Integer]>;
def Graph_BoolTensor : StaticShapeTensorOf<[I1]>;

// A list of integers, written `array<i64: 1, 2>` or `[1, 2]`.
def Graph_Integers : Attr<Or<[DenseI64ArrayAttr.predicate, I64ArrayAttr.predicate]>, "a list of 64-bit integers"> {
  let storageType = "::mlir::Attribute";
  let returnType = "::llvm::SmallVector<int64_t>";
  let convertFromStorage = "::manaslu::graph::integersOf($_self)";
  let constBuilderCall = "$_builder.getDenseI64ArrayAttr($0)";
}

// A number; its own width does not matter.
def Graph_Number : Attr<CPred<"::llvm::isa<::mlir::FloatAttr>($_self)">, "a float"> {
  let storageType = "::mlir::FloatAttr";
  let returnType = "double";
  let convertFromStorage = "$_self.getValueAsDouble()";
  let constBuilderCall = "$_builder.getF64FloatAttr($0)";
}

// A number of any type: float, integer or bool.
def Graph_Literal : Attr<CPred<"::llvm::isa<::mlir::FloatAttr, ::mlir::IntegerAttr>($_self)">, "a number"> {
  let storageType = "::mlir::Attribute";
  let returnType = "double";
  let convertFromStorage = "::manaslu::graph::numberOf($_self)";
}

// Present as a unit or as true: yes. Absent or false: no.
def Graph_Flag : Attr<CPred<"::llvm::isa<::mlir::UnitAttr, ::mlir::BoolAttr>($_self)">, "a flag"> {
  let storageType = "::mlir::Attribute";
  let returnType = "bool";
  let convertFromStorage = "::manaslu::graph::flagOf($_self)";
  let constBuilderCall = "(($0) ? ::mlir::Attribute($_builder.getUnitAttr()) : ::mlir::Attribute())";
  let defaultValue = "false";
  let isOptional = 1;
}

class Graph_Op<string mnemonic, list<Trait> traits = []> : Op<Graph_Dialect, mnemonic, traits> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

// An operation whose result type follows from operands and attributes; `rule` is the C++ expression for its shape or type.
class Graph_InferredOp<string mnemonic, string rule, list<Trait> traits = []> : Graph_Op<mnemonic, !listconcat([Pure, InferTypeOpAdaptor], traits)> {
  code inferDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *context, std::optional<::mlir::Location> location, $cppClass::Adaptor adaptor,
                                                      ::llvm::SmallVectorImpl<::mlir::Type> &results) {
      ::llvm::FailureOr<::mlir::Type> type = }] # rule # [{;
      if (::mlir::failed(type))
        return ::mlir::failure();
      results.push_back(*type);
      return ::mlir::success();
    }
  }];
  let extraClassDefinition = inferDefinition;
}

// An operation whose result type is stated, and checked by a verifier.
class Graph_CheckedOp<string mnemonic, list<Trait> traits = []> : Graph_Op<mnemonic, !listconcat([Pure], traits)> {
  let hasVerifier = 1;
}

#endif
