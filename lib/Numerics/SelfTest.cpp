// Runs the kernels on fixed inputs and compares hashes of their outputs with the known ones.
#include "lib/Numerics/SelfTest.h"

#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Environment.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

namespace manaslu::numerics {

namespace {

struct KnownAnswer {
  std::string_view kernel;
  uint64_t hash;
};
constexpr KnownAnswer kKnownAnswers[] = {
#include "lib/Numerics/KnownAnswers.inc"
};

constexpr int kCount = 197; ///< vector loops and their remainders

/// FNV-1a over the bytes of an array.
template <class Array> uint64_t hashOf(const Array &values) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const auto &value : values)
    for (std::byte byte : std::bit_cast<std::array<std::byte, sizeof(value)>>(value))
      hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001b3u;
  return hash;
}

using Floats = std::array<float, kCount>;
using Integers = std::array<int32_t, kCount>;
using Bytes = std::array<std::byte, kCount * 4>;

/// Special values of both signs, then arbitrary bits, then numbers from 2^-9 to 2^8; `turn` gives other pairs of operands.
Floats inputs(uint32_t turn) {
  constexpr uint32_t special[] = {0,          1,          0x7fffff,   0x800000,   0x33000001, 0x3f000000, 0x3f800000,
                                  0x43e80000, 0x477ff000, 0x4f000000, 0x7f7fffff, 0x7f800000, 0x7fc00001};
  Floats values;
  for (uint32_t i = 0; i < kCount; ++i) {
    uint32_t at = (i * (2 * turn + 1) + turn) % kCount, word = (at + 1) * 0x9e3779b9u;
    if (at < 2 * std::size(special))
      word = special[at / 2] | at % 2 << 31;
    else if (at % 2 == 0)
      word = (word & 0x807fffffu) | (118 + word % 17) << 23;
    values[i] = std::bit_cast<float>(word);
  }
  return values;
}

class Runner {
public:
  Runner(const KernelTable &table, const MatmulTable &matmul) : table_(table), matmul_(matmul) {}

  std::vector<KernelAnswer> run() {
    {
      FloatEnvironment environment(SubnormalMode::Keep);
      functions();
      operations();
      conversions();
      randomBits();
    }
    FloatEnvironment environment(SubnormalMode::Flush);
    products();
    return std::move(answers_);
  }

private:
  template <class Array> void add(const char *kernel, int index, const Array &output) {
    answers_.push_back({kernel + (" " + std::to_string(index)), hashOf(output)});
  }

  void functions() {
    for (int i = 0; i < kUnaryFunctionCount; ++i) {
      table_.unary[i](a_.data(), out_.data(), kCount);
      add("unary", i, out_);
    }
    table_.affine(a_.data(), 1.7f, -0.3f, out_.data(), kCount);
    add("affine", 0, out_);
  }

  void operations() {
    for (int i = 0; i < kAluOperationCount; ++i) {
      std::array<Floats, 3> shapes;
      table_.binary[i].vectorVector(a_.data(), b_.data(), shapes[0].data(), kCount);
      table_.binary[i].vectorScalar(a_.data(), 1.5f, shapes[1].data(), kCount);
      table_.binary[i].scalarVector(1.5f, b_.data(), shapes[2].data(), kCount);
      add("binary", i, shapes);
      if (table_.reduce[i])
        add("reduce", i, std::array{table_.reduce[i](c_.data(), kCount - 7)});
    }
    Integers x = std::bit_cast<Integers>(a_), y = std::bit_cast<Integers>(b_);
    for (int i = 0; i < kIntegerOperationCount; ++i) {
      for (size_t j = 0; j < y.size(); j += 3)
        y[j] %= 40; // shift amounts
      std::array<Integers, 2> shapes;
      table_.integer[i].vectorVector(x.data(), y.data(), shapes[0].data(), kCount);
      table_.integer[i].vectorScalar(x.data(), 5, shapes[1].data(), kCount);
      add("integer", i, shapes);
    }
    add("squaredDistance", 0, std::array{table_.squaredDistance(c_.data(), 0.25f, kCount)});
    table_.scanMulAdd(c_.data(), c_.data() + 1, 0.5f, out_.data(), kCount - 1);
    out_[kCount - 1] = 0;
    add("scanMulAdd", 0, out_);
  }

