// Parsing, help and completion, all from the table in CommandTable.cpp.
#include "lib/Driver/CommandLine.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace manaslu::driver {

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

const Flag *findFlag(const Command *command, std::string_view name) {
  auto search = [&](const std::vector<Flag> &flags) -> const Flag * {
    for (const Flag &flag : flags)
      if (flag.name == name || (!flag.shortName.empty() && flag.shortName == name))
        return &flag;
    return nullptr;
  };
  const Flag *found = search(commonFlags());
  return !found && command ? search(command->flags) : found;
}

/// Fewest edits between two words: for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string suggestion(std::string_view word, const std::vector<std::string_view> &known) {
  std::string_view best;
  size_t least = 3;
  for (std::string_view candidate : known)
    if (size_t edits = distance(word, candidate); edits < least)
      least = edits, best = candidate;
  return best.empty() ? "" : "; did you mean " + std::string(best) + "?";
}

std::optional<int64_t> wholeNumber(std::string_view text) {
  int64_t value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool takesNumber(const Flag &flag) { return flag.choices.find("..") != std::string_view::npos; }

/// "FILE.json" among the choices lets any path of that suffix pass.
bool isChoice(const Flag &flag, std::string_view value) {
  if (flag.choices.empty())
    return true;
  if (takesNumber(flag)) {
    size_t dots = flag.choices.find("..");
    std::optional<int64_t> number = wholeNumber(value), least = wholeNumber(flag.choices.substr(0, dots)), most = wholeNumber(flag.choices.substr(dots + 2));
    return number && *number >= *least && *number <= *most;
  }
  for (std::string_view choice : split(flag.choices, '|')) {
    if (choice == value || (choice == "FILE.json" && value.ends_with(".json")))
      return true;
  }
  return false;
}

class Parser {
public:
  explicit Parser(const std::vector<std::string> &arguments) : arguments_(arguments) {}

  Result<Invocation> parse() {
    for (; at_ < arguments_.size(); ++at_) {
      const std::string &word = arguments_[at_];
      if (onlyWords_ || word == "-" || word.empty() || word[0] != '-')
        takeWord(word);
      else if (word == "--")
        onlyWords_ = true;
      else
        takeFlag(word);
    }
    if (errors_.empty() && invocation_.command && !invocation_.has("--help"))
      checkWords();
    if (errors_.empty() && !invocation_.command && invocation_.values.empty())
      errors_.add("MN-USE-002", "needs a subcommand; `manaslu-cc --help` lists them");
    if (!errors_.empty())
      return errors_;
    return std::move(invocation_);
  }

private:
  void takeWord(const std::string &word) {
    if (invocation_.command || rejected_) {
      invocation_.words.push_back(word);
      return;
    }
    std::vector<std::string_view> known;
    for (const Command &command : commands()) {
      known.push_back(command.name);
      if (command.name == word)
        invocation_.command = &command;
    }
    rejected_ = !invocation_.command;
    if (rejected_)
      errors_.add("MN-USE-001", "unknown subcommand '" + word + "'" + suggestion(word, known) + "; `manaslu-cc --help` lists them");
  }

  void takeFlag(const std::string &word) {
    size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    std::string name = word.substr(0, equals);
    // -O2 is -O 2.
    bool attached = word.size() == 3 && word.starts_with("-O");
    if (attached)
      name = "-O";
    if (!invocation_.command && (name == "--version" || name == "--help" || name == "-h")) {
      invocation_.values[name == "--version" ? "--version" : "--help"] = "true";
      return;
    }
    if (!invocation_.command && name == "--completion")
      return takeCompletion(word, equals);
    const Flag *flag = findFlag(invocation_.command, name);
    if (!flag) {
      if (!rejected_)
        unknown(name);
      return;
    }
    if (flag->argument.empty()) {
      if (equals != std::string::npos)
        errors_.add("MN-USE-002", std::string(flag->name) + " takes no value, got '" + word.substr(equals + 1) + "'");
      invocation_.values[std::string(flag->name)] = "true";
      return;
    }
    if (!attached && equals == std::string::npos && at_ + 1 >= arguments_.size()) {
      errors_.add("MN-USE-002", std::string(flag->name) + " needs a value: " + expected(*flag));
      return;
    }
    std::string value = attached ? word.substr(2) : equals == std::string::npos ? arguments_[++at_] : word.substr(equals + 1);
    if (!isChoice(*flag, value))
      // The chip has a code of its own, because its remedy differs.
      errors_.add(flag->name == "--target" ? "MN-CHIP-002" : "MN-USE-002", std::string(flag->name) + " takes " + expected(*flag) + ", got '" + value + "'");
    invocation_.values[std::string(flag->name)] = value;
  }

  void takeCompletion(const std::string &word, size_t equals) {
    std::string shell = equals != std::string::npos ? word.substr(equals + 1) : at_ + 1 < arguments_.size() ? arguments_[++at_] : "";
    if (shell != "bash")
      errors_.add("MN-USE-002", "--completion takes bash, got '" + shell + "'");
    invocation_.values["--completion"] = shell;
  }

  void unknown(const std::string &name) {
    std::vector<std::string_view> known;
    for (const Flag &flag : commonFlags())
      known.push_back(flag.name);
    if (invocation_.command)
      for (const Flag &flag : invocation_.command->flags)
        known.push_back(flag.name);
    std::string of = invocation_.command ? " of manaslu-cc " + std::string(invocation_.command->name) : "";
    errors_.add("MN-USE-001", "unknown flag '" + name + "'" + of + suggestion(name, known) + "; --help lists them");
  }

  static std::string expected(const Flag &flag) {
    std::string choices(flag.choices.empty() ? flag.argument : flag.choices);
    return takesNumber(flag) ? "a whole number from " + choices.replace(choices.find(".."), 2, " to ") : choices;
  }

  void checkWords() {
    const Command &command = *invocation_.command;
    int count = static_cast<int>(invocation_.words.size());
    if (count < command.minimumWords)
      errors_.add("MN-USE-002", std::string(command.name) + " needs " + std::string(command.words));
    else if (count > command.maximumWords)
      errors_.add("MN-USE-002", std::string(command.name) + " takes at most " + std::to_string(command.maximumWords) + " word(s), got '" +
                                    invocation_.words[command.maximumWords] + "' as well");
  }

  const std::vector<std::string> &arguments_;
  Invocation invocation_;
  Error errors_;
  size_t at_ = 0;
  bool onlyWords_ = false, rejected_ = false;
};

void appendFlag(std::string &out, const Flag &flag) {
  std::string left = "  " + (flag.shortName.empty() ? std::string() : std::string(flag.shortName) + ", ") + std::string(flag.name);
  if (!flag.argument.empty())
    left += " " + std::string(flag.choices.empty() || takesNumber(flag) ? flag.argument : flag.choices);
  left.resize(std::max<size_t>(left.size() + 2, 44), ' ');
  out += left + std::string(flag.help);
  if (!flag.defaultValue.empty())
    out += " [" + std::string(flag.defaultValue) + "]";
  out += "\n";
}

/// Suffixes of the files an argument names, for the shell.
bool takesFile(const Flag &flag) {
  return flag.argument.find('.') != std::string_view::npos || flag.argument == "DIR" || flag.argument == "F" || flag.argument == "MODEL" ||
         flag.argument == "CHIP";
}

} // namespace

