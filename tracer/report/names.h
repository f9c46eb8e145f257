// What are these numbers and names called, and what do they mean to somebody who meets them first?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tr::report {

// EAGAIN for 11; the kernel's own codes for calls to be restarted too; "errno 4000" for others.
std::string errno_name(int number);

// "EAGAIN 1,234, EINTR 3", the most frequent first; a single one needs no number.
std::string errors_text(const std::map<int, std::uint64_t>& by_errno);

// SIGTERM for 15; "signal 99" for one that there is not.
std::string signal_name(int number);

// A clause that says what a system call is for; empty for one that servers seldom make.
std::string_view syscall_meaning(std::string_view syscall);

// What a thread waits in, and at: "recvfrom, a client's connection". An empty call: none.
std::string wait_name(const std::string& call, std::string_view object);

// What a thread waits at, by Wait::object: "a client's connection"; empty where the call says it.
std::string_view object_name(std::string_view object);

// Who woke it, by Wait::waker: "the load".
std::string_view waker_name(std::string_view waker);

}  // namespace tr::report
