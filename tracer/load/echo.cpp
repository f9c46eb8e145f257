#include "load/echo.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace tr::load {
namespace {

constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kShifts = 256;

// Little-endian, so that of a message of one byte that byte still changes with every message.
std::array<char, kWordBytes> word_bytes(std::uint64_t word) {
  std::array<char, kWordBytes> bytes{};
  for (std::size_t i = 0; i < kWordBytes; ++i)
    bytes[i] = static_cast<char>(word >> (8 * i));
  return bytes;
}

class EchoDialogue final : public Dialogue {
 public:
  EchoDialogue(std::uint32_t number, std::size_t size, const std::vector<char>& pattern)
      // Multiples of 2^64 divided by the golden ratio lie far apart: two connections would have to
      // exchange more than 2^40 messages before one repeats the other's word.
      : first_word_(number * 0x9e3779b97f4a7c15),
        size_(size),
        head_(std::min(size, kWordBytes)),
        pattern_(pattern) {}

  [[nodiscard]] std::size_t request_size(std::uint64_t) const override { return size_; }

  std::size_t write_request(std::uint64_t sequence, std::size_t offset,
                            std::span<char> room) const override {
    const std::size_t bytes = std::min(room.size(), size_ - offset);
    std::size_t done = 0;
    if (offset < head_) {
      const auto head = word_bytes(first_word_ + sequence);
      done = std::min(bytes, head_ - offset);
      std::memcpy(room.data(), head.data() + offset, done);
    }
    std::memcpy(room.data() + done, tail(sequence) + offset + done, bytes - done);
    return bytes;
  }

  Taken read_answer(std::uint64_t sequence, std::span<const char> bytes) override {
    const std::size_t taken = std::min(bytes.size(), size_ - received_);
    std::size_t done = 0;
    bool right = true;
    if (received_ < head_) {
      const auto head = word_bytes(first_word_ + sequence);
      done = std::min(taken, head_ - received_);
      right = std::memcmp(bytes.data(), head.data() + received_, done) == 0;
    }
    right = right &&
            std::memcmp(bytes.data() + done, tail(sequence) + received_ + done, taken - done) == 0;
    if (!right) return {0, State::kWrong, first_difference(sequence, bytes.first(taken))};
    received_ += taken;
    if (received_ < size_) return {taken, State::kMore, {}};
    received_ = 0;
    return {taken, State::kWhole, {}};
  }

 private:
  // Where byte i of this message, were there no head, is [i].
  [[nodiscard]] const char* tail(std::uint64_t sequence) const {
    return pattern_.data() + (first_word_ + sequence) % kShifts;
  }

  [[nodiscard]] std::string first_difference(std::uint64_t sequence,
                                             std::span<const char> got) const {
    std::vector<char> wanted(got.size());
    write_request(sequence, received_, wanted);
    const auto at = static_cast<std::size_t>(
        std::mismatch(wanted.begin(), wanted.end(), got.begin()).first - wanted.begin());
    return fmt::format("byte {} of the {} of message {} is 0x{:02x}, but 0x{:02x} was sent",
                       received_ + at, size_, sequence, static_cast<unsigned char>(got[at]),
                       static_cast<unsigned char>(wanted[at]));
  }

  std::uint64_t first_word_;
  std::size_t size_;
  std::size_t head_;
  const std::vector<char>& pattern_;
  std::size_t received_ = 0;  // of the answer under way
};

}  // namespace

Echo::Echo(std::size_t size) : size_(size), pattern_(size + kShifts) {
  // A linear congruential generator (Knuth's MMIX constants); its high byte has no short period, so
  // that no shift of the pattern looks like another.
  std::uint64_t state = 1;
  for (char& byte : pattern_) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<char>(state >> 56);
  }
}

std::unique_ptr<Dialogue> Echo::open(std::uint32_t number) const {
  return std::make_unique<EchoDialogue>(number, size_, pattern_);
}

}  // namespace tr::load
