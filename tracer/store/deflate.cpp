#include "store/deflate.h"

#include <new>
#include <zlib.h>

namespace tr::store {
namespace {

const Bytef* input(std::string_view bytes) {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

}  // namespace

std::string deflated(std::string_view bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, input(bytes), bytes.size(),
                Z_DEFAULT_COMPRESSION) != Z_OK)
    throw std::bad_alloc();  // all else is a wrong argument
  out.resize(size);
  return out;
}

std::optional<std::string> inflated(std::string_view deflated, std::size_t size) {
  // Deflate makes at most 1032 times as much of a byte (zlib's technical notes): a size beyond that
  // is a lie, and no memory is taken for it.
  constexpr std::size_t kMostPerByte = 1032;
  if (size / kMostPerByte > deflated.size()) return std::nullopt;
  std::string out(size, '\0');
  uLongf got = size;
  const int code =
      uncompress(reinterpret_cast<Bytef*>(out.data()), &got, input(deflated), deflated.size());
  if (code != Z_OK || got != size) return std::nullopt;
  return out;
}

}  // namespace tr::store
