// What is this operation of io_uring called?
#pragma once

#include <cstdint>
#include <string>

namespace tr::capture {

// As in <linux/io_uring.h>, without IORING_OP_: "RECV". One that is not known is "OP_99".
std::string uring_operation_name(std::uint32_t operation);

}  // namespace tr::capture
