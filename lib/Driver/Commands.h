// The subcommands of manaslu-cc: each takes what was parsed and returns text for standard output or an error.
#pragma once

#include "lib/Driver/CommandLine.h"

namespace manaslu::driver {

/// What a subcommand leaves: text for standard output, and an exit status for results that are not errors (a missed tolerance has its own error).
using CommandResult = Result<std::string>;

CommandResult compileCommand(const Invocation &invocation);
CommandResult runCommand(const Invocation &invocation);
CommandResult verifyCommand(const Invocation &invocation);
CommandResult inspectCommand(const Invocation &invocation);
CommandResult chipsCommand(const Invocation &invocation);
CommandResult listOperatorsCommand(const Invocation &invocation);
CommandResult explainCommand(const Invocation &invocation);
CommandResult searchPrecisionCommand(const Invocation &invocation);

} // namespace manaslu::driver
