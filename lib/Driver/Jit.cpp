// linalg on tensors to LLVM IR with upstream passes only, then ExecutionEngine. Runs in a fork: what it leaks or breaks ends with the child.
#include "lib/Driver/Jit.h"
#include "lib/Driver/Child.h"
#include "lib/Driver/Diagnostics.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/MlirInput.h"

#include <filesystem>
#include <llvm/Support/TargetSelect.h>
#include <mlir/Conversion/Passes.h>
#include <mlir/Dialect/Arith/Transforms/Passes.h>
#include <mlir/Dialect/Bufferization/Transforms/Passes.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/Linalg/Passes.h>
#include <mlir/Dialect/MemRef/Transforms/Passes.h>
#include <mlir/ExecutionEngine/ExecutionEngine.h>
#include <mlir/ExecutionEngine/OptUtils.h>
#include <mlir/InitAllDialects.h>
#include <mlir/InitAllExtensions.h>
#include <mlir/InitAllPasses.h>
#include <mlir/Pass/PassManager.h>
#include <mlir/Pass/PassRegistry.h>
#include <mlir/Target/LLVMIR/Dialect/All.h>

using namespace mlir;

namespace manaslu::driver {

namespace {

/// In order: what each is for is in its name; out-params make the results memrefs that we allocate.
constexpr const char *kPipeline =
    "func.func(canonicalize,linalg-generalize-named-ops,linalg-fuse-elementwise-ops,empty-tensor-to-alloc-tensor),"
    "one-shot-bufferize{bufferize-function-boundaries=true function-boundary-type-conversion=identity-layout-map},"
    "buffer-results-to-out-params{modify-public-functions=true},func.func(convert-linalg-to-loops,canonicalize),"
    "expand-strided-metadata,lower-affine,convert-scf-to-cf,func.func(convert-math-to-llvm),convert-math-to-libm,"
    "arith-expand,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,convert-index-to-llvm,reconcile-unrealized-casts";

std::optional<HostType> hostTypeOf(Type type) {
  if (type.isF32())
    return HostType::F32;
  if (type.isF64())
    return HostType::F64;
  if (type.isF16())
    return HostType::F16;
  if (type.isBF16())
    return HostType::BF16;
  if (type.isInteger(1))
    return HostType::Bool;
  if (type.isUnsignedInteger(8))
    return HostType::U8;
  if (type.isInteger(8))
    return HostType::I8;
  if (type.isInteger(16))
    return HostType::I16;
  if (type.isInteger(32))
    return HostType::I32;
  if (type.isInteger(64))
    return HostType::I64;
  return std::nullopt;
}

/// A memref as compiled code sees it: two pointers, an offset, sizes, strides.
std::vector<int64_t> descriptorOf(HostArray &array) {
  std::vector<int64_t> words = {reinterpret_cast<int64_t>(array.data.data()), reinterpret_cast<int64_t>(array.data.data()), 0};
  words.insert(words.end(), array.shape.begin(), array.shape.end());
  std::vector<int64_t> strides(array.shape.size(), 1);
  for (size_t i = array.shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * array.shape[i];
  words.insert(words.end(), strides.begin(), strides.end());
  return words;
}

Error failed(const std::string &what) { return Error("MN-VERIFY-REFERENCE", what); }

Result<std::vector<HostArray>> allocateResults(func::FuncOp function) {
  std::vector<HostArray> results;
  for (Type type : function.getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    auto element = tensor && tensor.hasStaticShape() ? hostTypeOf(tensor.getElementType()) : std::nullopt;
    if (!element)
      return failed("the reference module returns something else than a tensor of static shape");
    HostArray array{*element, tensor.getShape().vec(), {}};
    array.data.resize(array.elements() * sizeOf(*element));
    results.push_back(std::move(array));
  }
  return results;
}

Status compileAndCall(ModuleOp module, func::FuncOp function, std::vector<HostArray *> arguments) {
  MLIRContext *context = module.getContext();
  DiagnosticCollector collector(context, "MN-VERIFY-REFERENCE");
  function->setAttr("llvm.emit_c_interface", UnitAttr::get(context));
  std::string name = "_mlir_ciface_" + function.getName().str();
  PassManager passes = PassManager::on<ModuleOp>(context);
  if (mlir::failed(parsePassPipeline(kPipeline, passes)) || mlir::failed(passes.run(module)))
    return collector.take("upstream MLIR cannot lower the reference module");
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  std::vector<llvm::StringRef> libraries = {MANASLU_LLVM_LIBRARY_DIR "/libmlir_c_runner_utils.so", MANASLU_LLVM_LIBRARY_DIR "/libmlir_runner_utils.so"};
  ExecutionEngineOptions options;
  auto optimize = makeOptimizingTransformer(2, 0, nullptr);
  options.transformer = optimize;
  options.sharedLibPaths = libraries;
  auto engine = ExecutionEngine::create(module, options);
  if (!engine)
    return failed("upstream MLIR's JIT: " + llvm::toString(engine.takeError()));
  std::vector<std::vector<int64_t>> descriptors;
  std::vector<void *> pointers, packed;
  for (HostArray *array : arguments)
    descriptors.push_back(descriptorOf(*array));
  for (auto &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  for (void *&pointer : pointers)
    packed.push_back(&pointer);
  if (llvm::Error error = (*engine)->invokePacked(name, packed))
    return failed("upstream MLIR's JIT: " + llvm::toString(std::move(error)));
  return {};
}

Result<NamedArrays> runHere(const std::string &path, const std::vector<const HostArray *> &inputs) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registerAllPasses();
  MLIRContext context(registry);
  auto module = readModule(path, path, context, /*trusted=*/true);
  if (!module)
    return module.error();
  func::FuncOp entry;
  for (auto function : (**module).getOps<func::FuncOp>())
    if (function.isPublic() && !function.isExternal())
      entry = function;
  if (!entry)
    return failed("the reference module has no public function");
  if (entry.getNumArguments() != inputs.size())
    return failed("the reference takes " + std::to_string(entry.getNumArguments()) + " inputs, the program " + std::to_string(inputs.size()));
  auto results = allocateResults(entry);
  if (!results)
    return results.error();
  std::vector<HostArray> copies;
  for (const HostArray *input : inputs)
    copies.push_back(*input);
  std::vector<HostArray *> arguments;
  for (HostArray &copy : copies)
    arguments.push_back(&copy);
  for (HostArray &result : *results)
    arguments.push_back(&result);
  if (Status called = compileAndCall(**module, entry, arguments); !called)
    return called.error();
  NamedArrays named;
  for (size_t i = 0; i < results->size(); ++i)
    named.emplace_back(std::to_string(i), std::move((*results)[i]));
  return named;
}

} // namespace

Result<NamedArrays> runWithJit(const std::string &module, const std::vector<const HostArray *> &inputs) {
  Result<PrivateFolder> folder = PrivateFolder::make();
  if (!folder)
    return folder.error();
  std::string file = folder->path() + "/reference.npz";
  auto work = [&](std::string &output) {
    Result<NamedArrays> results = runHere(module, inputs);
    Status written = results ? writeNpz(file, *results) : Status(results.error());
    if (!written)
      output = written.error().text();
    return written ? 0 : 1;
  };
  Result<ChildOutcome> outcome = runForked(work);
  if (!outcome)
    return outcome.error();
  if (outcome->exitStatus != 0)
    return failed(outcome->output.empty() ? "the JIT's process ended with status " + std::to_string(outcome->exitStatus) : outcome->output);
  return readNpz(file);
}

} // namespace manaslu::driver
