#include "capture/syscall_names.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <linux/futex.h>
#include <memory>
#include <seccomp.h>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace tr::capture {
namespace {

struct Named {
  int number;
  std::string_view name;
};

// What Debian 12's libseccomp 2.5.4 lacks. Since 424 a new syscall gets one number on every
// architecture (Linux scripts/syscall.tbl; 471 is the last one in Linux 7.0).
constexpr Named kNewSyscalls[] = {
    {457, "statmount"},         {458, "listmount"},        {459, "lsm_get_self_attr"},
    {460, "lsm_set_self_attr"}, {461, "lsm_list_modules"}, {462, "mseal"},
    {463, "setxattrat"},        {464, "getxattrat"},       {465, "listxattrat"},
    {466, "removexattrat"},     {467, "open_tree_attr"},   {468, "file_getattr"},
    {469, "file_setattr"},      {470, "listns"},           {471, "rseq_slice_yield"},
};
// x86-64 alone (Linux arch/x86/entry/syscalls/syscall_64.tbl, since 6.11 and 6.18).
constexpr Named kNewX8664Syscalls[] = {{335, "uretprobe"}, {336, "uprobe"}};

// Values that the kernel turns into a restart or EINTR before user space sees them (Linux
// include/linux/errno.h); libc has no names for them.
constexpr Named kKernelErrnos[] = {
    {512, "ERESTARTSYS"}, {513, "ERESTARTNOINTR"},        {514, "ERESTARTNOHAND"},
    {515, "ENOIOCTLCMD"}, {516, "ERESTART_RESTARTBLOCK"}, {517, "EPROBE_DEFER"},
    {529, "EIOCBQUEUED"},
};

template <std::size_t N>
std::string_view find_name(const Named (&names)[N], int number) {
  for (const Named& known : names)
    if (known.number == number) return known.name;
  return {};
}

constexpr int kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT

std::uint32_t architecture_of(int number, bool compat) {
  const std::uint32_t native = seccomp_arch_native();
  if (native == SCMP_ARCH_X86_64 && !compat && (number & kX32Bit) != 0) return SCMP_ARCH_X32;
  if (!compat) return native;
  switch (native) {
    case SCMP_ARCH_X86_64:
      return SCMP_ARCH_X86;
    case SCMP_ARCH_AARCH64:
      return SCMP_ARCH_ARM;
    default:
      return native;
  }
}

std::string look_up(int number, bool compat) {
  // libseccomp gives negative numbers to calls that an architecture lacks; the kernel never does.
  if (number >= 0) {
    const std::uint32_t architecture = architecture_of(number, compat);
    const std::unique_ptr<char, decltype(&std::free)> name(
        seccomp_syscall_resolve_num_arch(architecture, number), &std::free);
    if (name) return name.get();
    std::string_view known =
        find_name(kNewSyscalls, architecture == SCMP_ARCH_X32 ? number & ~kX32Bit : number);
    if (known.empty() && architecture == SCMP_ARCH_X86_64)
      known = find_name(kNewX8664Syscalls, number);
    if (!known.empty()) return std::string(known);
  }
  return fmt::format("syscall_{}", number);
}

constexpr int kTableSize = 512;  // beyond every number in use but the odd ones of arm and x32

std::vector<std::string> make_table(bool compat) {
  std::vector<std::string> table(kTableSize);
  for (int number = 0; number < kTableSize; ++number)
    table[static_cast<std::size_t>(number)] = look_up(number, compat);
  return table;
}

// By operation number; the gaps do not exist.
constexpr std::array<std::string_view, 14> kFutexOperations = {
    "WAIT",           "WAKE",      "FD",         "REQUEUE",     "CMP_REQUEUE", "WAKE_OP",
    "LOCK_PI",        "UNLOCK_PI", "TRYLOCK_PI", "WAIT_BITSET", "WAKE_BITSET", "WAIT_REQUEUE_PI",
    "CMP_REQUEUE_PI", "LOCK_PI2"};
static_assert(FUTEX_LOCK_PI2 == kFutexOperations.size() - 1);

// Flags of kernels newer than Debian 12's headers (Linux include/uapi/linux/futex.h).
constexpr std::uint32_t kRobustUnlock = 512;
constexpr std::uint32_t kRobustList32 = 1024;

}  // namespace

std::string syscall_name(int number, bool compat) {
  static const std::vector<std::string> native_table = make_table(false);
  static const std::vector<std::string> compat_table = make_table(true);
  if (number < 0 || number >= kTableSize) return look_up(number, compat);
  return (compat ? compat_table : native_table)[static_cast<std::size_t>(number)];
}

std::string futex_operation_name(std::uint32_t operation) {
  const std::uint32_t command =
      operation & ~static_cast<std::uint32_t>(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME |
                                              kRobustUnlock | kRobustList32);
  std::string name = command < kFutexOperations.size() ? std::string(kFutexOperations[command])
                                                       : fmt::format("OP_{}", command);
  if ((operation & FUTEX_PRIVATE_FLAG) != 0) name += "_PRIVATE";
  if ((operation & FUTEX_CLOCK_REALTIME) != 0) name += "|REALTIME";
  if ((operation & kRobustUnlock) != 0) name += "|ROBUST_UNLOCK";
  if ((operation & kRobustList32) != 0) name += "|ROBUST_LIST32";
  return name;
}

std::string errno_name(int code) {
  if (const char* name = ::strerrorname_np(code)) return name;
  const std::string_view kernel_only = find_name(kKernelErrnos, code);
  return kernel_only.empty() ? fmt::format("errno_{}", code) : std::string(kernel_only);
}

}  // namespace tr::capture
