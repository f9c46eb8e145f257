// What a traced child and its test both see: a value in memory that fork() shares.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <sys/mman.h>

namespace tr::kernel_test {

template <class T>
class Shared {
 public:
  Shared() {
    void* at =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("no shared memory");
    at_ = new (at) T{};
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(at_, sizeof(T)); }

  T* operator->() const { return at_; }
  T& operator*() const { return *at_; }

 private:
  T* at_ = nullptr;
};

inline std::uint64_t address_of(const void* object) {
  return reinterpret_cast<std::uintptr_t>(object);
}

}  // namespace tr::kernel_test
