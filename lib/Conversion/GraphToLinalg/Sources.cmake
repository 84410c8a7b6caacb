# The graph dialect to linalg on tensors.
set(LLVM_TARGET_DEFINITIONS GraphToLinalg/Passes.td)
mlir_tablegen(GraphToLinalg/Passes.h.inc -gen-pass-decls -name GraphToLinalg)
add_public_tablegen_target(ManasluGraphToLinalgTablegen)
list(APPEND conversion_sources
  GraphToLinalg/Contractions.cpp GraphToLinalg/Elementwise.cpp GraphToLinalg/FuseElementwise.cpp GraphToLinalg/GraphToLinalg.cpp GraphToLinalg/Lowering.cpp
  GraphToLinalg/Movement.cpp GraphToLinalg/Reductions.cpp GraphToLinalg/ScalarBody.cpp)
list(APPEND conversion_rooms Graph)
list(APPEND conversion_depends ManasluGraphTablegen ManasluGraphToLinalgTablegen)
