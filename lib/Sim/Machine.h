// The simulated core: runs a program with semaphores, time and energy, and reports every access that is out of range, unwritten or unordered.
#pragma once

#include "lib/Chip/Energy.h"
#include "lib/ISA/Program.h"
#include "lib/Sim/Trace.h"

#include <memory>
#include <span>

namespace manaslu::sim {

/// How to run.
struct RunOptions {
  int threads = 1;                   ///< host threads; bits do not depend on it
  bool clock = true;                 ///< false: no simulated time (all times are zero); values and checks stay
  bool values = true;                ///< false: time, order and registers only; no tensor is read or computed, inputs and outputs are not looked at
  uint64_t fuel = uint64_t(1) << 36; ///< units of about a microsecond of host work; MN-RUN-FUEL when used up
  TraceSink *trace = nullptr;        ///< hears every event; only with the clock
  bool anySize = false; ///< do for the smallest instruction what pays for large ones only (parts for threads, loads that are not copied): for tests
};

/// What one execution did. Times are simulated picoseconds.
struct RunResult {
  int64_t timePs = 0; ///< from the first instruction to the last completion
  EnergyParts energy; ///< picojoules
  EnergyCounts counts;
  std::array<int64_t, kEngineCount> busyPs = {}; ///< by Engine; Dma: any mover working
  int64_t transposePs = 0;                       ///< part of pe's busy time
  uint64_t deviceReadBytes = 0, deviceWriteBytes = 0;
  uint64_t instructions = 0;             ///< executed
  int64_t sbufPeakBytesPerPartition = 0; ///< highest byte touched
  int64_t psumPeakBanks = 0;             ///< highest bank touched
  double hostSeconds = 0;
  int threads = 1;
};

/// A program loaded into a core. Not copyable; one run at a time.
class Machine {
public:
  /// Checks the program against its chip (isa::verifyForChip and lib/Sim/Verify.h), decodes it and sets up memories. The program's constants must stay
  /// alive as long as the machine. `program` itself must, too. Fails also when the numeric kernels do (numerics::checkKernels).
  static Result<Machine> create(const isa::Program &program);
  /// The same when the program's chip has been parsed already: `chip` is what parseChip(program.chipJson) gives.
  static Result<Machine> create(const isa::Program &program, const Chip &chip);
  Machine(Machine &&) noexcept;
  Machine &operator=(Machine &&) noexcept;
  ~Machine();

  /// One execution. `inputs` and `outputs` are bound in the order of the input and output regions, have exactly their sizes, and no output shares bytes with
  /// an input or another output (MN-RUN-INPUT).
  /// Without values, a program whose addresses or loops depend on values in memory is refused: MN-RUN-VALUES.
  /// After an error the outputs hold unspecified bytes of this run; state regions keep their values from before the run.
  Result<RunResult> run(std::span<const std::span<const std::byte>> inputs, std::span<const std::span<std::byte>> outputs, const RunOptions &options = {});

  /// State regions keep their contents between runs; this gives them their initial values again (zeros without any).
  void resetState();
  /// The bytes of a state region, by index in Program::regions; empty for other regions. For saving and restoring state.
  std::span<std::byte> state(uint32_t region);

  const Chip &chip() const;

private:
  struct Core;
  explicit Machine(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

} // namespace manaslu::sim
