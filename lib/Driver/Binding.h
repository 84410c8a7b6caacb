// Between the host's arrays and a program's regions: names, types, shapes, narrowing and widening, random inputs.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "lib/ISA/Program.h"
#include "manaslu/Driver.h"

namespace manaslu::driver {

/// The type in which the host binds a region: the one it names, or the host's own for the region's type.
HostType hostTypeOf(const isa::Region &region);

/// The regions of a kind as the host sees them, in the program's order.
std::vector<TensorSignature> signatureOf(const isa::Program &program, isa::RegionKind kind);

/// Finds an array for every entry of a signature, by name or by position ("0", "1", ...). `what` is "input" or "state". With `partial`, missing ones are null.
/// Error: MN-RUN-INPUT with every mismatch and the whole signature.
Result<std::vector<const HostArray *>> matchArrays(const NamedArrays &arrays, const std::vector<TensorSignature> &signature, std::string_view what,
                                                   bool partial = false);

/// All integers from low to high.
using IntegerRange = std::pair<int64_t, int64_t>;

/// The bytes of a region from the host's array, whose type and shape already match: int64 narrows to int32, bool becomes 0 or 1, floats round to nearest even.
/// Error: MN-RUN-RANGE for an integer outside the region's type or outside `range`, within which the compiler has proved that nothing overflows.
Result<std::vector<std::byte>> toDevice(const HostArray &array, const isa::Region &region, std::optional<IntegerRange> range = std::nullopt);

/// A region's bytes as the host's type.
HostArray toHost(std::span<const std::byte> bytes, const isa::Region &region);

/// Draws an array: floats from N(0, 1), integers uniform in [0, limit), bools fair. `stream` tells inputs of one seed apart.
HostArray drawArray(const TensorSignature &signature, uint64_t seed, uint32_t stream, int64_t limit);

/// One line an entry: "  input 0  input_ids  int64[1, 128]".
std::string describeSignature(const std::vector<TensorSignature> &signature, std::string_view what);

} // namespace manaslu::driver
