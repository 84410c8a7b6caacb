// From a program's metadata to the report.
#include "lib/Driver/Report.h"

namespace manaslu::driver {

void addProgramFigures(nlohmann::ordered_json &report, const nlohmann::ordered_json &metadata) {
  // A program that somebody else wrote may lack any of these: what is unknown stays out.
  if (!metadata.is_object())
    return;
  if (metadata.contains("precision"))
    report["precision"] = metadata["precision"];
  if (metadata.contains("precision_table"))
    report["precision_table"] = metadata["precision_table"];
  if (metadata.contains("bound") && metadata["bound"].is_object()) {
    const auto &bound = metadata["bound"];
    auto &simulated = report["simulated"];
    auto copy = [&](auto &target, const char *key) {
      if (bound.contains(key))
        target[key] = bound[key];
    };
    copy(simulated, "bound_ns");
    for (const char *key : {"pe_ns", "se_ns", "memory_ns"})
      copy(simulated["bound"], key);
    copy(simulated, "bound_by");
  }
  if (metadata.contains("compulsory_bytes"))
    report["device_memory"]["compulsory_bytes"] = metadata["compulsory_bytes"];
  if (metadata.contains("memory"))
    report["memory"] = metadata["memory"];
}

} // namespace manaslu::driver
