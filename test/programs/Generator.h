// Makes programs that keep every rule, the same one for the same seed on every host: all streams, instructions, element types, loops, registers, semaphores.
#pragma once

#include "test/programs/Case.h"

namespace manaslu::test {

/// The program of this seed, for a chip with small memories.
Case generate(uint64_t seed);

/// Changes one to three fields somewhere in the program to other values within the limits of their fields, so that it may break a rule.
void mutate(isa::Program &program, std::mt19937_64 &random);

} // namespace manaslu::test
