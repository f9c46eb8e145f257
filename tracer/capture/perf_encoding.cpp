#include "capture/perf_encoding.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <perfmon/pfmlib_perf_event.h>

#include "capture/kernel_file.h"
#include "capture/tracefs.h"
#include "util/nearest.h"
#include "util/text.h"

namespace tr::capture {
namespace {

// ---- libpfm4 -----------------------------------------------------------------------------------

Status start_libpfm() {
  static const pfm_err_t error = pfm_initialize();
  if (error == PFM_SUCCESS) return {};
  Error failure;
  failure.operation = "start libpfm4";
  failure.why = pfm_strerror(error);
  return failure;
}

struct LibpfmEvent {
  std::string pmu;
  std::string pmu_description;
  std::string name;
  bool alias = false;  // of a generic event: "CYCLES"
};

enum class Whose { kThisMachine, kAny };

// What libpfm4 knows. Listing the events of all CPUs, some 18,000, takes a tenth of a second.
std::vector<LibpfmEvent> libpfm_events(Whose whose) {
  std::vector<LibpfmEvent> events;
  for (int id = PFM_PMU_NONE; id < PFM_PMU_MAX; ++id) {
    pfm_pmu_info_t pmu{};
    pmu.size = sizeof pmu;
    if (pfm_get_pmu_info(static_cast<pfm_pmu_t>(id), &pmu) != PFM_SUCCESS) continue;
    if (whose == Whose::kThisMachine && pmu.is_present == 0) continue;
    for (int index = pmu.first_event; index >= 0; index = pfm_get_event_next(index)) {
      pfm_event_info_t event{};
      event.size = sizeof event;
      if (pfm_get_event_info(index, PFM_OS_PERF_EVENT_EXT, &event) != PFM_SUCCESS) continue;
      events.push_back({.pmu = pmu.name,
                        .pmu_description = pmu.desc,
                        .name = event.name,
                        .alias = event.equiv != nullptr});
    }
  }
  return events;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// "skl::INST_RETIRED:ANY:u" -> "skl" and "INST_RETIRED".
struct NameParts {
  std::string_view pmu;
  std::string_view event;
};

NameParts split_name(std::string_view name) {
  NameParts parts;
  if (const std::size_t at = name.find("::"); at != std::string_view::npos) {
    parts.pmu = name.substr(0, at);
    name.remove_prefix(at + 2);
  }
  parts.event = name.substr(0, name.find(':'));
  return parts;
}

// The event of that name on a PMU that this machine does not have, or cannot use.
std::optional<LibpfmEvent> find_elsewhere(std::string_view name) {
  const NameParts parts = split_name(name);
  for (LibpfmEvent& event : libpfm_events(Whose::kAny))
    if ((parts.pmu.empty() || lower(parts.pmu) == lower(event.pmu)) &&
        lower(parts.event) == lower(event.name))
      return std::move(event);
  return std::nullopt;
}

bool counts_a_whole_socket(int index) {
  pfm_event_info_t event{};
  event.size = sizeof event;
  pfm_pmu_info_t pmu{};
  pmu.size = sizeof pmu;
  return pfm_get_event_info(index, PFM_OS_PERF_EVENT_EXT, &event) == PFM_SUCCESS &&
         pfm_get_pmu_info(event.pmu, &pmu) == PFM_SUCCESS && pmu.type == PFM_PMU_TYPE_UNCORE;
}

PerfAttr from_libpfm(const perf_event_attr& attr) {
  return {.type = attr.type,
          .config = attr.config,
          .config1 = attr.config1,
          .config2 = attr.config2,
          .exclusive = attr.exclusive != 0,
          .exclude_user = attr.exclude_user != 0,
          .exclude_kernel = attr.exclude_kernel != 0,
          .exclude_hv = attr.exclude_hv != 0,
          .exclude_host = attr.exclude_host != 0,
          .exclude_guest = attr.exclude_guest != 0};
}

Error unknown_event(const std::string& name, const std::vector<std::string>& near) {
  return usage_error(
      fmt::format("unknown perf event \"{}\"", name),
      near.empty() ? "it takes the names that perf list shows, those of libpfm4, and tracepoints "
                     "as SYSTEM:NAME"
                   : fmt::format("did you mean {}?", fmt::join(near, ", ")));
}

// The names of this machine's events, the generic ones as people write them.
std::vector<std::string> usable_names() {
  std::vector<std::string> names;
  for (const LibpfmEvent& event : libpfm_events(Whose::kThisMachine))
    names.push_back(event.alias ? lower(event.name) : event.name);
  return names;
}

// ---- Encoding ----------------------------------------------------------------------------------

// SYSTEM:NAME as tracefs spells them.
std::optional<std::pair<std::string, std::string>> as_tracepoint(std::string_view name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view system = name.substr(0, colon);
  const std::string_view event = name.substr(colon + 1);
  const auto is_word = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-';
    });
  };
  if (!is_word(system) || !is_word(event)) return std::nullopt;
  return std::pair(std::string(system), std::string(event));
}

