// Messages and numbers of fields as in github.com/google/pprof, proto/profile.proto; the encoding
// is that of protocol buffers, of which this needs numbers and lengths alone.
#include <cmath>
#include <ctime>
#include <map>
#include <stdexcept>
#include <zlib.h>

#include "report/folded.h"
#include "report/stacks.h"

namespace tr::report {
namespace {

// A message under construction.
class Message {
 public:
  void number(unsigned field, std::uint64_t value) {
    if (value == 0) return;
    varint(field << 3);
    varint(value);
  }
  void bytes(unsigned field, std::string_view content) {
    varint(field << 3 | 2);
    varint(content.size());
    bytes_ += content;
  }
  void message(unsigned field, const Message& inner) { bytes(field, inner.bytes_); }
  // Packed: as one field.
  void numbers(unsigned field, const std::vector<std::uint64_t>& values) {
    Message packed;
    for (const std::uint64_t value : values)
      packed.varint(value);
    message(field, packed);
  }
  [[nodiscard]] const std::string& text() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

class Profile {
 public:
  explicit Profile(const JudgedRun& run) : run_(run), stacks_(*run.snapshot.stacks) {
    string("");
    profile_.message(1, value_type("samples", "count"));
    profile_.message(1, value_type("cpu", "nanoseconds"));
    profile_.message(1, value_type("off-cpu", "nanoseconds"));
  }

  std::string build() {
    // Of the modules, pprof takes the first for the program.
    for (const Frame& frame : stacks_.frames)
      if (!frame.kernel && (frame.function == "main" || frame.function == "_start")) mapping(frame);
    if (stacks_.profile)
      for (const SampledStack& sampled : stacks_.profile->stacks)
        sample(sampled.stack,
               {sampled.samples,
                static_cast<std::uint64_t>(
                    std::llround(run_.metrics.stacks->cpu->ns_of(sampled.samples))),
                0},
               {{"thread", sampled.thread}});
    for (const BlockedStack& blocked : stacks_.blocked)
      sample(blocked.stack, {0, 0, blocked.ns},
             {{"thread", blocked.thread},
              {"state", metrics::waits_for_work(blocked) ? "idle" : "blocked"},
              {"call", blocked.call},
              {"object", blocked.object},
              {"waker", blocked.waker}});
    for (std::size_t i = 0; i < stacks_.frames.size(); ++i)
      frame(i);
    for (const std::string& text : strings_in_order_)
      strings_.bytes(6, text);
    profile_.number(9, taken_at_ns());
    profile_.number(10, run_.snapshot.window_ns());
    if (stacks_.profile) {
      profile_.message(11, value_type("cpu", "nanoseconds"));
      profile_.number(12, stacks_.profile->hz == 0 ? 0 : 1'000'000'000 / stacks_.profile->hz);
    }
    profile_.number(14, string(stacks_.profile ? "cpu" : "off-cpu"));
    return profile_.text() + strings_.text();
  }

 private:
  std::uint64_t string(const std::string& text) {
    const auto [known, is_new] = numbers_of_strings_.try_emplace(text, strings_in_order_.size());
    if (is_new) strings_in_order_.push_back(text);
    return known->second;
  }

  Message value_type(const std::string& type, const std::string& unit) {
    Message message;
    message.number(1, string(type));
    message.number(2, string(unit));
    return message;
  }

  void sample(std::uint64_t stack, const std::vector<std::uint64_t>& values,
              const std::vector<std::pair<std::string, std::string>>& labels) {
    Message message;
    std::vector<std::uint64_t> locations;
    for (const std::uint64_t at : stacks_.stacks[stack].frames)
      locations.push_back(at + 1);
    message.numbers(1, locations);
    message.numbers(2, values);
    for (const auto& [key, value] : labels) {
      if (value.empty()) continue;
      Message label;
      label.number(1, string(key));
      label.number(2, string(value));
      message.message(3, label);
    }
    profile_.message(2, message);
  }

  // A frame is a place and its function in one: line numbers are not looked up.
  void frame(std::size_t number) {
    const Frame& frame = stacks_.frames[number];
    Message function;
    function.number(1, number + 1);
    function.number(2, string(frame_name(frame)));
    function.number(3, string(frame_name(frame)));
    function.number(4, string(frame.module));
    profile_.message(5, function);
    Message line;
    line.number(1, number + 1);
    Message location;
    location.number(1, number + 1);
    location.number(2, mapping(frame));
    location.message(4, line);
    profile_.message(4, location);
  }

  std::uint64_t mapping(const Frame& frame) {
    if (frame.module.empty()) return 0;
    const auto [known, is_new] = mappings_.try_emplace(frame.module, mappings_.size() + 1);
    if (is_new) {
      Message message;
      message.number(1, known->second);
      message.number(5, string(frame.module));
      for (const CodeModule& module : stacks_.modules)
        if (module.path == frame.module) message.number(6, string(module.build_id));
      message.number(7, 1);  // has functions: pprof need not look for names
      profile_.message(3, message);
    }
    return known->second;
  }

  [[nodiscard]] std::uint64_t taken_at_ns() const {
    std::tm time{};
    if (::strptime(run_.snapshot.environment.date.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time) == nullptr)
      return 0;
    return static_cast<std::uint64_t>(::timegm(&time)) * 1'000'000'000;
  }

  const JudgedRun& run_;
  const Stacks& stacks_;
  Message profile_;
  Message strings_;
  std::map<std::string, std::uint64_t> numbers_of_strings_;
  std::vector<std::string> strings_in_order_;
  std::map<std::string, std::uint64_t> mappings_;
};

std::string gzipped(const std::string& content) {
  z_stream stream{};
  constexpr int kGzip = 16;
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out(::deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

}  // namespace

std::string render_pprof(const JudgedRun& run) {
  return gzipped(Profile(run).build());
}

}  // namespace tr::report
