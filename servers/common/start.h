// What does a server do before it serves, and what does it say when it does?
#pragma once

#include <string_view>

namespace servers {

// A soft limit of 1024 is for programs that use fd_set; none of ours does.
void raise_file_limit();

// The one line on stdout, "NAME listening on ADDRESS"; whoever started the server waits for it.
void announce(std::string_view name, std::string_view address);

}  // namespace servers