class Encoder {
 public:
  explicit Encoder(const std::string& root) : root_(root), pmus_(core_pmus(root)) {}

  Result<PerfEncoding> encode(const std::string& name) {
    perf_event_attr attr{};
    attr.size = sizeof attr;
    pfm_perf_encode_arg_t request{};
    request.size = sizeof request;
    request.attr = &attr;
    request.cpu = -1;
    const pfm_err_t error = pfm_get_os_event_encoding(name.c_str(), PFM_PLM0 | PFM_PLM3,
                                                      PFM_OS_PERF_EVENT_EXT, &request);
    switch (error) {
      case PFM_SUCCESS:
        return from_libpfm4(name, attr, request);
      case PFM_ERR_NOTSUPP:
        return absent(name, "this machine or kernel does not have its PMU");
      case PFM_ERR_NOTFOUND:
      case PFM_ERR_INVAL:
        return not_in_libpfm4(name);
      default:
        return usage_error(fmt::format("perf event \"{}\": {}", name, pfm_strerror(error)),
                           "modifiers are written as in cycles:u (user space only) or cycles:k");
    }
  }

 private:
  static PerfEncoding absent(const std::string& name, std::string why) {
    return {.name = name, .software = false, .parts = {}, .unsupported = std::move(why)};
  }

  Result<PerfEncoding> from_libpfm4(const std::string& name, const perf_event_attr& attr,
                                    const pfm_perf_encode_arg_t& request) const {
    if (attr.sample_period != 0 || attr.freq != 0 || attr.precise_ip != 0 || request.cpu >= 0)
      return usage_error(
          fmt::format("perf event \"{}\" has a modifier for sampling or for a CPU", name),
          "leave period, freq, precise and cpu out: events are counted, on every CPU");
    if (counts_a_whole_socket(request.idx))
      return absent(name, "it counts a whole socket, not one program");
    PerfEncoding event{.name = name, .software = false, .parts = {}, .unsupported = {}};
    event.software = attr.type == PERF_TYPE_SOFTWARE;
    event.parts = parts_of(from_libpfm(attr), event.software);
    return event;
  }

  // A generic event means every kind of core; the kernel takes the PMU's type in the upper half of
  // config (PERF_PMU_TYPE_SHIFT; x86 since Linux 5.13, arm64 since 6.6).
  [[nodiscard]] std::vector<PerfPart> parts_of(const PerfAttr& attr, bool software) const {
    if (software) return {{.attr = attr, .pmu = "software"}};
    const bool generic = attr.type == PERF_TYPE_HARDWARE || attr.type == PERF_TYPE_HW_CACHE;
    if (!generic || pmus_.size() < 2) return {{.attr = attr, .pmu = pmu_name(attr.type)}};
    std::vector<PerfPart> parts;
    for (const CorePmu& pmu : pmus_) {
      constexpr unsigned kPmuTypeShift = 32;
      parts.push_back({.attr = attr, .pmu = pmu.name});
      parts.back().attr.config |= static_cast<std::uint64_t>(pmu.type) << kPmuTypeShift;
    }
    return parts;
  }

  [[nodiscard]] std::string pmu_name(std::uint32_t type) const {
    for (const CorePmu& pmu : pmus_)
      if (pmu.type == type) return pmu.name;
    const bool core =
        type == PERF_TYPE_HARDWARE || type == PERF_TYPE_HW_CACHE || type == PERF_TYPE_RAW;
    if (core) return pmus_.empty() ? "cpu" : pmus_.front().name;
    return fmt::format("pmu {}", type);
  }

