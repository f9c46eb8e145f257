#include "load/connection.h"

#include <algorithm>

#include <fmt/format.h>

namespace tr::load {

std::size_t Connection::fill(std::span<char> room, std::uint64_t now_ns, bool finish_only) const {
  std::size_t filled = 0;
  std::uint64_t sequence = sending_;
  std::size_t offset = sending_offset_;
  while (filled < room.size()) {
    if (offset == 0 && sequence >= begun_before_) {
      const bool has_slot = sequence - answered_ < flights_.size();
      if (finish_only || !has_slot || next_due_ns() > now_ns) break;
      if (schedule_ && filled > 0) break;
    }
    const std::size_t bytes = dialogue_->write_request(sequence, offset, room.subspan(filled));
    filled += bytes;
    offset += bytes;
    if (offset < dialogue_->request_size(sequence)) break;
    ++sequence;
    offset = 0;
  }
  return filled;
}

std::size_t Connection::sent(std::size_t bytes, std::uint64_t began_ns) {
  std::size_t begun_now = 0;
  while (bytes > 0) {
    if (sending_offset_ == 0 && sending_ >= begun_before_) {
      ++begun_now;
      flight(sending_) = {schedule_ ? schedule_->next_ns() : began_ns, began_ns};
      if (schedule_) schedule_->advance();
    }
    const std::size_t size = dialogue_->request_size(sending_);
    const std::size_t step = std::min(bytes, size - sending_offset_);
    sending_offset_ += step;
    bytes -= step;
    if (sending_offset_ < size) break;
    ++sending_;
    sending_offset_ = 0;
  }
  return begun_now;
}

void Connection::begin_again() {
  begun_before_ = begun();
  sending_ = answered_;
  sending_offset_ = 0;
  answer_bytes_ = 0;
}

Connection::Answer Connection::receive(std::span<const char> bytes) {
  const auto wrong = [](std::string difference) {
    return Answer{{0, Dialogue::State::kWrong, std::move(difference)}};
  };
  if (in_flight() == 0)
    return wrong(fmt::format("{} bytes came that nobody asked for, after {} whole answers",
                             bytes.size(), answered_));
  Answer answer{dialogue_->read_answer(answered_, bytes)};
  answer_bytes_ += answer.taken.bytes;
  if (answer.taken.state != Dialogue::State::kWhole) return answer;
  if (answered_ == sending_)
    return wrong(fmt::format("message {} was answered before all of it was sent", answered_));
  answer.flight = flight(answered_);
  answer.size = answer_bytes_;
  answer_bytes_ = 0;
  ++answered_;
  return answer;
}

}  // namespace tr::load
