// Why were the BPF probes not loaded: is it not allowed, or does the kernel refuse a program?
#pragma once

#include <string>
#include <string_view>

#include "util/result.h"

namespace tr::capture {

// Keeps what libbpf warns of from now on, instead of printing it, and forgets what it warned of
// before.
void listen_to_libbpf();
// What it has warned of since.
const std::string& libbpf_warnings();

// `code`: an errno. `warnings`: as libbpf_warnings(). Failure::kNotAllowed without the privilege,
// which the kernel says before it looks at a program; with the verifier's log it is kRun, and the
// log's last lines are the reason.
Error load_error(int code, std::string_view warnings);

}  // namespace tr::capture