  Result<PerfEncoding> not_in_libpfm4(const std::string& name) {
    if (const auto tracepoint = as_tracepoint(name))
      return from_tracefs(name, tracepoint->first, tracepoint->second);
    if (const auto event = find_elsewhere(name))
      return absent(name, fmt::format("it is an event of {}, which this machine is not",
                                      event->pmu_description));
    return unknown_event(name, nearest_names(split_name(name).event, usable_names()));
  }

  Result<PerfEncoding> from_tracefs(const std::string& name, const std::string& system,
                                    const std::string& event) {
    if (!tracefs_) tracefs_ = Tracefs::open(root_);
    if (!*tracefs_) return absent(name, "a tracepoint, but " + tracefs_->error().text());
    const auto id = (*tracefs_)->tracepoint_id(system, event);
    if (!id && id.error().code != ENOENT && id.error().code != ENOTDIR)
      return absent(name, id.error().text());
    if (!id) {
      std::vector<std::string> candidates = usable_names();
      for (std::string& candidate : (*tracefs_)->tracepoints())
        candidates.push_back(std::move(candidate));
      std::vector<std::string> near = nearest_names(name, candidates);
      if (near.empty()) near = nearest_names(system, candidates);  // cycels:u
      return unknown_event(name, near);
    }
    return PerfEncoding{
        .name = name,
        .software = true,
        .parts = {{.attr = {.type = PERF_TYPE_TRACEPOINT, .config = *id}, .pmu = "software"}},
        .unsupported = {}};
  }

  std::string root_;
  std::vector<CorePmu> pmus_;
  std::optional<Result<Tracefs>> tracefs_;
};

}  // namespace

std::vector<CorePmu> core_pmus(const std::string& root) {
  namespace fs = std::filesystem;
  const std::string devices = "/sys/bus/event_source/devices/";
  std::vector<CorePmu> pmus;
  std::error_code error;
  for (fs::directory_iterator entry(root + devices, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    // Only a core PMU among several has a file "cpus"; the only one on x86 is called "cpu".
    std::error_code ignored;
    if (name != "cpu" && !fs::exists(entry->path() / "cpus", ignored)) continue;
    if (const auto type = kernel_number(root, devices + name + "/type"))
      pmus.push_back({.name = name, .type = static_cast<std::uint32_t>(*type)});
  }
  std::sort(pmus.begin(), pmus.end(),
            [](const CorePmu& a, const CorePmu& b) { return a.type < b.type; });
  return pmus;
}

Result<std::vector<PerfEncoding>> encode_perf_events(const std::vector<std::string>& names,
                                                     const std::string& root) {
  if (Status status = start_libpfm(); !status) return std::move(status).error();
  Encoder encoder(root);
  std::vector<PerfEncoding> events;
  for (const std::string& given : names) {
    const std::string name(trim(given));
    if (name.empty())
      return usage_error("an empty name in the list of perf events",
                         "separate them by single commas: cycles,instructions");
    const bool repeated = std::any_of(events.begin(), events.end(), [&](const PerfEncoding& event) {
      return event.name == name;
    });
    if (repeated) continue;
    auto event = encoder.encode(name);
    if (!event) return std::move(event).error();
    events.push_back(*std::move(event));
  }
  return events;
}

std::string perf_refusal(int code, const PerfEncoding& event, const PerfAttr& attr,
                         const std::string& root) {
  switch (code) {
    case EACCES:
    case EPERM: {
      // Linux include/linux/perf_event.h, perf_allow_kernel() and its like; 3, Debian's own level,
      // forbids everything.
      const int enough = attr.type == PERF_TYPE_TRACEPOINT ? -1 : attr.exclude_kernel ? 2 : 1;
      const auto level = kernel_number(root, "/proc/sys/kernel/perf_event_paranoid");
      if (level && *level > enough)
        return fmt::format("needs CAP_PERFMON or kernel.perf_event_paranoid <= {} (it is {})",
                           enough, *level);
      return "not allowed: needs CAP_PERFMON, or a security module forbids it";
    }
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EOPNOTSUPP:
      if (event.software) return "this kernel does not count it";
      return core_pmus(root).empty() ? "no hardware PMU here" : "this CPU's PMU does not count it";
    case EINVAL:
      return event.parts.size() > 1
                 ? "this kernel cannot count it on several kinds of core; name one core's PMU"
                 : "this kernel cannot count it for one program";
    case EBUSY:
      return "the PMU is taken by another profiler";
    case ENOSYS:
      return "this kernel is built without perf events";
    default:
      return std::strerror(code);
  }
}

}  // namespace tr::capture
