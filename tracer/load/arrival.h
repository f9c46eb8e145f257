// When did an answer come: not when we got round to reading it, but when the kernel had it?
//
// A load that is just sending something else, or must first be woken, reads an answer late by tens
// of microseconds. The kernel notes the moment at which a packet comes (SO_TIMESTAMPNS, socket(7)).
#pragma once

#include <cstdint>
#include <span>
#include <sys/types.h>

namespace tr::load {

struct Arrival {
  ssize_t bytes = 0;          // as recv(2) returns them
  int code = 0;               // the errno, if bytes < 0
  std::uint64_t read_ns = 0;  // CLOCK_MONOTONIC, after the read
  // When the last of the bytes came; read_ns where the kernel did not note it.
  std::uint64_t came_ns = 0;
};

// Has the kernel note when packets come to this socket. Where it cannot, answers come when they are
// read.
void note_arrivals(int socket);

// Reads what has come. `noted`: whether note_arrivals() was called for this socket; a plain read is
// cheaper.
Arrival receive_bytes(int socket, std::span<char> room, bool noted);

}  // namespace tr::load
