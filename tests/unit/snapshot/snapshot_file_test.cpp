#include "snapshot/snapshot_file.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tr {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

Histogram some_values(BucketLayout layout) {
  Histogram values(layout);
  values.record(1'500, 3);
  values.record(9'000'123'456);
  return values;
}

Uring some_uring() {
  UringOperation receive;
  receive.name = "RECV";
  receive.submitted = 1;
  receive.by_sqpoll = 2;
  receive.refused = 3;
  receive.silent = 4;
  receive.polled = 5;
  receive.to_worker = 6;
  receive.completed = 7;
  receive.more = 8;
  receive.broke_silence = 9;
  receive.unknown_start = 10;
  receive.outside_calls = 11;
  receive.errors_by_errno = {{11, 2}, {125, 3}};
  receive.latency = some_values(kKernelBuckets).buckets();
  receive.under_way = 12;
  return {{receive, UringOperation{}}, 13, 14};
}

TaskCounts some_counts() {
  TaskCounts counts;
  counts.voluntary_switches = 1;
  counts.involuntary_switches = 2;
  counts.migrations = 3;
  counts.wakeups = 4;
  counts.user_ns = 5;
  counts.system_ns = 6;
  counts.runqueue_ns = 7;
  counts.blocked_ns = UINT64_MAX;
  counts.received_messages = 9;
  counts.received_bytes = 10;
  counts.sent_messages = 11;
  counts.sent_bytes = 12;
  counts.served_messages = 13;
  counts.served_bytes = 14;
  counts.inter_server_messages = 15;
  counts.futex = {{"WAIT_PRIVATE", 15}, {"WAKE", 16}};
  counts.woke_nobody = {{"WAKE", 4}};
  counts.budget =
      Budget{1, 2, 3, 4, 5, {{"read", "client", "load", 6, 7}, {"", "", "kernel", 8, 9}}, 10, 11};
  SyscallStats call;
  call.number = -1;
  call.compat = true;
  call.name = "read";
  call.calls = 17;
  call.cpu_ns = 16;
  call.returned = 15;
  call.empty = 14;
  call.in_vain = 13;
  call.carried_in = 18;
  call.in_flight = 19;
  call.errors = 20;
  call.total_ns = 21;
  call.errors_by_errno = {{4, 1}, {11, 19}};
  call.latency = some_values(kKernelBuckets).buckets();
  counts.syscalls = {call, SyscallStats{}};
  counts.uring = some_uring();
  return counts;
}

Locks some_locks() {
  Locks locks;
  Futex futex;
  futex.kind = "shared";
  futex.pid = 1;
  futex.address = 2;
  futex.several_processes = true;
  futex.place = {"queue", "/bin/server", 8};
  futex.operations = {{"WAIT", 3}, {"WAKE", 4}};
  futex.waits = 5;
  futex.wait_ns = 6;
  futex.changed = 7;
  futex.timeouts = 8;
  futex.interrupted = 9;
  futex.woken = 10;
  futex.woke_nobody = 11;
  futex.requeued = 12;
  futex.requeued_in = 13;
  futex.handoffs = 14;
  futex.handoff_ns = 15;
  futex.woken_by_others = 16;
  futex.holds = 17;
  futex.hold_ns = 18;
  futex.most_waiters = 19;
  futex.waited_ns = 20;
  futex.wait = some_values(kKernelBuckets).buckets();
  futex.handoff = some_values(kKernelBuckets).buckets();
  futex.handoffs_by_name = {{"a", "b", 21, 22}};
  locks.futexes = {futex, Futex{}};
  locks.kernel = std::vector<KernelLock>{{"mutex", true, true, "tasklist_lock", 1, 2, 3, 4}};
  locks.kernel_unmeasured = "why";
  locks.holds =
      std::vector<MutexHold>{{1, 2, {"m", "x", 3}, 4, 5, 6, some_values(kKernelBuckets).buckets()}};
  locks.holds_unmeasured = "static";
  locks.trap_ns_per_pair = 1.5;
  return locks;
}

// Every member differs from its default: one that is not kept is found out.
Snapshot full_snapshot() {
  Snapshot snapshot;
  snapshot.environment = {
      "0.1.0", "2026-11-21T09:30:00Z", "6.18.5", "x86_64", "CPU", "0-1", "tsc", 1ULL << 34, "kvm",
      1234.5};
  RunConfig& config = snapshot.config;
  config.server = "echo";
  config.argv = {"./echo", "", "--name=\xff\x01"};
  config.attached_pid = 12;
  config.mode = "default";
  config.pin = "1";
  config.pin_load = "0";
  config.load = "echo";
  config.port = 65'535;
  config.connections = 200;
  config.size = 64;
  config.pipeline = 2;
  config.close = true;
  config.duration_s = 10.5;
  config.warmup_s = 0.1;
  config.rate = 1e6;
  config.rate_shape = "fixed";
  config.delay = {.stage = "wake-up", .ns = 250};
  snapshot.window_open_ns = 1'000;
  snapshot.window_close_ns = 2'000;
  snapshot.interrupted = true;
  snapshot.delays = {.count = 3, .ns = 800, .longest_ns = 290};
  LoadResult& load = snapshot.load.emplace();
  load.connections = 1;
  load.connect_failures = 2;
  load.messages = 3;
  load.bytes = 4;
  load.sent = 5;
  load.wrong_answers = 6;
  load.broken_connections = 7;
  load.silent_connections = 8;
  load.first_failure = "reset";
  load.latency = some_values(kLoadBuckets);
  load.service = some_values(kLoadBuckets);
  load.unanswered = 9;
  load.longest_unanswered_ns = 10;
  load.fairness_p5 = 0.5;
  load.fairness_p50 = 1.5;
  load.fairness_p95 = 2.5;
  load.fairness_jain = 0.1;
  load.user_ns = 11;
  load.system_ns = 12;
  load.runqueue_ns = 13;
  load.cpus = 14;
  load.late_sends = 15;
  load.saturated = true;
  load.saturation = "busy";
  load.bins = AnswerBins{100'000'000, {16, 0, 17}};
  snapshot.total = some_counts();
  for (std::int64_t tid = 7; tid < 9; ++tid)
    snapshot.threads.push_back({tid, 7, "worker", 100, true, some_counts(), Schedstat{1, 2}});
  snapshot.folded_threads = 5;
  snapshot.folded_life_ns = 6;
  snapshot.cpu_time = CpuTime{1, 2, 3, 4, 5, 6, 7};
  snapshot.steal = Steal{8, 9};
  snapshot.message_path =
      MessagePath{64,
                  {{"work", some_values(kKernelBuckets).buckets()}, {"send", {}}},
                  {{8, 2, {{"work", 16}}}, {9, 1, {}}},
                  {{"disordered", 3}}};
  const HopTime hop_time{"whole", 5, some_values(kKernelBuckets).buckets()};
  snapshot.message_hops =
      MessageHops{{{3, 2, {hop_time}}, {1, 0, {}}}, {5, 4, {hop_time}}, hop_time, {{"late", 4}}};
  const Durations durations{3, 300, 200, {{{20, 1}, {30, 2}}}};
  snapshot.waits.emplace();
  snapshot.waits->causes.push_back({.call = "read",
                                    .object = "socket",
                                    .waker = "server",
                                    .place = "ports",
                                    .which = 80,
                                    .far_port = 443,
                                    .tgid = 7,
                                    .lies_in = DataPlace{"queue", "/srv/pool", 8},
                                    .waker_name = "worker",
                                    .waker_tid = 8,
                                    .waits = durations,
                                    .run_queue = durations});
  snapshot.waits->other_waits = durations;
  snapshot.waits->handoffs = {{1, 2, "worker", "main", 3}};
  snapshot.waits->other_handoffs = 4;
  snapshot.waits->arrivals = {{80, 5, 6, 7, 8}};
  for (const auto& [figures, name] : kFigureNames)
    snapshot.unmeasured[figures] = "why not " + std::string(name);
  snapshot.memory = Memory{MemoryReading{1, 2, 3, 4, 5}, MemoryReading{5, 6, 7, 8, 9}};
  snapshot.perf = {{"cs", 1, 2, 3, ""}, {"cycles", 0, 0, 0, "no PMU"}};
  snapshot.server_exit = ServerExit{true, 1, 11, 2, 3, 4, 5, 6};
  snapshot.lost = {{"no room", 0}, {"no memory", 3}};
  snapshot.overhead = {1,
                       2,
                       0.25,
                       "calibrated",
                       {{"sys_enter", 3, 4.5, 6}, {"idle", 0, {}, 0}},
                       1 << 20,
                       BareRun{7, 8, 9}};
  snapshot.notes = {"first", "second"};
  snapshot.stacks =
      Stacks{.frames = {{"f", "/bin/x", 0, false}, {"", "/bin/x", 16, true}},
             .stacks = {{}, {{1, 0}, true, true}},
             .modules = {{"/bin/x", "abc"}},
             .blocked = {{1, "worker", "read", "client", "load", 2, 3}},
             .profile = CpuProfile{.event = "cycles", .hz = 99, .stacks = {{1, "worker", 4}}}};
  snapshot.locks = some_locks();
  return snapshot;
}

// The file as values that can be changed; the order of its keys is kept.
Json values_of(const Snapshot& snapshot) {
  return Json::from_cbor(encode_snapshot(snapshot));
}

Result<Snapshot> decode(const Json& values) {
  const std::vector<std::uint8_t> bytes = Json::to_cbor(values);
  return decode_snapshot({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "run");
}

std::string error_of(const Json& values) {
  const Result<Snapshot> result = decode(values);
  return result ? "no error" : result.error().text();
}

TEST(SnapshotFile, KeepsEverything) {
  const Snapshot before = full_snapshot();
  const Result<Snapshot> after = decode_snapshot(encode_snapshot(before), "run");
  ASSERT_TRUE(after.ok()) << after.error().text();
  EXPECT_TRUE(*after == before);
}

TEST(SnapshotFile, KeepsWhatIsAbsentAbsent) {
  const Result<Snapshot> after = decode_snapshot(encode_snapshot(Snapshot{}), "run");
  ASSERT_TRUE(after.ok()) << after.error().text();
  EXPECT_TRUE(*after == Snapshot{});
  EXPECT_FALSE(after->load.has_value());
  EXPECT_FALSE(after->overhead.probe_ns.has_value());
}

TEST(SnapshotFile, BeginsWithFormatAndVersion) {
  EXPECT_EQ(encode_snapshot({}).substr(1, 35),
            "\x66"
            "format"
            "\x72"
            "trace-run snapshot"
            "\x67"
            "version"
            "\x01");
}

TEST(SnapshotFile, IsPlainCbor) {
  const Json values = values_of(full_snapshot());
  EXPECT_EQ(values["config"]["argv"][0], "./echo");
  EXPECT_EQ(values["threads"][1]["counts"]["syscalls"][0]["errors_by_errno"]["11"], 19);
  EXPECT_EQ(values["unmeasured"]["scheduling"], "why not scheduling");
}

TEST(SnapshotFile, SkipsKeysThatItDoesNotKnow) {
  Json values = values_of(full_snapshot());
  const Json later = {{"nested", {1, 2, {{"deep", nullptr}}}}};
  values["later"] = later;
  values["unmeasured"]["later"] = "why";
  values["threads"][0]["counts"]["later"] = later;
  values["threads"][0]["counts"]["syscalls"][0]["later"] = 1;
  const Result<Snapshot> result = decode(values);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_TRUE(*result == full_snapshot());
}

TEST(SnapshotFile, NamesTheVersionThatItCannotRead) {
  Json values = values_of(full_snapshot());
  values["version"] = kSnapshotVersion + 1;
  const Result<Snapshot> result = decode(values);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().failure, Failure::kUsage);
  EXPECT_EQ(result.error().text(),
            "cannot read run: made by a newer trace-run (format 2); this one reads up to 1; update "
            "trace-run");
  values["version"] = 0;
  EXPECT_EQ(error_of(values), "cannot read run: damaged: there is no format 0");
  values["version"] = -1;
  EXPECT_EQ(error_of(values), "cannot read run: damaged: its version is missing");
}

TEST(SnapshotFile, TurnsAwayWhatIsNoSnapshot) {
  for (const std::string text : {"", "{\"schema_version\": 1}",
                                 "\xa1\x66"
                                 "format\x61x",
                                 "\x81\x01"}) {
    const Result<Snapshot> result = decode_snapshot(text, "some.file");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().text(), "cannot read some.file: not a trace-run snapshot");
    EXPECT_EQ(result.error().failure, Failure::kUsage);
  }
}

// Any key of a map whose keys are the snapshot's own.
void for_each_key(Json& values, const std::string& path,
                  const std::function<void(Json& object, const std::string& key,
                                           const std::string& path)>& visit) {
  static const std::set<std::string> kFreeKeys{"futex",           "woke_nobody", "lost",
                                               "errors_by_errno", "unmeasured",  "operations",
                                               "legs_ns",         "notes"};
  if (values.is_array() && !values.empty()) for_each_key(values[0], path + "[0]", visit);
  if (!values.is_object()) return;
  std::vector<std::string> keys;
  for (const auto& [key, value] : values.items())
    keys.push_back(key);
  for (const std::string& key : keys) {
    const std::string here = path.empty() ? key : path + "." + key;
    if (!kFreeKeys.contains(key)) for_each_key(values[key], here, visit);
    if (key != "format" && key != "version") visit(values, key, here);
  }
}

bool may_be_absent(const std::string& key) {
  static const std::set<std::string> kOptional{"load",
                                               "locks",
                                               "kernel_locks",
                                               "mutex_holds",
                                               "trap_ns_per_pair",
                                               "server_exit",
                                               "runqueue_ns",
                                               "probe_ns",
                                               "share_of_cpu",
                                               "ns_per_run",
                                               "tracer_peak_bytes",
                                               "bare",
                                               "switch_ns",
                                               "close",
                                               "reopened",
                                               "bins",
                                               "steal",
                                               "path",
                                               "inter_server_messages",
                                               "anonymous_bytes",
                                               "memory",
                                               "before_load",
                                               "at_close",
                                               "budget",
                                               "cpu_ns",
                                               "cpu_time",
                                               "message_path",
                                               "message_hops",
                                               "wait_causes",
                                               "delay",
                                               "delays",
                                               "arrivals",
                                               "lies_in",
                                               "folded_life_ns",
                                               "returned",
                                               "empty",
                                               "in_vain",
                                               "woke_nobody",
                                               "schedstat",
                                               "stacks",
                                               "profile",
                                               "uring",
                                               "under_way",
                                               "io_worker_ns",
                                               "sqpoll_ns"};
  return kOptional.contains(key);
}

TEST(SnapshotFile, NamesEachKeyThatIsMissing) {
  Json values = values_of(full_snapshot());
  int removed = 0;
  for_each_key(values, "", [&](Json& object, const std::string& key, const std::string& path) {
    // Of two that share a name only the load's run queue is optional.
    const bool namesake = path == "config.load" || path.starts_with("stacks.") ||
                          (key == "runqueue_ns" && !path.starts_with("load."));
    if ((may_be_absent(key) && !namesake) || path == "stacks.profile") return;
    const Json before = object;
    object.erase(key);
    EXPECT_EQ(error_of(values), "cannot read run: " + path + " is missing");
    object = before;
    ++removed;
  });
  EXPECT_GT(removed, 100);
}

TEST(SnapshotFile, TurnsAwayStacksThatReferToNothing) {
  for (const char* at :
       {"/stacks/stacks/1/frames/0", "/stacks/blocked/0/stack", "/stacks/profile/stacks/0/stack"}) {
    Json values = values_of(full_snapshot());
    values[Json::json_pointer(at)] = 2;
    EXPECT_EQ(error_of(values), "cannot read run: stacks refers to what is not there") << at;
  }
}

TEST(SnapshotFile, NamesEachValueOfAnotherType) {
  Json values = values_of(full_snapshot());
  for_each_key(values, "", [&](Json& object, const std::string& key, const std::string& path) {
    const Json before = object;
    for (const Json& wrong : {Json(nullptr), Json(-3), Json::array({Json::object()})}) {
      object[key] = wrong;
      const bool may_be_negative =
          wrong == -3 && (key == "tid" || key == "tgid" || key == "code" || key == "signal" ||
                          key == "number" || key == "attached_pid" || key == "pid");
      if (!may_be_negative) {
        EXPECT_THAT(error_of(values), StartsWith("cannot read run: " + path));
      }
      object = before;
    }
  });
}

struct Wrong {
  std::string pointer;
  Json value;
  std::string problem;
};

TEST(SnapshotFile, SaysWhatIsWrongWithAValue) {
  const std::vector<Wrong> wrongs{
      {"/threads/1/counts/user_ns", -1, "threads[1].counts.user_ns is negative"},
      {"/threads/0/counts/user_ns", 1.5, "threads[0].counts.user_ns is not a whole number"},
      {"/config/port", 65'536, "config.port is not a number up to 65535"},
      {"/config/rate", -0.5, "config.rate is negative or not finite"},
      {"/config/rate", std::nan(""), "damaged at byte"},  // a half-width number: none has it
      {"/server_exit/code", 1ULL << 31, "server_exit.code is out of range"},
      {"/load/latency/sub_bits", 3, "load.latency has buckets of another width"},
      {"/load/latency/max", 1, "load.latency has a maximum outside its highest bucket"},
      {"/load/latency/buckets", Json::binary({0x80}),
       "load.latency.buckets is not a list of buckets"},
      {"/total/syscalls/0/latency", "text", "total.syscalls[0].latency is not a byte string"},
      {"/total/syscalls/0/errors_by_errno",
       {{"4096", 1}},
       "total.syscalls[0].errors_by_errno.4096 is not an errno"},
      {"/total/syscalls/0/errors_by_errno",
       {{"EINTR", 1}},
       "total.syscalls[0].errors_by_errno.EINTR is not an errno"},
      {"/lost/no room", -1, "lost.no room is negative"},
      {"/threads", Json::object(), "threads is not a list"},
      {"/window_close_ns", 999, "window_close_ns is before window_open_ns"},
  };
  for (const Wrong& wrong : wrongs) {
    Json values = values_of(full_snapshot());
    values[Json::json_pointer(wrong.pointer)] = wrong.value;
    const Result<Snapshot> result = decode(values);
    ASSERT_FALSE(result.ok()) << wrong.problem;
    EXPECT_EQ(result.error().failure, Failure::kUsage);
    EXPECT_THAT(result.error().text(), StartsWith("cannot read run: " + wrong.problem));
  }
}

TEST(SnapshotFile, RefusesMembersThatAreThereTwice) {
  std::string bytes = encode_snapshot({});
  ++bytes[0];  // one more pair
  bytes +=
      "\x65"
      "notes\x80";
  EXPECT_EQ(decode_snapshot(bytes, "run").error().text(),
            "cannot read run: damaged: notes is there twice");
}

TEST(SnapshotFile, RefusesBytesBehindTheEnd) {
  EXPECT_THAT(decode_snapshot(encode_snapshot({}) + '\0', "run").error().text(),
              HasSubstr("damaged at byte"));
}

// A member that nests deeper than any snapshot does, in a place that is skipped and in one that is
// read.
TEST(SnapshotFile, RefusesDeepNesting) {
  Json deep = 1;
  for (int i = 0; i < 100; ++i)
    deep = Json::array({deep});
  Json values = values_of(full_snapshot());
  values["later"] = deep;
  EXPECT_THAT(error_of(values), HasSubstr("nested too deep"));
  values.erase("later");
  values["threads"][0]["comm"] = deep;
  EXPECT_THAT(error_of(values), HasSubstr("nested too deep"));
}

TEST(SnapshotFile, RefusesEveryTruncation) {
  const std::string whole = encode_snapshot(full_snapshot());
  for (std::size_t length = 0; length < whole.size(); ++length)
    ASSERT_FALSE(decode_snapshot(std::string_view(whole).substr(0, length), "run").ok()) << length;
}

// Whatever is in the bytes: an error, or a snapshot that can be kept and read again. Under the
// sanitizers this is the test that nothing is read or computed that must not be.
TEST(SnapshotFile, SurvivesDamage) {
  const std::string whole = encode_snapshot(full_snapshot());
  std::mt19937 random(20261121);
  int readable = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes = whole;
    for (auto flips = 1 + random() % 3; flips > 0; --flips)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const Result<Snapshot> result = decode_snapshot(bytes, "run");
    if (!result) {
      ASSERT_THAT(result.error().text(), StartsWith("cannot read run: "));
      continue;
    }
    ++readable;
    const Result<Snapshot> again = decode_snapshot(encode_snapshot(*result), "run");
    ASSERT_TRUE(again.ok()) << again.error().text();
    ASSERT_TRUE(*again == *result);
  }
  // Some damage only changes a figure.
  EXPECT_GT(readable, 100);
}

class SnapshotOnDisk : public testing::Test {
 protected:
  SnapshotOnDisk() {
    std::string pattern = testing::TempDir() + "trace-run-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~SnapshotOnDisk() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
};

TEST_F(SnapshotOnDisk, IsSavedAndLoaded) {
  const Status saved = save_snapshot(full_snapshot(), path("run.snapshot"));
  ASSERT_TRUE(saved.ok()) << saved.error().text();
  const Result<Snapshot> loaded = load_snapshot(path("run.snapshot"));
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_TRUE(*loaded == full_snapshot());
}

TEST_F(SnapshotOnDisk, SaysWhichFileCannotBeRead) {
  EXPECT_EQ(load_snapshot(path("none")).error().text(),
            "cannot open " + path("none") + ": No such file or directory");
  EXPECT_EQ(load_snapshot(directory_).error().text(),
            "cannot read " + directory_ + ": Is a directory");
  EXPECT_EQ(load_snapshot("/dev/zero").error().text(),
            "cannot read /dev/zero: not a trace-run snapshot");
}

TEST_F(SnapshotOnDisk, IsNotReadWhenAbsurdlyLarge) {
  std::ofstream(path("huge"), std::ios::binary) << encode_snapshot({});
  std::filesystem::resize_file(path("huge"), kMaxSnapshotBytes + 1);  // a hole: takes no room
  EXPECT_EQ(
      load_snapshot(path("huge")).error().text(),
      "cannot read " + path("huge") + ": larger than any snapshot, which has at most 256 MiB");
}

}  // namespace
}  // namespace tr
