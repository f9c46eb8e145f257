#include "capture/doctor.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <bpf/btf.h>
#include <fmt/format.h>

#include "capture/doctor_limits.h"
#include "capture/kernel_file.h"
#include "capture/perf_encoding.h"
#include "capture/probe_groups.h"
#include "capture/tracefs.h"
#include "util/text.h"

namespace tr::capture {
namespace {

struct BtfFree {
  void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, BtfFree>;

constexpr std::string_view kBtfPath = "/sys/kernel/btf/vmlinux";

struct Tracepoint {
  std::string_view name;
  std::string_view purpose;
};
constexpr Tracepoint kNeededTracepoints[] = {
    {"sys_enter", "counts syscalls"},
    {"sys_exit", "gives syscalls their errors and times"},
    {"sched_switch", "counts context switches; on-CPU, run-queue and blocked time"},
    {"task_newtask", "follows new threads and children"},
    {"sched_process_exec", "opens the window of a program alone"},
};

constexpr std::string_view kSudo = "run it with sudo";

std::string reason(const Error& error) {
  return std::strerror(error.code);
}

// ---- What tracing cannot do without ------------------------------------------------------------

std::optional<std::pair<int, int>> kernel_version(std::string_view release) {
  int major = 0;
  int minor = 0;
  const char* const end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, minor);
  if (second.ec != std::errc{}) return std::nullopt;
  return std::pair(major, minor);
}

Finding check_kernel(const std::string& root) {
  const std::string release = kernel_text(root, "/proc/sys/kernel/osrelease").value_or("unknown");
  // bpf_task_pt_regs(), with which threads that already run are taken in: Linux 5.15. Task storage
  // in tracing programs is older (5.11).
  const auto version = kernel_version(release);
  const bool enough = version && *version >= std::pair(5, 15);
  return {.id = "kernel",
          .subject = "kernel",
          .standing = enough ? Standing::kOk : Standing::kMissing,
          .value = release,
          .meaning = "tracing needs Linux 5.15 or later",
          .remedy = enough ? "" : "boot a kernel 5.15 or later; Debian 12 has 6.1",
          .required = true};
}

Finding check_btf(const Btf& types) {
  return {
      .id = "btf",
      .subject = "BTF",
      .standing = types ? Standing::kOk : Standing::kMissing,
      .value = types ? std::string(kBtfPath) : fmt::format("no {}", kBtfPath),
      .meaning = "the kernel's types, from which programs are fitted to this kernel",
      .remedy = types ? "" : "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as Debian's are",
      .required = true};
}

// The type that describes a BTF-typed tracepoint; nullopt when the kernel has no such tracepoint.
std::optional<std::uint32_t> tracepoint_type(const Btf& types, std::string_view name) {
  if (!types) return std::nullopt;
  const int id = btf__find_by_name_kind(types.get(), fmt::format("btf_trace_{}", name).c_str(),
                                        BTF_KIND_TYPEDEF);
  return id > 0 ? std::optional(static_cast<std::uint32_t>(id)) : std::nullopt;
}

Finding check_tracepoint(const Btf& types, const Tracepoint& tracepoint) {
  const bool there = tracepoint_type(types, tracepoint.name).has_value();
  Finding finding{.id = fmt::format("tracepoint.{}", tracepoint.name),
                  .subject = fmt::format("tracepoint {}", tracepoint.name),
                  .standing = there ? Standing::kOk : Standing::kMissing,
                  .value = there   ? "present"
                           : types ? "not in this kernel"
                                   : "unknown without BTF",
                  .meaning = std::string(tracepoint.purpose),
                  .remedy = {},
                  .required = true};
  if (!there)
    finding.remedy = tracepoint.name.starts_with("sys_")
                         ? "boot a kernel built with CONFIG_FTRACE_SYSCALLS=y, as Debian's are"
                         : "boot your distribution's standard kernel";
  return finding;
}

// ---- Privileges --------------------------------------------------------------------------------

class Capabilities {
 public:
  explicit Capabilities(const std::string& root) {
    const std::string status = kernel_text(root, "/proc/self/status").value_or("");
    const std::string_view mask = field_of(status, "CapEff").value_or("");
    std::from_chars(mask.data(), mask.data() + mask.size(), effective_, 16);
    // Real, effective, saved and file-system user.
    const auto users = split(field_of(status, "Uid").value_or(""), '\t');
    root_ = users.size() > 1 && users[1] == "0";
  }

