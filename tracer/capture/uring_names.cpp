#include "capture/uring_names.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

namespace tr::capture {
namespace {

// By number (Linux include/uapi/linux/io_uring.h, up to 6.19). The headers that this is built with
// may be older than the kernel that it runs on.
constexpr std::array kOperations = std::to_array<std::string_view>({"NOP",
                                                                    "READV",
                                                                    "WRITEV",
                                                                    "FSYNC",
                                                                    "READ_FIXED",
                                                                    "WRITE_FIXED",
                                                                    "POLL_ADD",
                                                                    "POLL_REMOVE",
                                                                    "SYNC_FILE_RANGE",
                                                                    "SENDMSG",
                                                                    "RECVMSG",
                                                                    "TIMEOUT",
                                                                    "TIMEOUT_REMOVE",
                                                                    "ACCEPT",
                                                                    "ASYNC_CANCEL",
                                                                    "LINK_TIMEOUT",
                                                                    "CONNECT",
                                                                    "FALLOCATE",
                                                                    "OPENAT",
                                                                    "CLOSE",
                                                                    "FILES_UPDATE",
                                                                    "STATX",
                                                                    "READ",
                                                                    "WRITE",
                                                                    "FADVISE",
                                                                    "MADVISE",
                                                                    "SEND",
                                                                    "RECV",
                                                                    "OPENAT2",
                                                                    "EPOLL_CTL",
                                                                    "SPLICE",
                                                                    "PROVIDE_BUFFERS",
                                                                    "REMOVE_BUFFERS",
                                                                    "TEE",
                                                                    "SHUTDOWN",
                                                                    "RENAMEAT",
                                                                    "UNLINKAT",
                                                                    "MKDIRAT",
                                                                    "SYMLINKAT",
                                                                    "LINKAT",
                                                                    "MSG_RING",
                                                                    "FSETXATTR",
                                                                    "SETXATTR",
                                                                    "FGETXATTR",
                                                                    "GETXATTR",
                                                                    "SOCKET",
                                                                    "URING_CMD",
                                                                    "SEND_ZC",
                                                                    "SENDMSG_ZC",
                                                                    "READ_MULTISHOT",
                                                                    "WAITID",
                                                                    "FUTEX_WAIT",
                                                                    "FUTEX_WAKE",
                                                                    "FUTEX_WAITV",
                                                                    "FIXED_FD_INSTALL",
                                                                    "FTRUNCATE",
                                                                    "BIND",
                                                                    "LISTEN",
                                                                    "RECV_ZC",
                                                                    "EPOLL_WAIT",
                                                                    "READV_FIXED",
                                                                    "WRITEV_FIXED",
                                                                    "PIPE",
                                                                    "NOP128",
                                                                    "URING_CMD128"});

}  // namespace

std::string uring_operation_name(std::uint32_t operation) {
  return operation < kOperations.size() ? std::string(kOperations[operation])
                                        : fmt::format("OP_{}", operation);
}

}  // namespace tr::capture
