// manaslu-benchmark: samples that must be taken in one process, as a JSON list on standard output. The rows and goals are test/benchmark/simulator.py's.
//
//   share FILE OPERATIONS THREADS SAMPLES   OPERATIONS per second of the program over the FMA peak measured just before
//   clock FILE THREADS SAMPLES              time with the clock over the time without
//   ratio FILE FILE THREADS SAMPLES         time of the first program over the time of the second
//   load FILE SAMPLES                       bytes per second of loading and verifying
//   stochastic SAMPLES                      elements per second of stochastic rounding to bf16 on one thread
#include "Peak.h"

#include "lib/ISA/Program.h"
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Random.h"
#include "lib/Sim/Machine.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

namespace manaslu::benchmark {

namespace {

[[noreturn]] void fail(const Error &error) {
  for (const Diagnostic &item : error.items())
    std::cerr << "error: " << item.code << ": " << item.message << "\n";
  std::exit(1);
}

template <class T> T valueOf(Result<T> result) {
  if (!result)
    fail(result.error());
  return std::move(*result);
}

/// Seconds on the wall of a call.
template <class F> double timed(F &&call) {
  auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// A program in a machine with inputs drawn from N(0, 1).
class Loaded {
public:
  explicit Loaded(const std::string &path) : program_(valueOf(isa::load(path))), machine_(valueOf(sim::Machine::create(program_))) {
    std::mt19937 engine(1);
    std::normal_distribution<float> distribution;
    for (const isa::Region &region : program_.regions) {
      if (region.kind != isa::RegionKind::Input && region.kind != isa::RegionKind::Output)
        continue;
      std::vector<std::byte> &bytes = storage_.emplace_back(region.bytes);
      if (region.kind == isa::RegionKind::Output) {
        outputs_.emplace_back(bytes);
        continue;
      }
      std::vector<float> values(region.bytes / static_cast<uint64_t>(sizeOf(region.type)));
      for (float &value : values)
        value = isInteger(region.type) ? 1.0f : distribution(engine); // an index into any table
      numerics::narrow(values.data(), region.type, bytes.data(), 1, static_cast<int64_t>(values.size()));
      inputs_.emplace_back(bytes);
    }
  }

  double seconds(int threads, bool clock) {
    sim::RunOptions options;
    options.threads = threads;
    options.clock = clock;
    return timed([&] { valueOf(machine_.run(inputs_, outputs_, options)); });
  }

private:
  isa::Program program_;
  sim::Machine machine_;
  std::vector<std::vector<std::byte>> storage_;
  std::vector<std::span<const std::byte>> inputs_;
  std::vector<std::span<std::byte>> outputs_;
};

/// The median of `count` values, so that a sample is not one lucky or unlucky run.
template <class F> double medianOf(int count, F &&value) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i)
    values.push_back(value());
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double stochasticRate() {
  constexpr int64_t kElements = 1 << 15;
  static std::vector<float> values(kElements, 1.2345f);
  static std::vector<std::byte> rounded(kElements * 2);
  constexpr int kRepeats = 100;
  double seconds = timed([] {
    for (int i = 0; i < kRepeats; ++i)
      numerics::narrowStochastic(values.data(), DType::BF16, rounded.data(), 1, kElements, {1, 2, 3}, static_cast<uint64_t>(i) * kElements, 1);
  });
  return kRepeats * kElements / seconds;
}

double loadRate(const std::string &path) {
  double seconds = timed([&path] {
    isa::Program program = valueOf(isa::load(path));
    valueOf(sim::Machine::create(program));
  });
  return static_cast<double>(std::filesystem::file_size(path)) / seconds;
}

template <class F> void print(int samples, F &&sample) {
  sample(); // warms the caches up
  std::cout << "[";
  for (int i = 0; i < samples; ++i)
    std::cout << (i ? ", " : "") << sample();
  std::cout << "]\n";
}

int run(const std::vector<std::string> &words) {
  auto number = [&words](size_t i) { return std::atof(words[i].c_str()); };
  auto whole = [&](size_t i) { return static_cast<int>(number(i)); };
  std::string what = words.empty() ? "" : words[0];
  if (what == "share" && words.size() == 5) {
    Loaded program(words[1]);
    print(whole(4), [&] {
      double before = measureFusedPeak(whole(3)), seconds = program.seconds(whole(3), true), after = measureFusedPeak(whole(3));
      return number(2) / seconds / ((before + after) / 2);
    });
  } else if (what == "clock" && words.size() == 4) {
    Loaded program(words[1]);
    print(whole(3), [&] {
      double with = program.seconds(whole(2), true);
      return with / program.seconds(whole(2), false);
    });
  } else if (what == "ratio" && words.size() == 5) {
    Loaded first(words[1]), second(words[2]);
    print(whole(4), [&] {
      double seconds = first.seconds(whole(3), true);
      return seconds / second.seconds(whole(3), true);
    });
  } else if (what == "load" && words.size() == 3) {
    print(whole(2), [&] { return loadRate(words[1]); });
  } else if (what == "stochastic" && words.size() == 2) {
    print(whole(1), [] { return medianOf(5, stochasticRate); });
  } else {
    std::cerr << "usage: manaslu-benchmark share|clock|ratio|load|stochastic ...; see test/benchmark/native/Main.cpp\n";
    return 2;
  }
  return 0;
}

} // namespace

} // namespace manaslu::benchmark

int main(int count, char **words) { return manaslu::benchmark::run({words + 1, words + count}); }
