// The reports of a sweep over three servers, two pinnings and four numbers of connections.
#include <cmath>

#include <gtest/gtest.h>

#include "golden_check.h"
#include "report/markdown.h"
#include "report/sweep.h"
#include "report/text.h"
#include "sweep/results.h"
#include "synthetic_sweep.h"

namespace tr::golden {
namespace {

using sweep::Cell;

// What the law gives, with some spread.
std::vector<std::uint64_t> answers(double one, double contention, double crosstalk, double n) {
  const double each = 2 * one * n / (1 + contention * (n - 1) + crosstalk * n * (n - 1));
  std::vector<std::uint64_t> runs;
  for (const double by : {1.0, 1.004, 0.997})
    runs.push_back(static_cast<std::uint64_t>(std::floor(each * by)));
  return runs;
}

sweep::Results made_up() {
  sweep::Results results;
  results.repeats = 3;
  for (const std::string pin : {"", "1"})
    for (const std::uint64_t connections : {1, 10, 100, 1'000, 30'000})
      for (const std::string server : {"thread_echo", "epoll_echo", "python/thread"}) {
        const Cell cell{
            .server = server, .connections = connections, .pin = pin, .size = 64, .pipeline = 1};
        if (connections == 30'000) {
          results.cells.push_back(sweep::judge_cell(
              {.cell = cell,
               .skipped = "cannot open 30000 connections: at most 20000 open files are allowed"},
              {}, {}));
          continue;
        }
        const auto n = static_cast<double>(connections);
        // thread_echo and epoll_echo are alike but for many connections.
        const auto runs =
            runs_of(cell, server == "python/thread" ? answers(6'000, 0.4, 0.0002, n)
                          : server == "thread_echo"
                              ? answers(pin.empty() ? 21'000 : 18'000, 0.14, 2e-6, n)
                              : answers(pin.empty() ? 21'010 : 18'010, 0.14, 1e-6, n));
        results.environment = runs.front().environment;
        results.config = runs.front().config;
        std::vector<Snapshot> kept = runs;
        std::vector<std::string> failures;
        if (server == "python/thread" && connections == 1'000 && pin == "1") {
          kept.clear();
          failures.emplace_back("cannot load the server: Connection refused");
        }
        if (server == "epoll_echo" && connections == 10 && pin == "1") {
          kept.back().steal = Steal{.ns = 900'000'000, .cpus = 2};
          kept.pop_back();
          kept.front().load->saturated = true;
          kept.front().load->saturation = "its CPU was 98 % busy";
        }
        results.cells.push_back(
            sweep::judge_cell({.cell = cell, .skipped = ""}, kept, std::move(failures)));
      }
  results.rankings = sweep::rank(results.cells);
  results.scalings = sweep::fit_scalings(results.cells);
  return results;
}

TEST(GoldenSweep, Terminal) {
  check("sweep.txt", render_text(report::build_report(made_up(), false), {}));
}

TEST(GoldenSweep, Markdown) {
  check("sweep.md", render_markdown(report::build_report(made_up(), true)));
}

TEST(GoldenSweep, PageOfAServer) {
  check("sweep_server.md", render_markdown(report::build_server_report(made_up(), "thread_echo")));
}

TEST(GoldenSweep, Csv) {
  check("sweep.csv", report::render_csv(made_up()));
}

}  // namespace
}  // namespace tr::golden
