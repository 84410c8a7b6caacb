// Scan, a trial parse in a limited child, then the parse that counts.
#include "lib/Driver/MlirInput.h"
#include "lib/Driver/Child.h"
#include "lib/Driver/Diagnostics.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/TextScan.h"

#include <llvm/Support/SourceMgr.h>
#include <mlir/Parser/Parser.h>
#include <nlohmann/json.hpp>

using namespace mlir;

namespace manaslu::driver {

namespace {

constexpr uint64_t kTrialSeconds = 120;

Result<OwningOpRef<ModuleOp>> parse(const std::string &text, const std::string &where, MLIRContext &context) {
  DiagnosticCollector collector(&context, "MN-IN-MLIR-PARSE");
  auto buffer = llvm::MemoryBuffer::getMemBuffer(text, where, /*RequiresNullTerminator=*/true);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  ParserConfig config(&context);
  auto module = parseSourceFile<ModuleOp>(sources, config);
  if (!module)
    return collector.take("is not a module that MLIR can read");
  return module;
}

/// The child sends its errors as JSON lines; a child that a signal or a limit ended gives MN-IN-MLIR-CRASH.
Status tryInChild(const std::string &text, const std::string &where, const DialectRegistry &registry) {
  auto work = [&](std::string &output) {
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    auto module = parse(text, where, context);
    if (module)
      return 0;
    output = module.error().jsonLines();
    return 1;
  };
  ChildLimits limits{text.size() * 16 + (uint64_t(8) << 30), kTrialSeconds};
  Result<ChildOutcome> outcome = runForked(work, limits);
  if (!outcome)
    return outcome.error();
  if (outcome->exitStatus == 0)
    return {};
  Error error;
  for (size_t begin = 0; begin < outcome->output.size();) {
    size_t end = std::min(outcome->output.find('\n', begin), outcome->output.size());
    auto line = nlohmann::json::parse(outcome->output.substr(begin, end - begin), nullptr, /*allow_exceptions=*/false);
    if (line.is_object())
      error.add(line.value("code", "MN-IN-MLIR-PARSE"), line.value("message", ""), line.value("where", ""));
    begin = end + 1;
  }
  if (error.empty())
    error.add("MN-IN-MLIR-CRASH",
              "the parser ended with status " + std::to_string(outcome->exitStatus) + " within its limits of " + std::to_string(limits.memoryBytes >> 20) +
                  " MiB and " + std::to_string(kTrialSeconds) + " s",
              where);
  return error;
}

} // namespace

Result<OwningOpRef<ModuleOp>> readModule(const std::string &path, const std::string &shownName, MLIRContext &context, bool trusted) {
  Result<std::string> text = readFile(path);
  if (!text)
    return text.error();
  if (Status scanned = scanMlirText(*text, shownName); !scanned)
    return scanned.error();
  if (!trusted)
    if (Status tried = tryInChild(*text, shownName, context.getDialectRegistry()); !tried)
      return tried.error();
  return parse(*text, shownName, context);
}

} // namespace manaslu::driver
