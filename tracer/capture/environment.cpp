#include "capture/environment.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string_view>
#include <sys/utsname.h>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "capture/kernel_file.h"
#include "util/cpu_set.h"
#include "util/text.h"

namespace tr::capture {
namespace {

// An arm64 kernel gives numbers (MIDR_EL1) where x86 gives a name. The numbers are Arm's, as listed
// in Linux arch/arm64/include/asm/cputype.h and util-linux sys-utils/lscpu-arm.c.
struct ArmPart {
  unsigned implementer;
  unsigned part;
  std::string_view name;
};
constexpr ArmPart kArmParts[] = {
    {0x41, 0xd03, "Cortex-A53"},       {0x41, 0xd04, "Cortex-A35"},
    {0x41, 0xd05, "Cortex-A55"},       {0x41, 0xd07, "Cortex-A57"},
    {0x41, 0xd08, "Cortex-A72"},       {0x41, 0xd09, "Cortex-A73"},
    {0x41, 0xd0a, "Cortex-A75"},       {0x41, 0xd0b, "Cortex-A76"},
    {0x41, 0xd0c, "Neoverse-N1"},      {0x41, 0xd0d, "Cortex-A77"},
    {0x41, 0xd40, "Neoverse-V1"},      {0x41, 0xd41, "Cortex-A78"},
    {0x41, 0xd44, "Cortex-X1"},        {0x41, 0xd46, "Cortex-A510"},
    {0x41, 0xd47, "Cortex-A710"},      {0x41, 0xd48, "Cortex-X2"},
    {0x41, 0xd49, "Neoverse-N2"},      {0x41, 0xd4a, "Neoverse-E1"},
    {0x41, 0xd4b, "Cortex-A78C"},      {0x41, 0xd4d, "Cortex-A715"},
    {0x41, 0xd4e, "Cortex-X3"},        {0x41, 0xd4f, "Neoverse-V2"},
    {0x41, 0xd80, "Cortex-A520"},      {0x41, 0xd81, "Cortex-A720"},
    {0x41, 0xd82, "Cortex-X4"},        {0x41, 0xd84, "Neoverse-V3"},
    {0x41, 0xd8e, "Neoverse-N3"},      {0x43, 0x0a1, "ThunderX"},
    {0x43, 0x0af, "ThunderX2"},        {0x46, 0x001, "A64FX"},
    {0x48, 0xd01, "Kunpeng-920"},      {0x4e, 0x004, "Carmel"},
    {0x51, 0x800, "Kryo-2XX-Gold"},    {0x51, 0x801, "Kryo-2XX-Silver"},
    {0x51, 0x804, "Kryo-4XX-Gold"},    {0x51, 0x805, "Kryo-4XX-Silver"},
    {0x61, 0x022, "Icestorm-M1"},      {0x61, 0x023, "Firestorm-M1"},
    {0x61, 0x032, "Blizzard-M2"},      {0x61, 0x033, "Avalanche-M2"},
    {0x6d, 0xd49, "Azure-Cobalt-100"}, {0xc0, 0xac3, "Ampere-1"},
    {0xc0, 0xac4, "Ampere-1a"},
};

std::optional<unsigned> parse_hex(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string arm_name(std::string_view implementer, std::string_view part) {
  const auto maker = parse_hex(implementer);
  const auto number = parse_hex(part);
  for (const ArmPart& known : kArmParts)
    if (maker == known.implementer && number == known.part) return std::string(known.name);
  return fmt::format("Arm implementer {} part {}", implementer, part);
}

// x86 repeats one model for every CPU; a big.LITTLE machine names each kind of core once, in the
// order of appearance: "Cortex-A53 + Cortex-A72".
std::string cpu_model(std::string_view cpuinfo) {
  if (const auto model = field_of(cpuinfo, "model name")) return std::string(*model);
  std::vector<std::string> models;
  std::string_view implementer;
  for (const std::string_view line : split(cpuinfo, '\n')) {
    if (const auto value = field_of(line, "CPU implementer")) implementer = *value;
    const auto part = field_of(line, "CPU part");
    if (!part) continue;
    std::string name = arm_name(implementer, *part);
    if (std::find(models.begin(), models.end(), name) == models.end())
      models.push_back(std::move(name));
  }
  return fmt::format("{}", fmt::join(models, " + "));
}

bool has_flag(std::string_view cpuinfo, std::string_view flag) {
  const auto flags = field_of(cpuinfo, "flags");
  if (!flags) return false;
  const auto all = split(*flags, ' ');
  return std::find(all.begin(), all.end(), flag) != all.end();
}

// A hypervisor's name for itself in the firmware's tables, and the name people know it by.
struct DmiName {
  std::string_view prefix;
  std::string_view name;
};
constexpr DmiName kDmiNames[] = {
    {"KVM", "KVM"},
    {"OpenStack", "KVM"},
    {"Amazon EC2", "Amazon EC2"},
    {"Google Compute Engine", "Google Compute Engine"},
    {"QEMU", "QEMU"},
    {"VMware", "VMware"},
    {"VirtualBox", "VirtualBox"},
    {"innotek GmbH", "VirtualBox"},
    {"Xen", "Xen"},
    {"Bochs", "Bochs"},
    {"Parallels", "Parallels"},
    {"BHYVE", "bhyve"},
    {"Hyper-V", "Hyper-V"},
    {"Apple Virtualization", "Apple Virtualization"},
};

std::string hypervisor_in_dmi(const std::string& root) {
  const std::string dmi = "/sys/class/dmi/id/";
  const std::string product = kernel_text(root, dmi + "product_name").value_or("");
  // Amazon's firmware says the same on machines rented whole, of types such as c7g.metal.
  if (product.ends_with(".metal") || product.find(".metal-") != std::string::npos) return "";
  const std::string vendor = kernel_text(root, dmi + "sys_vendor").value_or("");
  if (vendor == "Microsoft Corporation" && product == "Virtual Machine") return "Hyper-V";
  for (const std::string& said :
       {product, vendor, kernel_text(root, dmi + "board_vendor").value_or(""),
        kernel_text(root, dmi + "bios_vendor").value_or("")})
    for (const DmiName& known : kDmiNames)
      if (said.starts_with(known.prefix)) return std::string(known.name);
  return "";
}

// Paravirtual clocks are there only under their own hypervisor.
std::string hypervisor_of_clock(const std::string& root) {
  const std::string clocks =
      kernel_text(root, "/sys/devices/system/clocksource/clocksource0/available_clocksource")
          .value_or("");
  if (clocks.find("kvm-clock") != std::string::npos) return "KVM";
  if (clocks.find("hyperv") != std::string::npos) return "Hyper-V";
  if (clocks.find("xen") != std::string::npos) return "Xen";
  return "";
}

// Arm guests without firmware tables; "linux,dummy-virt" is the machine of QEMU and its like.
std::string hypervisor_in_device_tree(const std::string& root) {
  const std::string tree = "/proc/device-tree/";
  const std::string hypervisor = kernel_text(root, tree + "hypervisor/compatible").value_or("");
  if (hypervisor.starts_with("linux,kvm")) return "KVM";
  if (hypervisor.starts_with("xen")) return "Xen";
  const std::string machine = kernel_text(root, tree + "compatible").value_or("");
  return machine.starts_with("linux,dummy-virt") ? "unknown hypervisor" : "";
}

std::string virtualization(const std::string& root, std::string_view cpuinfo) {
  if (kernel_text(root, "/sys/hypervisor/type") == "xen") return "Xen";
  const bool x86 = field_of(cpuinfo, "flags").has_value();
  // On x86 the CPU itself says whether a hypervisor is there; a name in the firmware alone does not
  // prove it, since clouds give whole machines the same firmware.
  const bool flagged = has_flag(cpuinfo, "hypervisor");
  if (x86 && !flagged) return "";
  std::string name = hypervisor_in_dmi(root);
  if (name.empty()) name = hypervisor_of_clock(root);
  if (name.empty()) name = hypervisor_in_device_tree(root);
  if (name.empty() && flagged) return "unknown hypervisor";
  return name;
}

// The machine's memory; the file counts in KiB although it says kB (Linux fs/proc/meminfo.c).
std::uint64_t memory_bytes(const std::string& root) {
  const auto meminfo = kernel_text(root, "/proc/meminfo");
  if (!meminfo) return 0;
  const auto total = field_of(*meminfo, "MemTotal");
  return total ? parse_u64(split(*total, ' ').front()).value_or(0) * 1024 : 0;
}

// The affinity mask may name CPUs that are not plugged in, so both files are needed.
std::string cpus_of_this_process(const std::string& root) {
  const std::string status = kernel_text(root, "/proc/self/status").value_or("");
  const auto allowed = field_of(status, "Cpus_allowed_list");
  if (!allowed) return "";
  const auto online =
      parse_cpu_list(kernel_text(root, "/sys/devices/system/cpu/online").value_or(""));
  const auto permitted = parse_cpu_list(*allowed);
  if (!online || !permitted) return std::string(*allowed);
  CpuList usable;
  std::set_intersection(online->begin(), online->end(), permitted->begin(), permitted->end(),
                        std::back_inserter(usable));
  return format_cpu_list(usable);
}

}  // namespace

Environment read_environment(const std::string& root, std::time_t now) {
  utsname system{};
  ::uname(&system);
  const std::string cpuinfo = kernel_text(root, "/proc/cpuinfo").value_or("");
  Environment environment;
  environment.tool_version = TRACE_RUN_VERSION;
  environment.date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
  environment.kernel = kernel_text(root, "/proc/sys/kernel/osrelease").value_or(system.release);
  // /proc/sys/kernel/arch exists since Linux 6.1.
  environment.architecture = kernel_text(root, "/proc/sys/kernel/arch").value_or(system.machine);
  environment.cpu_model = cpu_model(cpuinfo);
  environment.cpus = cpus_of_this_process(root);
  environment.clocksource =
      kernel_text(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource")
          .value_or("");
  environment.memory_bytes = memory_bytes(root);
  environment.virtualization = virtualization(root, cpuinfo);
  return environment;
}

}  // namespace tr::capture
