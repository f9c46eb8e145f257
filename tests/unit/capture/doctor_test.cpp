#include "capture/doctor.h"

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <bpf/btf.h>
#include <gmock/gmock.h>

#include "capture/probe_groups.h"
#include "fake_perf.h"
#include "fake_root.h"

namespace tr::capture {
namespace {

using testing::HasSubstr;

const std::set<std::string> kTracepoints = {"sys_enter", "sys_exit", "sched_switch", "task_newtask",
                                            "sched_process_exec"};

// The BTF of a kernel that has just these tracepoints.
std::string btf_with(const std::set<std::string>& tracepoints) {
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__new_empty(), &btf__free);
  const int type = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
  for (const std::string& name : tracepoints)
    btf__add_typedef(types.get(), ("btf_trace_" + name).c_str(), type);
  std::uint32_t size = 0;
  const void* raw = btf__raw_data(types.get(), &size);
  return {static_cast<const char*>(raw), size};
}

class FakeProbe : public KernelProbe {
 public:
  int code = 0;                                     // of every try
  std::map<std::string_view, std::string> refused;  // groups, with the reason
  std::optional<std::uint32_t> btf_id;

  Status attach_program(std::uint32_t id) override {
    btf_id = id;
    return answer();
  }
  Status create_task_storage() override { return answer(); }
  Status try_group(const ProbeGroup& group, const std::set<std::string_view>& /*others*/) override {
    const auto reason = refused.find(group.name);
    if (reason == refused.end()) return {};
    return Error{.operation = "load", .object = std::string(group.name), .why = reason->second};
  }
  Status enable_bpf_stats() override { return answer(); }