  void conversions() {
    for (int type = 0; type < kDTypeCount; ++type) {
      table_.widen[type](reinterpret_cast<const std::byte *>(a_.data()), 1, out_.data(), kCount);
      add("widen", type, out_);
      for (int overflow = 0; overflow < 2; ++overflow) {
        Bytes stored{};
        table_.narrow[type][overflow](a_.data(), stored.data(), 1, kCount);
        add("narrow", 2 * type + overflow, stored);
      }
    }
    operands();
  }

  /// What the matrix engine does with its operands before it multiplies them.
  void operands() {
    for (int type = 0; type < kDTypeCount; ++type) {
      table_.widenOperand[type](reinterpret_cast<const std::byte *>(a_.data()), 0, out_.data(), 0, 1, kCount);
      for (float &value : out_)
        value = canonical(value);
      add("widenOperand", type, out_);
    }
    for (int kernel = 0; kernel < 3; ++kernel) { // every other element of three rows
      Bytes gathered{};
      int64_t size = int64_t{1} << kernel;
      table_.gather[kernel](reinterpret_cast<const std::byte *>(a_.data()), 48 * size, 2 * size, gathered.data(), 21 * size, 3, 21);
      add("gather", kernel, gathered);
    }
    Floats halves;
    for (size_t i = 0; i < halves.size(); ++i)
      halves[i] = std::bit_cast<float>(std::bit_cast<uint32_t>(c_[i]) & 0xffff0000u);
    std::array<uint32_t, 3 * 17> pairs{};
    table_.packPairs(halves.data(), 20, pairs.data(), 17, 5, 17);
    add("packPairs", 0, pairs);
    table_.joinPairs(reinterpret_cast<const std::byte *>(a_.data()), 36, pairs.data(), 17, 5, 17);
    add("joinPairs", 0, pairs);
    std::array<uint32_t, 256> square, turned{};
    for (size_t i = 0; i < square.size(); ++i)
      square[i] = std::bit_cast<uint32_t>(a_[i % kCount]) + static_cast<uint32_t>(i);
    for (int kernel = 0; kernel < 3; ++kernel) {
      table_.turn[kernel](square.data(), turned.data());
      add("turn", kernel, turned);
    }
    blocks();
  }

  /// Blocks of 7 columns of three rows of 40: four whole vectors and two blocks at the end that are none.
  void blocks() {
    constexpr int kBlocks = 6, kHeight = 7, kWords = 3 * 16;
    for (int pairs = 0; pairs < 2; ++pairs) {
      std::array<uint32_t, kBlocks * kWords> split{};
      (pairs ? table_.splitPairs : table_.splitRows)(reinterpret_cast<const std::byte *>(a_.data()), 164, split.data(), kWords, 3, 40, kHeight);
      for (size_t i = 0; i < split.size(); ++i)
        if (i % 16 >= (i < 5 * kWords ? size_t{kHeight} : size_t{5}))
          split[i] = 0; // holds anything
      add(pairs ? "splitPairs" : "splitRows", 0, split);
    }
  }

  void randomBits() {
    std::array<uint32_t, kCount> words;
    table_.randomWords({0x123456789abcdef0u, 7, 3}, (uint64_t{1} << 34) - 90, -3, words.data(), kCount);
    add("randomWords", 1, words);
    table_.randomWords({0x123456789abcdef0u, 7, 3}, (uint64_t{1} << 34) - 90, 1, words.data(), kCount);
    add("randomWords", 0, words);
    for (int type = 0; type < kDTypeCount; ++type)
      for (int overflow = 0; overflow < 2; ++overflow)
        if (StochasticKernel kernel = table_.narrowStochastic[type][overflow]) {
          Bytes stored{};
          kernel(a_.data(), words.data(), stored.data(), 1, kCount);
          add("narrowStochastic", 2 * type + overflow, stored);
        }
  }