  [[nodiscard]] bool has(unsigned capability) const { return (effective_ >> capability & 1U) != 0; }
  // CAP_SYS_ADMIN stands for the two that were split off it in Linux 5.8.
  [[nodiscard]] bool may_bpf() const { return has(CAP_BPF) || has(CAP_SYS_ADMIN); }
  [[nodiscard]] bool may_perfmon() const { return has(CAP_PERFMON) || has(CAP_SYS_ADMIN); }
  // How to get one that is not held.
  [[nodiscard]] std::string remedy() const {
    return root_ ? "the container or the system keeps it from root: allow it there"
                 : std::string(kSudo);
  }

 private:
  std::uint64_t effective_ = 0;
  bool root_ = false;
};

constexpr std::string_view kCapBpf = "CAP_BPF";
constexpr std::string_view kCapPerfmon = "CAP_PERFMON";

std::string privilege_id(std::string_view capability) {
  return fmt::format("privilege.{}", capability);
}

// Not required by themselves: the tries tell whether the kernel is content.
std::vector<Finding> check_capabilities(const Capabilities& caps) {
  const auto check = [&](std::string_view name, bool held, Standing without,
                         std::string_view meaning) {
    return Finding{.id = privilege_id(name),
                   .subject = std::string(name),
                   .standing = held ? Standing::kOk : without,
                   .value = held ? "held" : "not held",
                   .meaning = std::string(meaning),
                   .remedy = held ? "" : caps.remedy(),
                   .required = false};
  };
  return {
      check(kCapBpf, caps.may_bpf(), Standing::kMissing, "loads BPF programs"),
      check(kCapPerfmon, caps.may_perfmon(), Standing::kMissing,
            "lets them read the kernel, and counts perf events"),
      check("CAP_SYS_ADMIN", caps.has(CAP_SYS_ADMIN), Standing::kLimited,
            "measures what tracing costs, and reads tracefs where it is not mounted"),
      check("CAP_SYS_RESOURCE", caps.has(CAP_SYS_RESOURCE), Standing::kLimited,
            "raises hard limits such as that of open files"),
      check("CAP_SYS_PTRACE", caps.has(CAP_SYS_PTRACE), Standing::kLimited,
            "looks into other users' processes (--pid)"),
      check("CAP_KILL", caps.has(CAP_KILL), Standing::kLimited,
            "ends a server that runs as another user"),
      check("CAP_SETUID", caps.has(CAP_SETUID), Standing::kLimited,
            "runs the server as the user who called sudo"),
      check("CAP_SETGID", caps.has(CAP_SETGID), Standing::kLimited,
            "runs the server in the groups of the user who called sudo"),
  };
}

// What to do when the kernel refuses a try.
std::string refusal_remedy(const Error& error, const Capabilities& caps) {
  if (error.code != EPERM && error.code != EACCES)
    return "boot your distribution's standard kernel: this one is built without it";
  if (!caps.may_bpf() || !caps.may_perfmon()) return caps.remedy();
  return "the capabilities are held, so a container, a seccomp filter, a security module or "
         "lockdown forbids it: run trace-run outside of it";
}

Finding check_try(std::string id, std::string subject, std::string meaning, const Status& status,
                  const Capabilities& caps) {
  return {.id = std::move(id),
          .subject = std::move(subject),
          .standing = status ? Standing::kOk : Standing::kMissing,
          .value = status ? "works" : "refused: " + reason(status.error()),
          .meaning = std::move(meaning),
          .remedy = status ? "" : refusal_remedy(status.error(), caps),
          .required = true};
}

std::vector<Finding> check_tries(KernelProbe& probe, const Btf& types, const Capabilities& caps) {
  std::vector<Finding> findings;
  // A tracepoint that seldom fires: the try must not slow the machine down.
  if (const auto type = tracepoint_type(types, "sched_process_exec"))
    findings.push_back(check_try("try.program", "BPF program", "the probes themselves",
                                 probe.attach_program(*type), caps));
  findings.push_back(check_try("try.task_storage", "task storage",
                               "tells which threads belong to the server",
                               probe.create_task_storage(), caps));
  return findings;
}

// Everything that tracing cannot do without, and the capabilities that explain a refusal.
std::vector<Finding> required_findings(const std::string& root, KernelProbe& probe,
                                       const Btf& types, const Capabilities& caps) {
  std::vector<Finding> findings{check_kernel(root), check_btf(types)};
  for (const Tracepoint& tracepoint : kNeededTracepoints)
    findings.push_back(check_tracepoint(types, tracepoint));
  for (Finding& finding : check_tries(probe, types, caps))
    findings.push_back(std::move(finding));
  for (Finding& finding : check_capabilities(caps))
    findings.push_back(std::move(finding));
  return findings;
}

// ---- What this kernel takes of the probes -------------------------------------------------------

// The programs themselves, group by group.
std::vector<Finding> check_groups(KernelProbe& probe, const Capabilities& caps) {
  std::vector<Finding> findings;
  for (const ProbeGroup& group : probe_groups()) {
    if (group.needed != nullptr && !group.needed()) continue;
    std::string id = fmt::format("probes.{}", group.name);
    std::ranges::replace(id, ' ', '_');
    const Status status = probe.try_group(group);
    Finding finding{.id = std::move(id),
                    .subject = fmt::format("probes: {}", group.name),
                    .standing = Standing::kOk,
                    .value = "work",
                    .meaning = std::string(group.gives),
                    .remedy = {},
                    .required = group.is_required() && group.wanted(ProbeOptions())};
    if (!status) {
      const Error& error = status.error();
      finding.standing = finding.required ? Standing::kMissing : Standing::kLimited;
      finding.value = error.why.empty() ? error.text() : error.why;
      finding.meaning +=
          fmt::format("; without: {}", group.without.empty() ? "not possible" : group.without);
      const bool of_privilege = error.code == EPERM && error.failure == Failure::kNotAllowed;
      finding.remedy = of_privilege ? refusal_remedy(error, caps)
                                    : "another kernel; nothing else is needed for the rest";
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

// ---- What makes it richer ----------------------------------------------------------------------

Finding check_bpf_stats(const std::string& root, KernelProbe& probe, const Capabilities& caps) {
  Finding finding{.id = "bpf_stats",
                  .subject = "BPF statistics",
                  .standing = Standing::kOk,
                  .value = "can be turned on",
                  .meaning = "measure what tracing itself costs",
                  .remedy = {},
                  .required = false};
  if (kernel_number(root, "/proc/sys/kernel/bpf_stats_enabled").value_or(0) != 0) {
    finding.standing = Standing::kLimited;
    finding.value = "always on";
    finding.meaning = "they slow every BPF program down, during the measurement as well";
    finding.remedy = "sysctl -w kernel.bpf_stats_enabled=0";
  } else if (const Status status = probe.enable_bpf_stats(); !status) {
    finding.standing = Standing::kLimited;
    finding.value = "refused: " + reason(status.error());
    finding.meaning = "the cost of tracing is reported as not measured";
    finding.remedy = caps.has(CAP_SYS_ADMIN) ? refusal_remedy(status.error(), caps) : caps.remedy();
  }
  return finding;
}

Finding check_jit(const std::string& root) {
  const auto jit = kernel_number(root, "/proc/sys/net/core/bpf_jit_enable");
  const bool interpreted = jit == 0;
  return {.id = "bpf_jit",
          .subject = "BPF compiler",
          .standing = interpreted ? Standing::kLimited : Standing::kOk,
          .value = interpreted ? "off"
                   : jit       ? "on"
                               : "not reported",
          .meaning = "programs run as machine code; interpreted ones cost several times more",
          .remedy = interpreted ? "sysctl -w net.core.bpf_jit_enable=1" : "",
          .required = false};
}

Finding check_unprivileged_bpf(const std::string& root) {
  const auto level = kernel_number(root, "/proc/sys/kernel/unprivileged_bpf_disabled");
  return {.id = "unprivileged_bpf_disabled",
          .subject = "unprivileged BPF",
          .standing = Standing::kOk,
          .value = !level        ? "not reported"
                   : *level == 0 ? "allowed"
                                 : "disabled",
          .meaning = "tracing needs CAP_BPF whatever this says",
          .remedy = {},
          .required = false};
}

Finding check_lockdown(const std::string& root) {
  const auto modes = kernel_text(root, "/sys/kernel/security/lockdown");
  std::string mode = "not reported";
  if (modes) {
    const std::size_t open = modes->find('[');
    const std::size_t close = modes->find(']');
    if (open != std::string::npos && close != std::string::npos && open < close)
      mode = modes->substr(open + 1, close - open - 1);
  }
  const bool confidential = mode == "confidentiality";
  return {.id = "lockdown",
          .subject = "kernel lockdown",
          .standing = confidential ? Standing::kLimited : Standing::kOk,
          .value = mode,
          .meaning = confidential ? "BPF and perf may not read the kernel"
                                  : "only \"confidentiality\" stands in the way of tracing",
          .remedy = confidential ? "boot without lockdown=confidentiality" : "",
          .required = false};
}

Finding check_paranoid(const std::string& root, const Capabilities& caps) {
  const auto level = kernel_number(root, "/proc/sys/kernel/perf_event_paranoid");
  const bool free = caps.may_perfmon() || (level && *level < 0);
  return {.id = "perf_event_paranoid",
          .subject = "perf_event_paranoid",
          .standing = free ? Standing::kOk : Standing::kLimited,
          .value = level ? fmt::format("{}", *level) : "not reported",
          .meaning = caps.may_perfmon() ? "CAP_PERFMON is held, so it does not matter"
                                        : "limits what may be counted without CAP_PERFMON",
          .remedy = free ? "" : caps.remedy(),
          .required = false};
}

Finding check_perf(const std::string& root, PerfKernel& perf, const Capabilities& caps,
                   std::string id, std::string subject, const PerfEncoding& event,
                   std::string_view without) {
  const auto opened = perf.open(event.parts[0].attr, 0, -1, false);
  Finding finding{
      .id = std::move(id),
      .subject = std::move(subject),
      .standing = opened ? Standing::kOk : Standing::kLimited,
      .value = opened ? fmt::format("{} works", event.name)
                      : perf_refusal(opened.error().code, event, event.parts[0].attr, root),
      .meaning = opened ? "can be counted with --events" : std::string(without),
      .remedy = {},
      .required = false};
  if (opened) return finding;
  const int code = opened.error().code;
  if (code == EACCES || code == EPERM)
    finding.remedy = caps.may_perfmon() ? refusal_remedy(opened.error(), caps) : caps.remedy();
  else if (!event.software)
    finding.remedy = "run on hardware, or let the hypervisor pass the PMU through";
  else
    finding.remedy = "boot your distribution's standard kernel";
  return finding;
}

std::vector<Finding> check_perf_events(const std::string& root, PerfKernel& perf,
                                       const Capabilities& caps) {
  const auto one = [](std::string name, bool software, std::uint32_t type, std::uint64_t config) {
    return PerfEncoding{.name = std::move(name),
                        .software = software,
                        .parts = {{.attr = {.type = type, .config = config}, .pmu = {}}},
                        .unsupported = {}};
  };
  return {
      check_perf(root, perf, caps, "perf.hardware", "hardware counters",
                 one("cycles", false, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES),
                 "cycles, instructions and their like are reported as not supported"),
      check_perf(root, perf, caps, "perf.software", "software counters",
                 one("context-switches", true, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES),
                 "perf cannot cross-check the probes' counts")};
}

Finding check_tracefs(const std::string& root) {
  const auto tracefs = Tracefs::open(root);
  return {.id = "tracefs",
          .subject = "tracefs",
          .standing = tracefs ? Standing::kOk : Standing::kLimited,
          .value = tracefs ? tracefs->source() : "cannot be read",
          .meaning = "names tracepoints for --events, as in syscalls:sys_enter_futex",
          .remedy = tracefs ? "" : tracefs.error().remedy,
          .required = false};
}

}  // namespace

Status Diagnosis::verdict() const {
  const auto standing_of = [&](std::string_view id) {
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [&](const Finding& finding) { return finding.id == id; });
    return found == findings.end() ? Standing::kOk : found->standing;
  };
  const auto missing = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.required && finding.standing == Standing::kMissing;
  });
  if (missing == findings.end()) return {};
  Error error{.failure = Failure::kNotAllowed,
              .operation = "trace",
              .object = {},
              .code = 0,
              .why = fmt::format("{}: {}", missing->subject, missing->value),
              .remedy = missing->remedy};
  if (missing->id.starts_with("try.")) {
    std::vector<std::string_view> lacking;
    for (const std::string_view capability : {kCapBpf, kCapPerfmon})
      if (standing_of(privilege_id(capability)) != Standing::kOk) lacking.push_back(capability);
    error.why = lacking.empty() ? fmt::format("{} {}", missing->subject, missing->value)
                                : fmt::format("needs {} (or root)", fmt::join(lacking, " and "));
  }
  return error;
}

Diagnosis diagnose(const std::string& root, KernelProbe& probe, PerfKernel& perf) {
  const Btf types(btf__parse_raw((root + std::string(kBtfPath)).c_str()));
  const Capabilities caps(root);
  Diagnosis diagnosis;
  const auto add = [&](std::vector<Finding> findings) {
    for (Finding& finding : findings)
      diagnosis.findings.push_back(std::move(finding));
  };
  add(required_findings(root, probe, types, caps));
  if (diagnosis.verdict()) add(check_groups(probe, caps));
  add({check_unprivileged_bpf(root), check_lockdown(root), check_bpf_stats(root, probe, caps),
       check_jit(root), check_paranoid(root, caps)});
  add(check_perf_events(root, perf, caps));
  add({check_tracefs(root)});
  add(limit_findings(root));
  return diagnosis;
}

Diagnosis diagnose_requirements(const std::string& root, KernelProbe& probe) {
  const Btf types(btf__parse_raw((root + std::string(kBtfPath)).c_str()));
  return {.findings = required_findings(root, probe, types, Capabilities(root)),
          .only_requirements = true};
}

Status require_tracing(const std::string& root, KernelProbe& probe) {
  return diagnose_requirements(root, probe).verdict();
}

}  // namespace tr::capture
