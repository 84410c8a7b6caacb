// Random programs from the command line: `manaslu-random-programs FIRST COUNT` compares the programs of COUNT seeds, `--print SEED` shows one as assembly.
#include "test/programs/Check.h"

#include "lib/ISA/Assembler.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace manaslu::test;

int main(int count, char **words) {
  if (count == 3 && words[1] == std::string_view("--print")) {
    std::fputs(manaslu::isa::disassemble(generate(std::strtoull(words[2], nullptr, 10)).program, uint64_t(1) << 20).c_str(), stdout);
    return 0;
  }
  if (count != 3) {
    std::fputs("usage: manaslu-random-programs FIRST COUNT | --print SEED\n", stderr);
    return 2;
  }
  Tally tally = checkPrograms(std::strtoull(words[1], nullptr, 10), std::strtoull(words[2], nullptr, 10), [](const Tally &soFar) {
    std::printf("progress %llu %llu %llu\n", static_cast<unsigned long long>(soFar.programs), static_cast<unsigned long long>(soFar.executed),
                static_cast<unsigned long long>(soFar.refused));
    std::fflush(stdout);
  });
  std::fputs(tally.failures.c_str(), stdout);
  return tally.failed == 0 ? 0 : 1;
}
