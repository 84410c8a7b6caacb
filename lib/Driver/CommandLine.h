// The command line of manaslu-cc: one table of subcommands and flags, from which parsing, --help and the bash completion all come.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// One flag. `argument` empty: a switch. `choices`: "a|b|c", or "least..greatest" for a whole number, or empty when any value goes.
struct Flag {
  std::string_view name;      ///< "--target"
  std::string_view shortName; ///< "-o", or empty
  std::string_view argument;  ///< "FILE", or empty
  std::string_view choices;
  std::string_view defaultValue;
  std::string_view help;
};

/// One subcommand: its flags, and how many words it takes besides.
struct Command {
  std::string_view name;
  std::string_view words; ///< as shown in --help: "MODEL"
  int minimumWords, maximumWords;
  std::string_view help;
  std::vector<Flag> flags;
  std::string wordChoices = {}; ///< "a|b|c": what the shell offers as a word; empty: files
};

/// All subcommands of this release, in the order of --help.
const std::vector<Command> &commands();

/// Flags that every subcommand takes.
const std::vector<Flag> &commonFlags();

/// What the user asked for.
struct Invocation {
  const Command *command = nullptr;                       ///< null: --help, --version or --completion alone
  std::map<std::string, std::string, std::less<>> values; ///< by flag name; a switch that was given has the value "true"
  std::vector<std::string> words;

  bool has(std::string_view flag) const { return values.find(flag) != values.end(); }
  /// The value given last, or the table's default.
  std::string value(std::string_view flag) const;
};

/// Reads `--flag=value`, `--flag value`, `-o value`, `-O2`; the rightmost of a repeated flag wins. Lists every mistake: MN-USE-001 (unknown), MN-USE-002
/// (value).
Result<Invocation> parseCommandLine(const std::vector<std::string> &arguments);

/// The text of `manaslu-cc --help` (null) or of one subcommand.
std::string helpText(const Command *command);

/// A completion script for bash: `source <(manaslu-cc --completion bash)`.
std::string bashCompletion();

/// The value of a flag that takes a whole number: parsing has checked it.
int64_t numberOf(const Invocation &invocation, std::string_view flag);

/// A real number of a flag. Error: MN-USE-002.
Result<double> realOf(const Invocation &invocation, std::string_view flag);

} // namespace manaslu::driver