 private:
  [[nodiscard]] Status answer() const {
    if (code == 0) return {};
    errno = code;
    return errno_error("try");
  }
};

class Doctor : public testing::Test {
 protected:
  Doctor() {
    root_.add("/proc/sys/kernel/osrelease", "6.1.0-30-amd64\n")
        .add("/sys/kernel/btf/vmlinux", btf_with(kTracepoints))
        .add("/sys/kernel/tracing/events/sched/sched_switch/id", "1\n")
        .add("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
        .add("/sys/devices/system/cpu/online", "0-3\n")
        .add("/sys/fs/cgroup/cgroup.controllers", "cpu\n")
        .add("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
        .add("/proc/sys/kernel/perf_event_paranoid", "2\n")
        .add("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n")
        .add("/proc/sys/kernel/bpf_stats_enabled", "0\n")
        .add("/proc/sys/net/core/bpf_jit_enable", "1\n")
        .add("/proc/sys/kernel/threads-max", "200000\n")
        .add("/proc/sys/kernel/pid_max", "4194304\n")
        .add("/proc/sys/vm/max_map_count", "65530\n")
        .add("/proc/sys/net/core/somaxconn", "4096\n")
        .add("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
        .add("/proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max open files            1024                 1048576              files     \n"
             "Max locked memory         8388608              unlimited            bytes     \n");
    be("0", "000001ffffffffff");
  }

  void be(const std::string& user, const std::string& capabilities) {
    root_.add("/proc/self/status", "Name:\tx\nUid:\t" + user + "\t" + user + "\t" + user + "\t" +
                                       user + "\nCapEff:\t" + capabilities +
                                       "\nCpus_allowed_list:\t0-3\n");
  }

  Finding find(const std::string& id) {
    for (const Finding& finding : diagnose(root_.path(), probe_, perf_).findings)
      if (finding.id == id) return finding;
    ADD_FAILURE() << "no finding " << id;
    return {};
  }

  std::string verdict() {
    const Status status = require_tracing(root_.path(), probe_);
    EXPECT_EQ(diagnose(root_.path(), probe_, perf_).verdict().ok(), status.ok());
    if (status.ok()) return "can trace";
    EXPECT_EQ(status.error().failure, Failure::kNotAllowed);
    return status.error().text();
  }

  FakeRoot root_;
  FakeProbe probe_;
  FakePerf perf_;
};

TEST_F(Doctor, FindsNothingWrongWithAGoodMachine) {
  const Diagnosis diagnosis = diagnose(root_.path(), probe_, perf_);
  std::set<std::string> ids;
  for (const Finding& finding : diagnosis.findings) {
    EXPECT_EQ(finding.standing, Standing::kOk) << finding.id << ": " << finding.value;
    EXPECT_EQ(finding.remedy, "") << finding.id;
    EXPECT_NE(finding.value, "") << finding.id;
    EXPECT_NE(finding.value, "not reported") << finding.id;
    EXPECT_TRUE(ids.insert(finding.id).second) << finding.id << " twice";
  }
  EXPECT_EQ(verdict(), "can trace");
  EXPECT_TRUE(probe_.btf_id.has_value());
}

TEST_F(Doctor, RefusesKernelsWithoutTaskStorage) {
  for (const char* old : {"5.10.0-28-amd64", "4.19.0", "5.9"}) {
    root_.add("/proc/sys/kernel/osrelease", old);
    EXPECT_THAT(verdict(), HasSubstr("boot a kernel 5.15 or later")) << old;
  }
  for (const char* enough : {"5.15.0", "6.1.0-30-amd64", "5.15.0-rc1"}) {
    root_.add("/proc/sys/kernel/osrelease", enough);
    EXPECT_EQ(verdict(), "can trace") << enough;
  }
}

TEST_F(Doctor, NeedsBtf) {
  root_.add("/sys/kernel/btf/vmlinux", "not BTF");
  EXPECT_EQ(verdict(),
            "cannot trace: BTF: no /sys/kernel/btf/vmlinux; boot a kernel built with "
            "CONFIG_DEBUG_INFO_BTF=y, as Debian's are");
}

TEST_F(Doctor, NamesTheTracepointThatIsMissing) {
  auto tracepoints = kTracepoints;
  tracepoints.erase("sched_switch");
  root_.add("/sys/kernel/btf/vmlinux", btf_with(tracepoints));
  EXPECT_EQ(find("tracepoint.sched_switch").standing, Standing::kMissing);
  EXPECT_EQ(find("tracepoint.sys_enter").standing, Standing::kOk);
  EXPECT_THAT(verdict(), HasSubstr("cannot trace: tracepoint sched_switch: not in this kernel"));
}

TEST_F(Doctor, GoesOnWithoutTheProbesThatThisKernelRefuses) {
  probe_.refused["sockets"] = "this kernel has no tracepoint sock_send_length";
  const Finding finding = find("probes.sockets");
  EXPECT_EQ(finding.standing, Standing::kLimited);
  EXPECT_EQ(finding.value, "this kernel has no tracepoint sock_send_length");
  EXPECT_THAT(finding.meaning, HasSubstr("looking at the descriptor"));
  EXPECT_EQ(find("probes.wake-ups").standing, Standing::kOk);
  // What it would have needed them for is done otherwise.
  EXPECT_EQ(find("probes.io_uring_sends").value, "not used on this kernel");
  EXPECT_EQ(verdict(), "can trace");
}

TEST_F(Doctor, CannotTraceWithoutTheInnermostProbes) {
  probe_.refused["calls"] = "this kernel's verifier refuses on_sys_enter";
  const Status verdict = diagnose(root_.path(), probe_, perf_).verdict();
  ASSERT_FALSE(verdict);
  EXPECT_THAT(verdict.error().text(), HasSubstr("refuses on_sys_enter"));
}

// There would be one reason, over and over.
TEST_F(Doctor, TriesNoProbesWithoutThePrivilege) {
  probe_.code = EPERM;
  be("1000", "0000000000000000");
  for (const Finding& finding : diagnose(root_.path(), probe_, perf_).findings)
    EXPECT_FALSE(finding.id.starts_with("probes.")) << finding.id;
}

TEST_F(Doctor, SaysWhichPrivilegeIsMissing) {
  probe_.code = EPERM;
  be("1000", "0000000000000000");
  EXPECT_EQ(verdict(), "cannot trace: needs CAP_BPF and CAP_PERFMON (or root); run it with sudo");
  be("1000", "0000008000000000");  // CAP_BPF alone
  EXPECT_EQ(verdict(), "cannot trace: needs CAP_PERFMON (or root); run it with sudo");
}

TEST_F(Doctor, NeedsNoMoreThanBpfAndPerfmon) {
  be("1000", "000000c000000000");
  EXPECT_EQ(verdict(), "can trace");
  EXPECT_EQ(find("privilege.CAP_BPF").standing, Standing::kOk);
  const Finding admin = find("privilege.CAP_SYS_ADMIN");
  EXPECT_EQ(admin.standing, Standing::kLimited);
  EXPECT_EQ(admin.remedy, "run it with sudo");
}

TEST_F(Doctor, BelievesTheTryMoreThanTheCapabilities) {
  probe_.code = EPERM;  // root, and yet refused
  EXPECT_THAT(verdict(), HasSubstr("cannot trace: BPF program refused: Operation not permitted"));
  EXPECT_THAT(verdict(), HasSubstr("a security module"));
  probe_.code = 0;
  be("1000", "0000000000000000");  // no capability, and yet allowed
  EXPECT_EQ(verdict(), "can trace");
}

TEST_F(Doctor, DoesNotSendRootToSudo) {
  be("0", "0000000000000000");
  EXPECT_THAT(find("privilege.CAP_SYS_RESOURCE").remedy, HasSubstr("the container or the system"));
}

TEST_F(Doctor, TellsTheReasonForMissingCounters) {
  perf_.refuse = [](const FakePerf::Event& event) { return event.attr.type == 0 ? ENOENT : 0; };
  const Finding hardware = find("perf.hardware");
  EXPECT_EQ(hardware.standing, Standing::kLimited);
  EXPECT_EQ(hardware.value, "no hardware PMU here");
  EXPECT_EQ(find("perf.software").standing, Standing::kOk);

  be("1000", "0000000000000000");
  perf_.refuse = [](const FakePerf::Event&) { return EACCES; };
  EXPECT_EQ(find("perf.software").value,
            "needs CAP_PERFMON or kernel.perf_event_paranoid <= 1 (it is 2)");
  EXPECT_EQ(find("perf.software").remedy, "run it with sudo");
  EXPECT_EQ(find("perf_event_paranoid").standing, Standing::kLimited);
}

TEST_F(Doctor, WarnsOfASlowClock) {
  const std::string clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  root_.add(clock, "hpet\n");
  EXPECT_EQ(find("clocksource").standing, Standing::kLimited);
  EXPECT_THAT(find("clocksource").meaning, HasSubstr("each reading of the time is a syscall"));
  root_.add(clock, "kvm-clock\n");
  EXPECT_EQ(find("clocksource").standing, Standing::kLimited);
  root_.add(clock, "arch_sys_counter\n");
  EXPECT_EQ(find("clocksource").standing, Standing::kOk);
}

TEST_F(Doctor, KnowsTheLimitsAndTheirRemedies) {
  root_
      .add("/proc/self/limits",
           "Max open files            1024                 4096                 files     \n")
      .add("/proc/sys/net/core/somaxconn", "128\n")
      .add("/proc/sys/vm/max_map_count", "1000\n")
      .add("/sys/devices/system/cpu/online", "0\n");
  EXPECT_EQ(find("limit.open_files").standing, Standing::kLimited);
  EXPECT_EQ(find("limit.open_files").value, "1024, at most 4096");
  EXPECT_EQ(find("limit.backlog").remedy, "sysctl -w net.core.somaxconn=1024");
  EXPECT_EQ(find("limit.maps").remedy, "sysctl -w vm.max_map_count=20000");
  EXPECT_EQ(find("limit.local_ports").value, "32768-60999 (28232)");
  EXPECT_EQ(find("cpus").standing, Standing::kLimited);
  EXPECT_EQ(find("limit.locked_memory").value, "not reported");
  EXPECT_EQ(verdict(), "can trace");
}

TEST_F(Doctor, ReportsWhatSlowsOrForbidsBpf) {
  root_.add("/proc/sys/net/core/bpf_jit_enable", "0\n")
      .add("/proc/sys/kernel/bpf_stats_enabled", "1\n")
      .add("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
  EXPECT_EQ(find("bpf_jit").remedy, "sysctl -w net.core.bpf_jit_enable=1");
  EXPECT_EQ(find("bpf_stats").remedy, "sysctl -w kernel.bpf_stats_enabled=0");
  EXPECT_EQ(find("lockdown").standing, Standing::kLimited);
  EXPECT_EQ(find("lockdown").value, "confidentiality");
}

TEST_F(Doctor, TellsCgroupLayoutsApart) {
  EXPECT_EQ(find("cgroups").value, "v2");
  const auto layout = [&](const FakeRoot& root) {
    return diagnose(root.path(), probe_, perf_).findings.back().value;
  };
  FakeRoot hybrid;
  hybrid.add("/sys/fs/cgroup/unified/cgroup.controllers", "").add("/sys/fs/cgroup/cpu/tasks", "");
  EXPECT_EQ(layout(hybrid), "v1 and v2 (hybrid)");
  FakeRoot v1;
  v1.add("/sys/fs/cgroup/cpu/tasks", "");
  EXPECT_EQ(layout(v1), "v1");
  FakeRoot bare;
  EXPECT_EQ(layout(bare), "not mounted");
  std::filesystem::create_directories(bare.path() + "/sys/fs/cgroup");
  EXPECT_EQ(layout(bare), "not mounted");
}

}  // namespace
}  // namespace tr::capture
