// How long do intervals take? The differences of 200 figures over 30 pairs of runs: each of 10,000
// draws (statistics/sample.h), for the difference and for the ratio.
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "statistics/difference.h"

namespace {

constexpr std::size_t kFigures = 200;
constexpr std::size_t kPairs = 30;

std::vector<std::vector<double>> draw_figures(std::mt19937_64& random) {
  std::lognormal_distribution<double> value(0, 0.2);
  std::vector<std::vector<double>> figures(kFigures, std::vector<double>(kPairs));
  for (auto& runs : figures)
    for (double& run : runs)
      run = value(random);
  return figures;
}

void paired(benchmark::State& state) {
  std::mt19937_64 random(1);
  const auto a = draw_figures(random);
  const auto b = draw_figures(random);
  for (auto _ : state)
    for (std::size_t i = 0; i < kFigures; ++i)
      benchmark::DoNotOptimize(tr::statistics::paired(a[i], b[i]));
}
BENCHMARK(paired)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
