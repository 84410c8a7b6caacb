// The table of subcommands and flags (interfaces.md). A flag that is not here is an unknown flag.
#include "lib/Driver/CommandLine.h"

namespace manaslu::driver {

const std::vector<Flag> &commonFlags() {
  static const std::vector<Flag> flags = {
      {"--help", "-h", "", "", "", "show what the subcommand takes"},
      {"--json-diagnostics", "", "", "", "", "errors as JSON lines on stderr"},
  };
  return flags;
}

static const Flag kTarget = {"--target", "", "CHIP", "mt1|mt2|mi1|FILE.json", "mt1", "the chip, or a chip file"};

static const std::vector<Flag> kCompileFlags = {
    {"--output", "-o", "OUT.mnx", "", "", "the program to write (default: named after the model, in the current folder)"},
    {"--framework", "", "NAME", "PYTORCH|MLIR", "", "what the model is (default: follows from the suffix .pt2 or .mlir)"},
    kTarget,
    {"--optlevel", "-O", "LEVEL", "1|2|3", "2", "how far transfers and work overlap (-O1, -O2, -O3)"},
    {"--auto-cast", "", "WHICH", "none|matmult|all", "none", "which fp32 operators compute in a smaller type"},
    {"--auto-cast-type", "", "TYPE", "bf16|fp16|tf32|fp8_e4m3", "bf16", "that type"},
    {"--enable-mixed-precision-accumulation", "", "", "", "",
     "statistics of softmax, norms and reductions in fp32: always so here, as it is asked of neuronx-cc"},
    {"--precision", "", "TABLE.json", "", "", "a precision table: the types of operators by name (docs/precision.md)"},
    {"--calibration", "", "DATA.npz", "", "", "samples (first axis) from which 8-bit activations get their scales; not those that --precision gives"},
    {"--weights", "", "FILE.safetensors", "", "", "parameters of a graph module (default: the .safetensors beside it)"},
    {"--report", "", "R.json", "", "", "write the report of the compilation"},
    {"--dump-ir", "", "DIR", "", "", "write one .mlir file for each phase"},
    {"--compile-to", "", "STAGE", "graph|linalg|tile|isa", "", "stop after a stage and write its .mlir"},
    {"--compile-from", "", "STAGE", "graph|linalg|tile|isa", "", "the .mlir holds that stage (default: seen from its operations)"},
    {"--threads", "", "N", "0..4096", "0", "threads of the compiler (0: one for each processor); the program does not depend on it"},
    {"--strip", "", "", "", "", "leave the tile program out of the .mnx (it serves run --check-levels)"},
    {"--trusted", "", "", "", "", "read .mlir text in this process instead of a limited child"},
    {"--logfile", "", "F", "", "", "write what --verbose shows to a file"},
    {"--verbose", "", "LEVEL", "error|warning|info|debug", "warning", "how much to say on stderr"},
};

static const std::vector<Flag> kRunFlags = {
    {"--inputs", "", "IN.npz", "", "", "inputs by name or position"},
    {"--random", "", "SEED", "0..9223372036854775807", "", "draw the inputs: floats from N(0, 1), integers below the smallest table that they index"},
    {"--outputs", "", "OUT.npz", "", "", "write the outputs"},
    {"--report", "", "R.json", "", "", "write the report of the execution"},
    {"--trace", "", "T.pftrace", "", "", "write the simulated timeline as a Perfetto trace"},
    {"--check-levels", "", "", "", "", "interpret the tile program as well and compare every bit"},
    {"--threads", "", "N", "0..4096", "0", "threads of the simulator (0: one for each processor)"},
    {"--no-clock", "", "", "", "", "values only, no time and energy"},
    {"--no-values", "", "", "", "", "time and energy only: no tensor is computed and no input is needed"},
    {"--state-in", "", "S.npz", "", "", "the state to start from"},
    {"--state-out", "", "S.npz", "", "", "write the state at the end"},
};

static const std::vector<Flag> kVerifyFlags = {
    {"--against", "", "MODEL", "", "", "the .pt2 (PyTorch computes it) or .mlir (upstream MLIR's CPU JIT computes it) to compare with"},
    {"--inputs", "", "IN.npz", "", "", "inputs by name or position"},
    {"--random", "", "SEED", "0..9223372036854775807", "0", "draw the inputs"},
    {"--per-layer", "", "", "", "", "every operator's error beside PyTorch's in the same types, worst first (compiles the model once more)"},
    {"--max-error-over-range", "", "X", "", "", "largest |difference| over the reference's range"},
    {"--min-sqnr", "", "DB", "", "", "smallest signal to quantisation noise ratio"},
    {"--min-cosine", "", "C", "", "", "smallest cosine"},
    {"--threads", "", "N", "0..4096", "0", "threads of the simulator"},
    {"--report", "", "R.json", "", "", "write what was measured"},
};

static const std::vector<Flag> kSearchFlags = {
    {"--calibration", "", "DATA.npz", "", "", "samples by input name or position, the first axis counts them; every fourth is held out"},
    {"--output", "-o", "TABLE.json", "", "", "the precision table to write"},
    {"--min-sqnr", "", "DB", "", "", "limit: smallest signal to noise of the outputs"},
    {"--min-cosine", "", "C", "", "", "limit: smallest cosine of the outputs with the exact ones"},
    {"--max-latency-ns", "", "N", "", "", "limit: longest simulated time; the most accurate within it"},
    {"--objective", "", "WHAT", "latency|energy|memory", "latency", "what is least"},
    kTarget,
    {"--types", "", "LIST", "", "fp32,bf16,fp8_e4m3", "the types that products may take"},
    {"--default", "", "TYPE", "fp32|bf16|fp16", "bf16", "the type of values between operators"},
    {"--scaling", "", "HOW", "none|tensor|row|block32", "tensor", "what 8-bit operands are divided by"},
    {"--pareto", "", "FRONT.json", "", "", "write every table that none other beats in both figures"},
    {"--cache", "", "DIR", "", "", "keep measurements there, for a search that goes on or has another limit"},
};

static std::string allCodes() {
  std::string codes;
  for (const ErrorCode &entry : errorCodes())
    codes += (codes.empty() ? "" : "|") + std::string(entry.code);
  return codes;
}

const std::vector<Command> &commands() {
  static const std::vector<Command> table = {
      {"compile", "MODEL", 1, 1, "compile a PyTorch export (.pt2) or an MLIR module (.mlir) to a program", kCompileFlags},
      {"run", "PROGRAM.mnx", 1, 1, "run a program on the simulator", kRunFlags},
      {"verify", "PROGRAM.mnx", 1, 1, "compare a program with its model on the host", kVerifyFlags},
      {"search-precision", "MODEL.pt2", 1, 1, "find the types of products that cost least within an error", kSearchFlags},
      {"inspect",
       "PROGRAM.mnx",
       1,
       1,
       "show what a program holds",
       {{"--disassemble", "", "", "", "", "print the instructions of every stream"}, {"--json", "", "", "", "", "as JSON"}}},
      {"chips", "[NAME]", 0, 1, "list the chips, or print one", {{"--json", "", "", "", "", "a complete chip file"}}, "mt1|mt2|mi1"},
      {"list-operators",
       "",
       0,
       0,
       "list the framework operators that the compiler takes",
       {{"--framework", "", "NAME", "PYTORCH", "PYTORCH", "of which framework"}, {"--json", "", "", "", "", "as JSON"}}},
      {"explain", "MN-CODE", 1, 1, "explain an error code", {}, allCodes()},
  };
  return table;
}

} // namespace manaslu::driver
