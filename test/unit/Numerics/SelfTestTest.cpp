// The kernels' self-test: docs/Numerics.md N2 and N6.
#include "Values.h"

#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Environment.h"
#include "lib/Numerics/Matmul.h"
#include "lib/Numerics/SelfTest.h"

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace manaslu;
using namespace manaslu::numerics;
using namespace manaslu::numerics::test;

namespace {

/// acc + a b by the oracle, in one step of fp32 numbers or in two of a pair of bf16 numbers, the odd (upper) element first (N52).
float oracleStep(float a, float b, float sum) { return fusedMultiplyAddFlushing(a, b, sum); }
float oracleStep(uint32_t a, uint32_t b, float sum) {
  sum = fusedMultiplyAddFlushing(fromBits(a & 0xffff0000u), fromBits(b & 0xffff0000u), sum);
  return fusedMultiplyAddFlushing(fromBits(a << 16), fromBits(b << 16), sum);
}

template <class Word> void oracleSums(const BlockTerm<Word> *terms, int termCount, int rows, int columns, float *acc, int64_t accPitch, bool accumulate) {
  FloatEnvironment environment(SubnormalMode::Keep);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      float sum = accumulate ? acc[r * accPitch + c] : 0.0f;
      for (const BlockTerm<Word> *term = terms; term != terms + termCount; ++term)
        for (int k = 0; k < term->steps; ++k)
          sum = oracleStep(term->a[k * term->aPitch + r], term->b[k * term->bPitch + c], sum);
      acc[r * accPitch + c] = canonical(sum);
    }
}

} // namespace

TEST_CASE("N6: the known answers are those of the oracle and of every variant that this CPU has", "[numerics]") {
  // The scalar kernels, which other tests hold against the oracles, and the matrix engine's oracle in both forms. With MANASLU_PRINT_ANSWERS set the answers
  // are printed in the form of lib/Numerics/KnownAnswers.inc.
  std::vector<KernelAnswer> answers = kernelAnswers(scalarKernels(), {8, 8, 8, oracleSums<float>, oracleSums<uint32_t>});
  if (std::getenv("MANASLU_PRINT_ANSWERS"))
    for (const KernelAnswer &answer : answers)
      std::printf("{\"%s\", 0x%016llxu},\n", answer.kernel.c_str(), static_cast<unsigned long long>(answer.hash));
  auto textOf = [](const Status &status) { return status ? std::string() : status.error().text(); };
  CHECK(textOf(compareAnswers(Variant::Scalar, answers)) == "");
  for (Variant variant : availableVariants())
    CHECK(textOf(selfTest(variant)) == "");
  CHECK(checkKernels());
}

TEST_CASE("N6: a kernel with one wrong bit is named", "[numerics]") {
  KernelTable broken = scalarKernels();
  broken.unary[static_cast<int>(UnaryFunction::Exp)] = [](const float *x, float *y, int64_t n) {
    scalarKernels().unary[static_cast<int>(UnaryFunction::Exp)](x, y, n);
    y[n - 1] = fromBits(bits(y[n - 1]) ^ 1);
  };
  broken.reduce[static_cast<int>(AluOperation::Add)] = [](const float *, int64_t) { return 1.0f; };
  Status status = compareAnswers(Variant::Scalar, kernelAnswers(broken, scalarMatmul()));
  REQUIRE(!status);
  CHECK(status.error().items().front().code == "MN-RUN-KERNELS");
  CHECK(status.error().items().front().message ==
        "the kernels of variant scalar fail their self-test: unary 1, reduce 0; set MANASLU_KERNELS to another variant");
}

TEST_CASE("N6: a matmul kernel that keeps subnormals is found", "[numerics]") {
  MatmulTable broken = scalarMatmul();
  broken.steps = [](const BlockTerm<float> *terms, int termCount, int rows, int columns, float *acc, int64_t accPitch, bool) {
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c)
        for (const BlockTerm<float> *term = terms; term != terms + termCount; ++term)
          for (int k = 0; k < term->steps; ++k) { // two roundings
            double product = static_cast<double>(term->a[k * term->aPitch + r]) * term->b[k * term->bPitch + c];
            acc[r * accPitch + c] = static_cast<float>(product + acc[r * accPitch + c]);
          }
  };
  CHECK(!compareAnswers(Variant::Scalar, kernelAnswers(scalarKernels(), broken)));
}
