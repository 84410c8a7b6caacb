# How a room (a folder of lib/ or dialects/) becomes a library. Two kinds: with and without MLIR.

set(MANASLU_WARNINGS -Wall -Wextra -Wno-unused-parameter -ffp-contract=off)

# manaslu_room(NAME sources... [ROOMS other rooms...]): a static library without MLIR or LLVM.
function(manaslu_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS" ${ARGN})
  add_library(Manaslu${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(Manaslu${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR})
  target_compile_options(Manaslu${name} PRIVATE ${MANASLU_WARNINGS})
  foreach(room ${ARG_ROOMS})
    target_link_libraries(Manaslu${name} PUBLIC Manaslu${room})
  endforeach()
endfunction()

# manaslu_mlir_room(NAME sources... [ROOMS other rooms...] [DEPENDS tablegen targets...]): a static library that sees MLIR.
# All MLIR rooms reuse one precompiled header; only the shared MLIR and LLVM libraries are linked (docs/Architecture.md).
function(manaslu_mlir_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;DEPENDS" ${ARGN})
  add_library(Manaslu${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(Manaslu${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR})
  target_include_directories(Manaslu${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_compile_options(Manaslu${name} PRIVATE ${MANASLU_WARNINGS})
  target_link_libraries(Manaslu${name} PUBLIC MLIR LLVM)
  if(NOT TARGET ManasluPrecompiled)
    file(WRITE ${CMAKE_BINARY_DIR}/ManasluPrecompiled.cpp "// Holds the precompiled header that every MLIR room reuses.\n")
    add_library(ManasluPrecompiled STATIC ${CMAKE_BINARY_DIR}/ManasluPrecompiled.cpp)
    target_include_directories(ManasluPrecompiled PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR})
    target_include_directories(ManasluPrecompiled SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
    target_compile_options(ManasluPrecompiled PRIVATE ${MANASLU_WARNINGS})
    target_link_libraries(ManasluPrecompiled PUBLIC MLIR LLVM)
    target_precompile_headers(ManasluPrecompiled PRIVATE
      <mlir/IR/PatternMatch.h> <mlir/IR/BuiltinOps.h> <mlir/Pass/Pass.h> <mlir/Dialect/Linalg/IR/Linalg.h> <mlir/Dialect/SCF/IR/SCF.h>
      <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Dialect/Tensor/IR/Tensor.h> <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Math/IR/Math.h>)
  endif()
  target_precompile_headers(Manaslu${name} REUSE_FROM ManasluPrecompiled)
  foreach(dependency ${ARG_DEPENDS})
    add_dependencies(Manaslu${name} ${dependency})
  endforeach()
  foreach(room ${ARG_ROOMS})
    target_link_libraries(Manaslu${name} PUBLIC Manaslu${room})
  endforeach()
endfunction()

# manaslu_tool(NAME sources... ROOMS rooms...): one command in bin/.
function(manaslu_tool name)
  cmake_parse_arguments(ARG "" "" "ROOMS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE ${MANASLU_WARNINGS})
  set_target_properties(${name} PROPERTIES INSTALL_RPATH ${LLVM_LIBRARY_DIR} BUILD_RPATH ${LLVM_LIBRARY_DIR})
  foreach(room ${ARG_ROOMS})
    target_link_libraries(${name} PRIVATE Manaslu${room})
  endforeach()
endfunction()
