// What are this syscall, this futex operation and this errno called?
#pragma once

#include <cstdint>
#include <string>

namespace tr::capture {

// The name of a syscall: "futex". `compat` marks a 32-bit call on a 64-bit kernel (i386 on x86-64,
// arm on aarch64), whose numbers differ; an x32 call carries its bit 30 in `number`. A number that
// nobody here knows is "syscall_612". Thread-safe; cheap after the first call.
std::string syscall_name(int number, bool compat = false);

// The name of a futex operation word, as in <linux/futex.h> without FUTEX_: "WAIT_PRIVATE",
// "WAIT_BITSET_PRIVATE|REALTIME". An unknown operation is "OP_99".
std::string futex_operation_name(std::uint32_t operation);

// The name of an errno value: "EAGAIN". Also of those that only the kernel sees and a tracer at
// sys_exit meets, "ERESTARTSYS". An unknown one is "errno_999".
std::string errno_name(int code);

}  // namespace tr::capture
