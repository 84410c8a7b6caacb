// The subcommands that only tell: chips, list-operators, explain.
#include "lib/Chip/Chip.h"
#include "lib/Driver/Commands.h"
#include "lib/Driver/Import.h"

#include <nlohmann/json.hpp>

namespace manaslu::driver {

CommandResult chipsCommand(const Invocation &invocation) {
  bool json = invocation.has("--json");
  if (!invocation.words.empty()) {
    Result<Chip> chip = findChip(invocation.words.front());
    if (!chip)
      return chip.error();
    // One chip is always a complete chip file: it is what people copy and change.
    return toJson(*chip);
  }
  std::string out;
  for (const std::string &name : presetNames()) {
    Result<Chip> chip = findChip(name);
    if (!chip)
      return chip.error();
    if (json)
      out += (out.empty() ? "[" : ",\n") + toJson(*chip);
    else
      out += chip->name + "  " + chip->description + "\n";
  }
  return json ? out + "]\n" : out;
}

CommandResult listOperatorsCommand(const Invocation &invocation) {
  Result<std::vector<std::string>> operators = listOperators();
  if (!operators)
    return operators.error();
  if (invocation.has("--json")) {
    nlohmann::ordered_json document = {{"schema", 1}, {"framework", invocation.value("--framework")}, {"operators", *operators}};
    return document.dump(2) + "\n";
  }
  std::string out;
  for (const std::string &name : *operators)
    out += name + "\n";
  return out;
}

CommandResult explainCommand(const Invocation &invocation) {
  const std::string &code = invocation.words.front();
  auto entry = findErrorCode(code);
  if (!entry)
    return Error("MN-USE-002", "there is no error code " + code + "; codes look like MN-USE-001");
  return std::string(entry->code) + ": " + std::string(entry->title) + " (exit status " + std::to_string(entry->exitStatus) + ")\n\n" +
         std::string(entry->explanation) + "\n";
}

} // namespace manaslu::driver