  static constexpr int kSteps = 6, kRows = 5, kColumns = 29;

  /// The kernel's 5 x 29 sums over 6 steps as two terms: whole blocks and one that is not.
  template <class Word, class Kernel>
  void addSums(const char *name, Kernel kernel, const std::array<Word, kSteps * kRows> &left, const std::array<Word, kSteps * kColumns> &right) {
    std::array<float, kRows * kColumns> sums;
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] = i % 2 ? a_[i] : 0.0f;
    for (int column = 0; column < kColumns; column += 2 * matmul_.lanes) {
      const Word *moving = right.data() + column;
      constexpr int kFirst = 2;
      BlockTerm<Word> terms[] = {{left.data(), kRows, moving, kColumns, kFirst, {}, {}},
                                 {left.data() + kFirst * kRows, kRows, moving + kFirst * kColumns, kColumns, kSteps - kFirst, {}, {}}};
      kernel(terms, 2, kRows, std::min(2 * matmul_.lanes, kColumns - column), sums.data() + column, kColumns, true);
    }
    add(name, 0, sums);
  }

  /// The fp32 numbers' upper halves, two of them a word: pairs of bf16.
  template <size_t n> static std::array<uint32_t, n> pairsOf(const std::array<float, n> &values) {
    std::array<uint32_t, n> words;
    for (size_t i = 0; i < n; ++i)
      words[i] = std::bit_cast<uint32_t>(values[i]) >> 16 | (std::bit_cast<uint32_t>(values[n - 1 - i]) & 0xffff0000u);
    return words;
  }

  /// Part of the products lies around the smallest normal number.
  void products() {
    std::array<float, kSteps * kRows> left;
    std::array<float, kSteps * kColumns> right;
    for (size_t i = 0; i < left.size(); ++i)
      left[i] = i % 2 ? c_[i] : c_[i] * 0x1p-62f;
    for (size_t i = 0; i < right.size(); ++i)
      right[i] = i % 3 ? c_[kCount - 1 - i] : c_[kCount - 1 - i] * 0x1p-63f;
    addSums("matmulSteps", matmul_.steps, left, right);
    if (matmul_.pairs)
      addSums("matmulPairs", matmul_.pairs, pairsOf(left), pairsOf(right));
  }

  const KernelTable &table_;
  const MatmulTable &matmul_;
  Floats a_ = inputs(0), b_ = inputs(3), c_ = ordinary(), out_{};
  std::vector<KernelAnswer> answers_;

  static Floats ordinary() {
    Floats values;
    for (uint32_t i = 0; i < kCount; ++i) {
      uint32_t word = (i + 1) * 0x85ebca6bu;
      values[i] = std::bit_cast<float>((word & 0x807fffffu) | (124 + word % 5) << 23);
    }
    return values;
  }
};

} // namespace

std::vector<KernelAnswer> kernelAnswers(const KernelTable &table, const MatmulTable &matmul) { return Runner(table, matmul).run(); }

Status compareAnswers(Variant variant, const std::vector<KernelAnswer> &answers) {
  std::string wrong;
  for (const KernelAnswer &answer : answers) {
    const KnownAnswer *known =
        std::find_if(std::begin(kKnownAnswers), std::end(kKnownAnswers), [&](const KnownAnswer &each) { return each.kernel == answer.kernel; });
    if (known == std::end(kKnownAnswers) || known->hash != answer.hash)
      wrong += (wrong.empty() ? "" : ", ") + answer.kernel;
  }
  if (wrong.empty())
    return {};
  return Error("MN-RUN-KERNELS",
               "the kernels of variant " + std::string(nameOf(variant)) + " fail their self-test: " + wrong + "; set MANASLU_KERNELS to another variant");
}

Status selfTest(Variant variant) { return compareAnswers(variant, kernelAnswers(kernelsOf(variant), matmulKernelsOf(variant))); }

} // namespace manaslu::numerics
