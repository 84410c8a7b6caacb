// The public door of the compiler and simulator: what manaslu-cc, Python and other programs call. No MLIR types.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/Support/Error.h"
#include "manaslu/HostArray.h"

namespace manaslu {

/// The version of this release, "0.1.0".
std::string_view version();

/// What `manaslu-cc compile` takes; the members mean what the flags of those names mean (interfaces.md).
struct CompileOptions {
  std::string model;                  ///< .pt2 or .mlir, or "-" for .mlir text on standard input
  std::string output;                 ///< empty: named after the model, in the current folder
  std::string framework;              ///< "PYTORCH", "MLIR" or empty: from the suffix
  std::string target = "mt1";         ///< a preset or a chip file
  int optlevel = 2;                   ///< 1 to 3: how much the program overlaps transfers and work
  std::string autoCast = "none";      ///< "none", "matmult", "all"
  std::string autoCastType = "bf16";  ///< "bf16", "fp16", "tf32", "fp8_e4m3"
  std::string precision;              ///< a precision table's file, or empty
  std::string calibration;            ///< .npz of samples for the scales of 8-bit activations, or empty; the model is a .pt2 then
  std::string weights;                ///< safetensors file of a graph module
  std::string report, dumpIr;         ///< files and folder to write, or empty
  std::string compileTo, compileFrom; ///< stages, or empty
  std::string logfile;
  std::string verbose = "warning";                ///< "error", "warning", "info", "debug"
  int threads = 0;                                ///< 0: one for each processor; never changes the program
  bool strip = false;                             ///< leave the tile program out
  bool trusted = false;                           ///< parse .mlir text in this process
  double importSeconds = 0;                       ///< time already spent on importing, for the report
  std::function<void(std::string_view)> progress; ///< called with the name of each phase as it begins
};

/// What a compilation leaves.
struct CompileResult {
  std::string output; ///< path of the program (or of the stage's .mlir)
  std::string report; ///< the report as JSON text
};

/// Compiles a model. On failure nothing is left that was not there before. Errors: every reason that is known, all at once.
Result<CompileResult> compile(const CompileOptions &options);

/// One input, output or state of a program, as the host sees it.
struct TensorSignature {
  std::string name;
  HostType type = HostType::F32;
  std::vector<int64_t> shape;
};

/// How to run a program once.
struct RunOptions {
  int threads = 0;          ///< 0: one for each processor; never changes a bit
  bool clock = true;        ///< simulate time and energy
  bool checkLevels = false; ///< interpret the tile program as well (in a child process) and compare every bit: MN-RUN-LEVELS
  bool values = true;       ///< false: time, energy and order only; inputs are not looked at, there are no outputs, states stay: MN-RUN-VALUES
  std::string trace;        ///< file for the simulated timeline (Perfetto, lib/Sim/Trace/Perfetto.h), or empty; needs the clock. MN-USE-002, MN-IO-002
};

/// A loaded program and its state. Not for two threads at once.
class Program {
public:
  /// Loads and verifies a .mnx file. Errors: MN-FMT-*, MN-ISA-*, MN-IO-001.
  static Result<Program> load(const std::string &path);
  Program(Program &&) noexcept;
  Program &operator=(Program &&) noexcept;
  ~Program();

  const std::vector<TensorSignature> &inputs() const;
  const std::vector<TensorSignature> &outputs() const;
  const std::vector<TensorSignature> &states() const;

  /// The chip file that the program was compiled for, as JSON text.
  const std::string &chip() const;

  /// The three lists as text, for people and error messages.
  std::string signatureText() const;

  /// Inputs drawn from a seed: floats from N(0, 1), integers uniform below the smallest table that they index, bools fair.
  Result<NamedArrays> randomInputs(uint64_t seed) const;

  /// Runs once. Inputs go by name or position ("0", "1", ...). Errors: MN-RUN-INPUT (names, types, shapes; prints the signature), MN-RUN-RANGE, MN-RUN-*.
  Result<NamedArrays> run(const NamedArrays &inputs, const RunOptions &options = {});

  /// State (a cache, for example) is kept between runs; the first run starts from the program's initial state.
  void resetState();
  NamedArrays state() const;
  /// Errors: MN-RUN-INPUT.
  Status setState(const NamedArrays &arrays);

  /// The report as JSON text: of the program, and of the last execution if there was one.
  std::string report() const;

  /// A few lines for people: simulated time and energy, bound, memory, host time.
  std::string summary() const;

  /// The program at a stage: "tile" (unless stripped), "isa". Error: MN-USE-002 for others.
  Result<std::string> mlir(std::string_view stage) const;

  /// The header's text and, per stream, the disassembled instructions.
  std::string describe(bool disassemble, bool json) const;

  struct State;

private:
  explicit Program(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The command line: `manaslu-cc` is this and nothing else. Returns the exit status.
int runCommandLine(int argumentCount, char **arguments);

} // namespace manaslu
