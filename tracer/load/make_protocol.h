// Which protocol do the settings ask for?
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "load/protocol.h"
#include "load/settings.h"
#include "util/result.h"

namespace tr::load {

// "echo", "http" or "herd"; any other is a usage error.
Result<ProtocolKind> parse_protocol(std::string_view text);
std::string_view protocol_name(ProtocolKind kind);

// A path as it stands in a request: "/", "/page.html?x=1".
Result<std::string> parse_path(std::string_view text);

std::unique_ptr<Protocol> make_protocol(const Settings& settings);

// Whether the protocol itself ends the connection after each answer, so that Settings::close has to
// be set.
bool closes(ProtocolKind kind);

// Bytes per request; 0 if they differ.
std::uint64_t request_bytes(const Settings& settings);

}  // namespace tr::load