std::string Invocation::value(std::string_view flag) const {
  if (auto given = values.find(flag); given != values.end())
    return given->second;
  const Flag *entry = findFlag(command, flag);
  return entry ? std::string(entry->defaultValue) : std::string();
}

Result<Invocation> parseCommandLine(const std::vector<std::string> &arguments) { return Parser(arguments).parse(); }

std::string helpText(const Command *command) {
  std::string out;
  if (command) {
    out = "usage: manaslu-cc " + std::string(command->name) + (command->words.empty() ? "" : " " + std::string(command->words)) + " [flags]\n\n" +
          std::string(command->help) + "\n\nflags:\n";
    for (const Flag &flag : command->flags)
      appendFlag(out, flag);
    for (const Flag &flag : commonFlags())
      appendFlag(out, flag);
    return out;
  }
  out = "usage: manaslu-cc SUBCOMMAND ...\n\nsubcommands:\n";
  for (const Command &entry : commands()) {
    std::string left = "  " + std::string(entry.name) + " " + std::string(entry.words);
    left.resize(std::max<size_t>(left.size() + 2, 30), ' ');
    out += left + std::string(entry.help) + "\n";
  }
  return out + "\n  --version                   print the version\n  --completion bash           print a completion script\n\n`manaslu-cc SUBCOMMAND --help` "
               "lists the flags of a subcommand.\n"
               "Exit status: 0 ok, 2 usage, 3 the model cannot be compiled, 4 verification missed its tolerance, 5 a limit, 6 a damaged or wrong file, 70 "
               "internal error.\n";
}

std::string bashCompletion() {
  auto words = [](std::string choices) {
    std::replace(choices.begin(), choices.end(), '|', ' ');
    return choices;
  };
  std::string names, cases, values, offered;
  for (const Command &command : commands()) {
    names += (names.empty() ? "" : " ") + std::string(command.name);
    std::string flags;
    auto add = [&](const Flag &flag) { flags += (flags.empty() ? "" : " ") + std::string(flag.name); };
    for (const Flag &flag : command.flags)
      add(flag);
    for (const Flag &flag : commonFlags())
      add(flag);
    cases += "    " + std::string(command.name) + ") flags=\"" + flags + "\" ;;\n";
    if (!command.wordChoices.empty())
      offered += "    " + std::string(command.name) + ":*) COMPREPLY=($(compgen -W \"" + words(command.wordChoices) + "\" -- \"$word\")) ;;\n";
    for (const Flag &flag : command.flags) {
      if (flag.argument.empty())
        continue;
      std::string how = flag.choices.empty() || takesNumber(flag) ? "" : "-W \"" + words(std::string(flag.choices)) + "\" ";
      values += "    " + std::string(command.name) + ":" + std::string(flag.name) +
                (flag.shortName.empty() ? "" : "|" + std::string(command.name) + ":" + std::string(flag.shortName)) + ") COMPREPLY=($(compgen " +
                (takesFile(flag) ? "-f " : "") + how + "-- \"$word\")); return ;;\n";
    }
  }
  return "# Completion of manaslu-cc for bash, printed by `manaslu-cc --completion bash`.\n"
         "_manaslu_cc() {\n  local word=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\" command=\"${COMP_WORDS[1]}\" flags=\"\"\n  "
         "COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W \"" +
         names +
         " --help --version --completion\" -- \"$word\"))\n    return\n  fi\n"
         "  case \"$command:$previous\" in\n" +
         values + "  esac\n  case \"$command\" in\n" + cases +
         "  esac\n"
         "  case \"$command:$word\" in\n    *:-*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n" +
         offered + "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}\ncomplete -o filenames -F _manaslu_cc manaslu-cc\n";
}

int64_t numberOf(const Invocation &invocation, std::string_view flag) { return wholeNumber(invocation.value(flag)).value_or(0); }

Result<double> realOf(const Invocation &invocation, std::string_view flag) {
  std::string text = invocation.value(flag);
  double value = 0;
  // from_chars: a locale must not turn the decimal point into a comma.
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return Error("MN-USE-002", std::string(flag) + " takes a number, got '" + text + "'");
  return value;
}

} // namespace manaslu::driver
