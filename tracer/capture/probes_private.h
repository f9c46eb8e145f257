// What the files that make up Probes share.
#pragma once

#include <cstddef>
#include <memory>
#include <sys/mman.h>
#include <type_traits>

#include "capture/probes.h"
#include "util/result.h"

namespace tr::capture {

// An array map of the probes, mapped; read-only where T is const.
template <class T>
struct Probes::Mapped {
  T* first = nullptr;
  std::size_t bytes = 0;

  Mapped(T* at, std::size_t size) : first(at), bytes(size) {}
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() { ::munmap(const_cast<std::remove_const_t<T>*>(first), bytes); }
};

template <class T>
Result<std::unique_ptr<Probes::Mapped<T>>> Probes::map_array(int map, std::size_t entries) {
  const std::size_t bytes = entries * sizeof(T);
  const int rights = std::is_const_v<T> ? PROT_READ : PROT_READ | PROT_WRITE;
  void* at = ::mmap(nullptr, bytes, rights, MAP_SHARED, map, 0);
  if (at == MAP_FAILED) return errno_error("map", "the probes' records");
  return std::make_unique<Mapped<T>>(static_cast<T*>(at), bytes);
}

}  // namespace tr::capture
