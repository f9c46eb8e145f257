#include "capture/environment.h"

#include <ostream>
#include <sys/utsname.h>

#include <gtest/gtest.h>

#include "fake_root.h"

namespace tr::capture {
namespace {

constexpr const char* kClocks = "/sys/devices/system/clocksource/clocksource0/";
constexpr const char* kX86Guest =
    "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7763\n"
    "flags\t\t: fpu tsc hypervisor lahf_lm\n\nprocessor\t: 1\nmodel name\t: AMD EPYC 7763\n";
constexpr const char* kX86Metal = "model name\t: Intel(R) Xeon(R)\nflags\t\t: fpu tsc\n";

TEST(Environment, DescribesAnX86Guest) {
  FakeRoot root;
  root.add("/proc/sys/kernel/osrelease", "6.1.0-30-amd64\n")
      .add("/proc/sys/kernel/arch", "x86_64\n")
      .add("/proc/cpuinfo", kX86Guest)
      .add("/proc/meminfo", "MemTotal:       24684096 kB\nMemFree:        1 kB\n")
      .add("/proc/self/status", "Name:\ttest\nCpus_allowed:\tf5\nCpus_allowed_list:\t0,2,4-7\n")
      .add("/sys/devices/system/cpu/online", "0-5\n")
      .add(std::string(kClocks) + "current_clocksource", "tsc\n")
      .add("/sys/class/dmi/id/sys_vendor", "QEMU\n")
      .add("/sys/class/dmi/id/product_name", "KVM Virtual Machine\n");
  const Environment machine = read_environment(root.path(), 1'795'243'445);
  EXPECT_EQ(machine.kernel, "6.1.0-30-amd64");
  EXPECT_EQ(machine.architecture, "x86_64");
  EXPECT_EQ(machine.cpu_model, "AMD EPYC 7763");
  EXPECT_EQ(machine.cpus, "0,2,4-5");  // allowed and plugged in
  EXPECT_EQ(machine.clocksource, "tsc");
  EXPECT_EQ(machine.memory_bytes, 24684096ULL * 1024);
  EXPECT_EQ(machine.virtualization, "KVM");
  EXPECT_EQ(machine.date, "2026-11-21T06:44:05Z");
  EXPECT_FALSE(machine.tool_version.empty());
}

TEST(Environment, NamesEachKindOfArmCoreOnce) {
  FakeRoot root;
  root.add("/proc/cpuinfo",
           "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\n"
           "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\n"
           "processor\t: 2\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
           "processor\t: 3\nCPU implementer\t: 0x41\nCPU part\t: 0xfff\n");
  EXPECT_EQ(read_environment(root.path()).cpu_model,
            "Cortex-A53 + Cortex-A72 + Arm implementer 0x41 part 0xfff");
}

TEST(Environment, LeavesOutWhatTheMachineDoesNotTell) {
  const FakeRoot root;
  const Environment machine = read_environment(root.path());
  utsname system{};
  ASSERT_EQ(uname(&system), 0);
  EXPECT_EQ(machine.kernel, system.release);
  EXPECT_EQ(machine.cpu_model, "");
  EXPECT_EQ(machine.cpus, "");
  EXPECT_EQ(machine.clocksource, "");
  EXPECT_EQ(machine.memory_bytes, 0U);
  EXPECT_EQ(machine.virtualization, "");
}

struct Guest {
  const char* name;
  const char* cpuinfo;
  const char* vendor;
  const char* product;
  const char* clocks;
  const char* expected;

  friend void PrintTo(const Guest& guest, std::ostream* out) { *out << guest.name; }
};

class Virtualization : public testing::TestWithParam<Guest> {};

TEST_P(Virtualization, IsNamed) {
  FakeRoot root;
  root.add("/proc/cpuinfo", GetParam().cpuinfo)
      .add("/sys/class/dmi/id/sys_vendor", GetParam().vendor)
      .add("/sys/class/dmi/id/product_name", GetParam().product)
      .add(std::string(kClocks) + "available_clocksource", GetParam().clocks);
  EXPECT_EQ(read_environment(root.path()).virtualization, GetParam().expected);
}

constexpr const char* kArm = "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
INSTANTIATE_TEST_SUITE_P(
    Machines, Virtualization,
    testing::Values(
        Guest{"WithoutFirmwareTables", kX86Guest, "", "", "tsc kvm-clock", "KVM"},
        Guest{"HyperV", kX86Guest, "Microsoft Corporation", "Virtual Machine", "tsc", "Hyper-V"},
        Guest{"Unknown", kX86Guest, "ACME", "Box", "tsc", "unknown hypervisor"},
        Guest{"MetalWithHostFirmware", kX86Metal, "Google", "Google Compute Engine", "tsc", ""},
        Guest{"CloudOnArm", kArm, "Amazon EC2", "c7g.large", "arch_sys_counter", "Amazon EC2"},
        Guest{"MetalOnArm", kArm, "Amazon EC2", "c7g.metal", "arch_sys_counter", ""}),
    [](const auto& param) { return param.param.name; });

TEST(Environment, SeesTheHypervisorInTheDeviceTree) {
  FakeRoot root;
  root.add("/proc/cpuinfo", kArm)
      .add("/proc/device-tree/compatible", std::string_view("linux,dummy-virt\0", 17));
  EXPECT_EQ(read_environment(root.path()).virtualization, "unknown hypervisor");
  root.add("/proc/device-tree/hypervisor/compatible", std::string_view("linux,kvm\0", 10));
  EXPECT_EQ(read_environment(root.path()).virtualization, "KVM");
}

TEST(Environment, SeesXenWhereverItRuns) {
  FakeRoot root;
  root.add("/sys/hypervisor/type", "xen\n").add("/proc/cpuinfo", kX86Metal);
  EXPECT_EQ(read_environment(root.path()).virtualization, "Xen");
}

}  // namespace
}  // namespace tr::capture
