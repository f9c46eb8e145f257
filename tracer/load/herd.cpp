#include "load/herd.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "util/clock.h"

namespace tr::load {
namespace {

constexpr std::uint64_t kQuestionEvery = 5;
constexpr std::uint64_t kBetweenTimesNs = 1'000;
constexpr int kRadiusKm = 10;
constexpr std::size_t kMostPlaces = 5;
constexpr std::size_t kLongestAnswer = std::size_t{1} << 20;
constexpr std::size_t kShown = 80;  // of an answer that is wrong

bool is_question(std::uint64_t sequence) {
  return sequence % kQuestionEvery == kQuestionEvery - 1;
}

// The seconds by which a server's clock was ahead of its client's: "+0.263873386".
bool is_time_difference(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto digits = [](std::string_view part) {
    return !part.empty() &&
           std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return point != std::string_view::npos && (text.front() == '+' || text.front() == '-') &&
         digits(text.substr(1, point - 1)) && digits(text.substr(point + 1));
}

class HerdDialogue final : public Dialogue {
 public:
  HerdDialogue(std::uint64_t start_ns, std::uint32_t number)
      : start_ns_(start_ns),
        number_(number),
        begin_(fmt::format("AT {} ", Herd::kServers[number % Herd::kServers.size()])) {}

  [[nodiscard]] std::size_t request_size(std::uint64_t sequence) const override {
    return request(sequence).size();
  }

  std::size_t write_request(std::uint64_t sequence, std::size_t offset,
                            std::span<char> room) const override {
    const std::string& text = request(sequence);
    const std::size_t bytes = std::min(room.size(), text.size() - offset);
    std::memcpy(room.data(), text.data() + offset, bytes);
    return bytes;
  }

  Taken read_answer(std::uint64_t sequence, std::span<const char> bytes) override {
    const std::string_view given(bytes.data(), bytes.size());
    const std::size_t had = answer_.size();
    answer_ += given;
    const bool refused = answer_.starts_with("? ");
    const std::string_view end = is_question(sequence) && !refused ? "\n\n" : "\n";
    // Its first half may have come before.
    const std::size_t found = answer_.find(end, had - std::min(had, end.size() - 1));
    if (found == std::string::npos && answer_.size() <= kLongestAnswer)
      return {bytes.size(), State::kMore, {}};
    if (found == std::string::npos) return wrong(sequence, "does not end");
    answer_.resize(found);
    Taken taken = refused                 ? wrong(sequence, "refuses it")
                  : is_question(sequence) ? places(sequence)
                                          : position(sequence);
    answer_.clear();
    if (taken.state == State::kWrong) return taken;
    return {found + end.size() - had, State::kWhole, {}};
  }

 private:
  // What this client says of itself with an IAMAT: its name, place and time.
  [[nodiscard]] std::string position_of(std::uint64_t sequence) const {
    // Somewhere else each time: the golden ratio's multiples fill a circle evenly.
    const std::uint64_t turn = (sequence * 50'000 + number_ + 1) * 0x9e3779b97f4a7c15U;
    const double latitude = static_cast<double>(turn >> 32) * 180 / 0x1p32 - 90;
    const double longitude = static_cast<double>(turn & 0xffffffffU) * 360 / 0x1p32 - 180;
    const std::uint64_t time = start_ns_ + sequence * kBetweenTimesNs;
    return fmt::format("trace-run-{} {:+010.6f}{:+011.6f} {}.{:09}", number_, latitude, longitude,
                       time / kNsPerSecond, time % kNsPerSecond);
  }

  // The same one is asked for several times.
  [[nodiscard]] const std::string& request(std::uint64_t sequence) const {
    if (sequence != written_) {
      request_ = is_question(sequence)
                     ? fmt::format("WHATSAT trace-run-{} {} {}\n", number_, kRadiusKm, kMostPlaces)
                     : fmt::format("IAMAT {}\n", position_of(sequence));
      written_ = sequence;
    }
    return request_;
  }

  Taken position(std::uint64_t sequence) {
    const std::string end = " " + position_of(sequence);
    const std::size_t around = begin_.size() + end.size();
    if (!answer_.starts_with(begin_) || !answer_.ends_with(end) || answer_.size() < around ||
        !is_time_difference(
            std::string_view(answer_).substr(begin_.size(), answer_.size() - around)))
      return wrong(sequence,
                   fmt::format("is not \"{}\", a time difference and \"{}\"", begin_, end));
    position_ = answer_;
    return {};
  }

  [[nodiscard]] Taken places(std::uint64_t sequence) const {
    const std::size_t line_end = std::min(answer_.find('\n'), answer_.size());
    if (answer_.compare(0, line_end, position_) != 0)
      return wrong(sequence, fmt::format("is not about \"{}\"", position_));
    const auto json = nlohmann::json::parse(answer_.begin() + static_cast<std::ptrdiff_t>(line_end),
                                            answer_.end(), nullptr, false);
    if (!json.is_object() || !json.contains("results") || !json["results"].is_array())
      return wrong(sequence, "has no places as JSON in its second line");
    if (json["results"].size() > kMostPlaces)
      return wrong(sequence, fmt::format("has {} places, at most {} were asked for",
                                         json["results"].size(), kMostPlaces));
    return {};
  }

  [[nodiscard]] Taken wrong(std::uint64_t sequence, std::string_view how) const {
    return {
        0, State::kWrong,
        fmt::format("the answer to message {} {}: {:?}", sequence, how, answer_.substr(0, kShown))};
  }

  const std::uint64_t start_ns_;
  const std::uint32_t number_;
  const std::string begin_;
  mutable std::uint64_t written_ = UINT64_MAX;
  mutable std::string request_;
  std::string answer_;    // what has come of it
  std::string position_;  // the answer to the last IAMAT
};

}  // namespace

std::unique_ptr<Dialogue> Herd::open(std::uint32_t number) const {
  return std::make_unique<HerdDialogue>(start_ns_, number);
}

}  // namespace tr::load
