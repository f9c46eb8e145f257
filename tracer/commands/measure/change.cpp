#include "commands/measure/change.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace tr::commands {
namespace {

using explain::Change;

constexpr std::uint64_t kDeeper = 8;

Error cannot(std::string why) {
  return Error{.failure = Failure::kRun,
               .operation = {},
               .object = {},
               .code = 0,
               .why = std::move(why),
               .remedy = {}};
}

// Of the bundled servers those that have a number of workers.
bool has_workers(const Plan& plan) {
  static constexpr std::array<std::string_view, 3> kKinds{"pool", "prefork", "workers"};
  const std::string_view path = plan.program;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return (name.ends_with("_echo") || name.ends_with("_http")) &&
         std::ranges::any_of(kKinds, [&](std::string_view kind) {
           return name.find(kind) != std::string_view::npos;
         });
}

Result<Plan> with_workers(Plan plan, std::size_t workers) {
  if (!has_workers(plan)) return cannot("its number of workers is not known how to set");
  const std::string option = "--workers";
  const auto given = std::ranges::find(plan.argv, option);
  const std::string number = std::to_string(workers);
  if (given == plan.argv.end())
    plan.argv.insert(plan.argv.end(), {option, number});
  else if (given + 1 != plan.argv.end())
    *(given + 1) = number;
  return plan;
}

Result<Plan> on_one_cpu(Plan plan) {
  const auto usable = usable_cpus();
  if (!usable) return usable.error();
  const CpuList& candidates = plan.pin.empty() ? *usable : plan.pin;
  if (candidates.size() < 2) return cannot("it is on one CPU already");
  // The last that the load leaves free: interrupts are more often on the first.
  const auto free = std::ranges::find_if(candidates.rbegin(), candidates.rend(), [&](int cpu) {
    return std::ranges::find(plan.load.pin, cpu) == plan.load.pin.end();
  });
  if (free == candidates.rend()) return cannot("the load is on all of its CPUs");
  plan.pin = {*free};
  return plan;
}

// How many the server may run on.
Result<std::size_t> cpus_of(const Plan& plan) {
  if (!plan.pin.empty()) return plan.pin.size();
  const auto usable = usable_cpus();
  if (!usable) return usable.error();
  return usable->size();
}

}  // namespace

Result<Plan> changed(Plan plan, Change change) {
  const bool built_in = plan.load_kind == LoadKind::kBuiltIn;
  switch (change) {
    case Change::kOneCpu:
      return on_one_cpu(std::move(plan));
    case Change::kWorkersAsCpus: {
      const auto cpus = cpus_of(plan);
      if (!cpus) return cpus.error();
      return with_workers(std::move(plan), *cpus);
    }
    case Change::kOneWorker:
      return with_workers(std::move(plan), 1);
    case Change::kDeeperPipeline:
      if (!built_in) return cannot("the load is not ours");
      plan.load.pipeline = kDeeper;
      return plan;
    case Change::kFewerConnections:
      if (!built_in) return cannot("the load is not ours");
      plan.load.connections /= 2;
      return plan;
    case Change::kConnectionsAsCpus: {
      if (!built_in) return cannot("the load is not ours");
      const auto cpus = cpus_of(plan);
      if (!cpus) return cpus.error();
      if (plan.load.connections <= *cpus) return cannot("it has no more connections than CPUs");
      plan.load.connections = *cpus;
      return plan;
    }
    case Change::kKeepConnections:
      if (!built_in) return cannot("the load is not ours");
      plan.load.close = false;
      return plan;
    case Change::kMallocKeeps:
      // glibc: mallopt(3), M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD.
      plan.environment = {"MALLOC_MMAP_THRESHOLD_=1073741824", "MALLOC_TRIM_THRESHOLD_=1073741824",
                          "MALLOC_TOP_PAD_=16777216"};
      return plan;
  }
  return plan;
}

}  // namespace tr::commands
