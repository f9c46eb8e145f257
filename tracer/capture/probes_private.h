// What the files that make up Probes share.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <sys/mman.h>
#include <type_traits>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/probes.h"
#include "capture/syscall_names.h"
#include "util/result.h"

namespace tr::capture {

// Sets the bits of the calls with these names, ascending.
template <std::size_t kNames, std::size_t kWords>
void mark_calls(const std::array<std::string_view, kNames>& names, __u64 (&bits)[kWords]) {
  for (std::size_t number = 0; number < kWords * 64; ++number)
    if (std::ranges::binary_search(names, syscall_name(static_cast<int>(number))))
      bits[number / 64] |= __u64{1} << number % 64;
}

// The probes read these fields while user space writes them.
template <class T>
void publish(volatile T& field, std::type_identity_t<T> value) {
  __atomic_store_n(&field, value, __ATOMIC_SEQ_CST);
}

// Until programs that were detached have ended where they were running: they run inside RCU read
// sections.
void wait_for_running_programs();

// What a map holds; after detach(), when nothing changes it any more.
template <class Key, class Value>
std::vector<std::pair<Key, Value>> entries_of(const bpf_map* map) {
  std::vector<std::pair<Key, Value>> entries;
  const int fd = bpf_map__fd(map);
  Key key{};
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(fd, previous, &key) == 0) {
    Value value{};
    if (bpf_map_lookup_elem(fd, &key, &value) == 0) entries.emplace_back(key, value);
    previous = &key;
  }
  return entries;
}

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
