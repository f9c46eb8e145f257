#include "capture/collect_waits.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <tuple>

namespace tr::capture {
namespace {

// By enum tr_place_kind; part of files and reports, never changed.
constexpr std::array<std::string_view, TR_PLACES> kPlaceNames{"",      "address",    "ports",
                                                              "inode", "descriptor", "count"};

std::string name_in(const char (&name)[TR_COMM_LENGTH]) {
  return {std::begin(name), std::find(std::begin(name), std::end(name), '\0')};
}

bool is_named(std::uint32_t waker) {
  return waker == TR_WOKEN_BY_TREE || waker == TR_WOKEN_BY_OTHER || waker == TR_WOKEN_BY_KERNEL;
}

bool comes_before(const tr_cause_key& a, const tr_cause_key& b) {
  const auto order = [](const tr_cause_key& key) {
    return std::tuple(key.wait, key.place.kind, key.place.tgid, key.place.which,
                      std::string_view(key.waker, sizeof(key.waker)));
  };
  return order(a) < order(b);
}

void add(tr_durations& durations, std::uint64_t ns) {
  ++durations.count;
  durations.ns += ns;
  durations.max_ns = std::max<std::uint64_t>(durations.max_ns, ns);
  ++durations.buckets[std::min<std::size_t>(kKernelBuckets.index(ns), TR_WAIT_BUCKETS - 1)];
}

Durations durations_of(const tr_durations& raw) {
  Durations durations;
  durations.count = raw.count;
  durations.ns = raw.ns;
  durations.max_ns = raw.max_ns;
  for (std::size_t bucket = 0; bucket < TR_WAIT_BUCKETS; ++bucket)
    durations.buckets.push_back({bucket, raw.buckets[bucket]});
  return durations;
}

class WaitCollector {
 public:
  WaitCollector(const RawCounts& raw, const RawWaits& waits, const Names& names)
      : raw_(raw), waits_(waits), names_(names) {}

  Waits run() {
    std::vector<tr_cause> sums = waits_.causes;
    if (sums.empty()) sums.emplace_back();
    std::map<tr_cause_key, tr_cause, decltype(&comes_before)> causes(&comes_before);
    for (const tr_thread& record : raw_.records)
      close_run_up(record, sums);
    for (const auto& [key, number] : waits_.numbers)
      if (number != TR_CAUSE_OTHERS && number < sums.size()) causes[key] = sums[number];
    for (const tr_thread& record : raw_.records)
      close_wait(record, [&](const tr_cause_key& key) -> tr_cause& { return causes[key]; });

    Waits result;
    result.other_waits = durations_of(sums.front().waits);
    result.other_run_queue = durations_of(sums.front().run_queue);
    for (const auto& [key, cause] : causes)
      if (cause.waits.count + cause.run_queue.count > 0)
        result.causes.push_back(cause_of(key, cause));
    std::ranges::stable_sort(result.causes, std::greater(),
                             [](const WaitCause& cause) { return cause.waits.ns; });
    collect_handoffs(result);
    collect_arrivals(result);
    return result;
  }

 private:
  // As the probes' add_run_up(), for a thread that waits for a CPU at the close.
  void close_run_up(const tr_thread& record, std::vector<tr_cause>& sums) const {
    if (record.serial == 0 || record.state != TR_STATE_WOKEN) return;
    const auto sleep = waits_.sleeps.find(record.slot);
    if (sleep == waits_.sleeps.end() || sleep->second.running_up >= sums.size()) return;
    if (record.since_ns < raw_.window_close_ns)
      add(sums[sleep->second.running_up].run_queue,
          inside(raw_, record.since_ns, raw_.window_close_ns));
  }

  // As add_cause(), for a thread that sleeps at the close, or whose wake-up is then under way.
  template <class CauseOf>
  void close_wait(const tr_thread& record, CauseOf&& cause_of) const {
    const auto open = open_wait(raw_, record);
    if (!open) return;
    tr_cause_key key{};
    key.wait = open->cause;
    tr_wait_note sleep{};
    if (const auto found = waits_.sleeps.find(record.slot); found != waits_.sleeps.end())
      sleep = found->second;
    key.place = sleep.place;
    const bool named = is_named(open->cause & 15);
    if (named) std::ranges::copy(sleep.waker, key.waker);
    tr_cause& cause = cause_of(key);
    if (named && cause.waker_tid != sleep.waker_tid)
      cause.waker_tid = cause.waker_tid == 0 ? sleep.waker_tid : TR_SEVERAL;
    add(cause.waits, open->ns);
  }

  [[nodiscard]] WaitCause cause_of(const tr_cause_key& key, const tr_cause& raw) const {
    const Wait wait = name_cause(key.wait, names_);
    WaitCause cause;
    cause.call = wait.call;
    cause.object = wait.object;
    cause.waker = wait.waker;
    if (key.place.kind < kPlaceNames.size()) cause.place = kPlaceNames.at(key.place.kind);
    cause.which = key.place.which;
    if (key.place.kind == TR_PLACE_PORTS) {
      cause.which = key.place.which >> 16;
      cause.far_port = key.place.which & 0xffff;
    }
    cause.tgid = key.place.tgid;
    cause.waker_name = name_in(key.waker);
    if (raw.waker_tid != TR_SEVERAL) cause.waker_tid = raw.waker_tid;
    cause.waits = durations_of(raw.waits);
    cause.run_queue = durations_of(raw.run_queue);
    return cause;
  }

  void collect_handoffs(Waits& result) const {
    for (const auto& [key, raw] : waits_.handoffs) {
      Handoff handoff;
      handoff.waker_tid = key.waker_tid;
      handoff.sleeper_tid = key.sleeper_tid;
      handoff.waker = name_in(raw.waker);
      handoff.sleeper = name_in(raw.sleeper);
      handoff.count = raw.count;
      result.handoffs.push_back(std::move(handoff));
    }
    std::ranges::sort(result.handoffs, [](const Handoff& a, const Handoff& b) {
      return std::tie(b.count, a.waker_tid, a.sleeper_tid) <
             std::tie(a.count, b.waker_tid, b.sleeper_tid);
    });
    result.other_handoffs = waits_.unnamed_handoffs;
  }

  void collect_arrivals(Waits& result) const {
    if (!waits_.arrivals) return;
    auto& arrivals = result.arrivals.emplace();
    for (const auto& [port, raw] : *waits_.arrivals)
      if (raw.woken > 0)
        arrivals.push_back({port, raw.connections, raw.woken, raw.herds, raw.too_many});
  }

  const RawCounts& raw_;
  const RawWaits& waits_;
  const Names& names_;
};

}  // namespace

Waits collect_waits(const RawCounts& raw, const RawWaits& waits, const Names& names) {
  return WaitCollector(raw, waits, names).run();
}

}  // namespace tr::capture
