#include "snapshot/snapshot_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "snapshot/cbor.h"
#include "snapshot/snapshot_fields.h"
#include "util/fd.h"
#include "util/text.h"

namespace tr {
namespace {

using nlohmann::json;

constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kFormat = "trace-run snapshot";
constexpr std::string_view kVersionKey = "version";

struct IgnoreFields {
  template <class T>
  void operator()(const char*, T&) const {}
};

template <class T>
concept HasFields = requires(T& object, const IgnoreFields& visit) {
  visit_fields(object, visit);
};

// --- writing ---

struct Writer {
  static json value(const std::string& text) { return text; }
  static json value(const BucketList& list) {
    return json::binary({list.bytes().begin(), list.bytes().end()});
  }
  static json value(const Histogram& histogram) {
    return {{"sub_bits", histogram.layout().sub_bits},
            {"buckets", value(BucketList(histogram.buckets()))},
            {"sum", histogram.sum()},
            {"max", histogram.max()}};
  }
  static json value(const std::map<std::string, std::uint64_t>& counts) { return counts; }
  static json value(const std::map<int, std::uint64_t>& counts) {
    json object = json::object();
    for (const auto& [number, count] : counts)
      object[std::to_string(number)] = count;
    return object;
  }
  static json value(const std::map<Figures, std::string>& reasons) {
    json object = json::object();
    for (const auto& [figures, name] : kFigureNames)
      if (const auto reason = reasons.find(figures); reason != reasons.end())
        object[std::string(name)] = reason->second;
    return object;
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  static json value(T number) { return number; }
  template <HasFields T>
  static json value(const T& object) {
    json fields = json::object();
    visit_fields(object, [&]<class M>(const char* key, const M& member) {
      if constexpr (requires { member.has_value(); }) {
        if (member) fields[key] = value(*member);
      } else {
        fields[key] = value(member);
      }
    });
    return fields;
  }
  template <class T>
  static json value(const std::vector<T>& list) {
    json array = json::array();
    for (const T& element : list)
      array.push_back(value(element));
    return array;
  }
};

// Writes the members of a snapshot one after the other, so that never more than one of them, or one
// thread, is there as a tree.
class Encoder {
 public:
  std::string encode(const Snapshot& snapshot) {
    out_.push_back('\0');  // the map's head, when the number of keys is known
    put_text(kFormatKey);
    put_text(kFormat);
    put_text(kVersionKey);
    cbor::append_head(out_, cbor::Major::kUnsigned, kSnapshotVersion);
    keys_ = 2;
    visit_fields(snapshot, *this);
    std::string head;
    cbor::append_head(head, cbor::Major::kMap, keys_);
    out_.replace(0, 1, head);
    return std::move(out_);
  }

  template <class T>
  void operator()(const char* key, const T& member) {
    if constexpr (requires { member.has_value(); }) {
      if (member) (*this)(key, *member);
    } else {
      put_text(key);
      ++keys_;
      put(member);
    }
  }

 private:
  void put_text(std::string_view text) {
    cbor::append_head(out_, cbor::Major::kText, text.size());
    out_ += text;
  }
  template <class T>
  void put(const T& member) {
    json::to_cbor(Writer::value(member), out_);
  }
  void put(const std::vector<ThreadCounts>& threads) {
    cbor::append_head(out_, cbor::Major::kArray, threads.size());
    for (const ThreadCounts& thread : threads)
      json::to_cbor(Writer::value(thread), out_);
  }

  std::string out_;
  std::uint64_t keys_ = 0;
};

// --- reading ---

// Where in the file a value is: "threads[3].counts.user_ns".
struct Place {
  const Place* parent;
  std::string_view key;  // or, when empty,
  std::size_t index;

  [[nodiscard]] std::string text() const {
    std::string path = parent == nullptr ? std::string() : parent->text();
    if (key.empty()) return fmt::format("{}[{}]", path, index);
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }
};

// Reads values until the first one that is not what it should be; then remembers only that.
class Reader {
 public:
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] bool failed() const { return !problem_.empty(); }

  void fail(std::string problem) {
    if (!failed()) problem_ = std::move(problem);
  }
  void fail(const Place& place, std::string_view what) {
    fail(place.text() + " " + std::string(what));
  }

  void read(const json& from, bool& to, const Place& place) {
    if (!from.is_boolean()) return fail(place, "is not true or false");
    to = from.get<bool>();
  }
  void read(const json& from, std::uint64_t& to, const Place& place) {
    if (from.is_number_unsigned())
      to = from.get<std::uint64_t>();
    else
      fail(place, from.is_number_integer() ? "is negative" : "is not a whole number");
  }
  template <std::signed_integral T>
  void read(const json& from, T& to, const Place& place) {
    if (!from.is_number_integer()) return fail(place, "is not a whole number");
    if (!in_range<T>(from)) return fail(place, "is out of range");
    to = from.get<T>();
  }
  void read(const json& from, std::uint16_t& to, const Place& place) {
    if (!from.is_number_unsigned() || from.get<std::uint64_t>() > UINT16_MAX)
      return fail(place, "is not a number up to 65535");
    to = from.get<std::uint16_t>();
  }
  void read(const json& from, double& to, const Place& place) {
    if (!from.is_number()) return fail(place, "is not a number");
    to = from.get<double>();
    if (!std::isfinite(to) || to < 0) fail(place, "is negative or not finite");
  }
  void read(const json& from, std::string& to, const Place& place) {
    if (!from.is_string()) return fail(place, "is not text");
    to = from.get_ref<const std::string&>();
  }
  void read(const json& from, BucketList& to, const Place& place) {
    read_buckets(from, to, kKernelBuckets, place);
  }
  void read(const json& from, Histogram& to, const Place& place) {
    BucketList buckets;
    std::uint64_t sub_bits = 0;
    std::uint64_t sum = 0;
    std::uint64_t max = 0;
    if (!from.is_object()) return fail(place, "is not a histogram");
    read_member(from, "sub_bits", sub_bits, place);
    read_member(from, "sum", sum, place);
    read_member(from, "max", max, place);
    const BucketLayout layout = to.layout();
    if (sub_bits != layout.sub_bits) return fail(place, "has buckets of another width");
    const Place list{&place, "buckets", 0};
    const auto bytes = from.find("buckets");
    if (bytes == from.end()) return fail(list, "is missing");
    read_buckets(*bytes, buckets, layout, list);
    const std::vector<Histogram::Bucket> used(buckets.begin(), buckets.end());
    if (layout.index(max) != (used.empty() ? 0 : used.back().index))
      return fail(place, "has a maximum outside its highest bucket");
    to = Histogram(layout, used, sum, max);
  }
  void read(const json& from, std::map<std::string, std::uint64_t>& to, const Place& place) {
    if (!from.is_object()) return fail(place, "is not a map");
    for (const auto& [key, value] : from.items())
      read(value, to[key], Place{&place, key, 0});
  }
  void read(const json& from, std::map<int, std::uint64_t>& to, const Place& place) {
    constexpr std::uint64_t kMaxErrno = 4095;  // MAX_ERRNO, include/linux/err.h
    if (!from.is_object()) return fail(place, "is not a map");
    for (const auto& [key, value] : from.items()) {
      const auto number = parse_u64(key);
      if (!number || *number > kMaxErrno) return fail(Place{&place, key, 0}, "is not an errno");
      read(value, to[static_cast<int>(*number)], Place{&place, key, 0});
    }
  }
  void read(const json& from, std::map<Figures, std::string>& to, const Place& place) {
    if (!from.is_object()) return fail(place, "is not a map");
    for (const auto& [figures, name] : kFigureNames)
      if (const auto reason = from.find(name); reason != from.end())
        read(*reason, to[figures], Place{&place, name, 0});
  }
  template <class T>
  void read(const json& from, std::vector<T>& to, const Place& place) {
    if (!from.is_array()) return fail(place, "is not a list");
    to.reserve(from.size());
    for (const json& element : from) {
      if (failed()) return;
      const Place here{&place, {}, to.size()};
      read(element, to.emplace_back(), here);
    }
  }
  template <HasFields T>
  void read(const json& from, T& to, const Place& place) {
    if (!from.is_object()) return fail(place, "is not a map");
    visit_fields(to, [&](const char* key, auto& member) { read_member(from, key, member, place); });
  }

 private:
  template <class T>
  void read_member(const json& from, const char* key, T& to, const Place& place) {
    if (failed()) return;
    const Place here{&place, key, 0};
    const auto value = from.find(key);
    if constexpr (requires { to.has_value(); }) {
      if (value != from.end()) read(*value, to.emplace(), here);
    } else {
      if (value == from.end()) return fail(here, "is missing");
      read(*value, to, here);
    }
  }
  void read_buckets(const json& from, BucketList& to, BucketLayout layout, const Place& place) {
    if (!from.is_binary()) return fail(place, "is not a byte string");
    const auto& bytes = from.get_binary();
    auto list =
        BucketList::from_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, layout);
    if (!list) return fail(place, "is not a list of buckets");
    to = *std::move(list);
  }
  template <class T>
  static bool in_range(const json& from) {
    if (from.is_number_unsigned())
      return from.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    return from.get<std::int64_t>() >= std::numeric_limits<T>::min();
  }

  std::string problem_;
};

// Finds the members of a snapshot in its bytes, then reads them one at a time, the threads one by
// one: a tree of all of them would take ten times the file.
class Decoder {
 public:
  explicit Decoder(Reader& reader) : reader_(reader) {}

  // Walks over `entries` members of the map.
  void find_members(cbor::Cursor& cursor, std::uint64_t entries) {
    constexpr std::uint64_t kMaxEntries = 1000;
    if (entries > kMaxEntries) return reader_.fail("damaged: too many members");
    for (std::uint64_t i = 0; i < entries; ++i) {
      const auto key = cursor.text();
      const auto item = key ? cursor.large_item() : std::nullopt;
      if (!item) return reader_.fail(cursor.problem());
      if (!members_.emplace(*key, *item).second)
        return reader_.fail(fmt::format("damaged: {} is there twice", *key));
    }
    if (cursor.left() != 0) reader_.fail(fmt::format("damaged at byte {}", cursor.offset()));
  }

  template <class T>
  void operator()(const char* key, T& member) {
    if (reader_.failed()) return;
    const auto item = members_.find(key);
    if constexpr (requires { member.has_value(); }) {
      if (item != members_.end()) read(key, item->second, member.emplace());
    } else {
      if (item == members_.end()) return reader_.fail(Place{nullptr, key, 0}, "is missing");
      read(key, item->second, member);
    }
  }

 private:
  template <class T>
  void read(const char* key, std::string_view item, T& member) {
    const Place place{nullptr, key, 0};
    cbor::Cursor cursor(item);
    if (!cursor.item()) return reader_.fail(place, "is " + cursor.problem());
    read_tree(item, member, place);
  }
  void read(const char* key, std::string_view item, std::vector<ThreadCounts>& threads) {
    const Place place{nullptr, key, 0};
    cbor::Cursor cursor(item);
    const auto array = cursor.head();
    if (!array || array->major != cbor::Major::kArray) return reader_.fail(place, "is not a list");
    for (std::uint64_t i = 0; i < array->argument && !reader_.failed(); ++i) {
      const Place here{&place, {}, i};
      if (const auto thread = cursor.item())
        read_tree(*thread, threads.emplace_back(), here);
      else
        reader_.fail(here, "is " + cursor.problem());
    }
  }
  // Of an item that a cursor has passed.
  template <class T>
  void read_tree(std::string_view item, T& member, const Place& place) {
    const json tree = json::from_cbor(item.begin(), item.end(), true, false);
    if (tree.is_discarded()) return reader_.fail(place, "is damaged");
    reader_.read(tree, member, place);
  }

  Reader& reader_;
  std::map<std::string_view, std::string_view> members_;
};

// Whether each number in it is that of a frame or stack that is there.
bool is_whole(const Stacks& stacks) {
  const auto is_stack = [&](const auto& of) { return of.stack < stacks.stacks.size(); };
  return std::ranges::all_of(stacks.stacks,
                             [&](const Stack& stack) {
                               return std::ranges::all_of(stack.frames, [&](std::uint64_t frame) {
                                 return frame < stacks.frames.size();
                               });
                             }) &&
         std::ranges::all_of(stacks.blocked, is_stack) &&
         (!stacks.profile || std::ranges::all_of(stacks.profile->stacks, is_stack));
}

// Whoever named the file must name another.
Error read_error(const std::string& name, std::string why, std::string remedy = {}) {
  return Error{.failure = Failure::kUsage,
               .operation = "read",
               .object = name,
               .code = 0,
               .why = std::move(why),
               .remedy = std::move(remedy)};
}

Error not_a_snapshot(const std::string& name) {
  return read_error(name, "not a trace-run snapshot");
}

// The number of members after `format`, which the cursor has then passed; nullopt when this is no
// snapshot.
std::optional<std::uint64_t> enter_snapshot(cbor::Cursor& cursor) {
  const auto map = cursor.head();
  if (!map || map->major != cbor::Major::kMap || map->argument == 0) return std::nullopt;
  if (cursor.text() != kFormatKey || cursor.text() != kFormat) return std::nullopt;
  return map->argument - 1;
}

// Reads on until `limit` bytes or the end of the file.
Status read_up_to(const Fd& file, std::size_t limit, const std::string& path,
                  std::string& content) {
  std::array<char, 65536> chunk{};
  while (content.size() < limit) {
    const ssize_t got =
        ::read(file.get(), chunk.data(), std::min(chunk.size(), limit - content.size()));
    if (got == 0) return {};
    if (got > 0)
      content.append(chunk.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR)
      return errno_error("read", path);
  }
  return {};
}

}  // namespace

std::string encode_snapshot(const Snapshot& snapshot) {
  return Encoder().encode(snapshot);
}

Result<Snapshot> decode_snapshot(std::string_view bytes, const std::string& name) {
  cbor::Cursor cursor(bytes);
  const auto members = enter_snapshot(cursor);
  if (!members) return not_a_snapshot(name);
  const auto version_key = cursor.text();
  const auto version = version_key == kVersionKey ? cursor.head() : std::nullopt;
  if (!version || version->major != cbor::Major::kUnsigned)
    return read_error(name, "damaged: its version is missing");
  if (version->argument > kSnapshotVersion)
    return read_error(name,
                      fmt::format("made by a newer trace-run (format {}); this one reads up to {}",
                                  version->argument, kSnapshotVersion),
                      "update trace-run");
  if (version->argument != kSnapshotVersion)
    return read_error(name, fmt::format("damaged: there is no format {}", version->argument));

  Snapshot snapshot;
  Reader reader;
  Decoder decoder(reader);
  decoder.find_members(cursor, *members - 1);
  visit_fields(snapshot, decoder);
  if (!reader.failed() && snapshot.window_close_ns < snapshot.window_open_ns)
    reader.fail("window_close_ns is before window_open_ns");
  if (!reader.failed() && snapshot.stacks && !is_whole(*snapshot.stacks))
    reader.fail("stacks refers to what is not there");
  if (reader.failed()) return read_error(name, reader.problem());
  return snapshot;
}

Status save_snapshot(const Snapshot& snapshot, const std::string& path) {
  return write_file(path, encode_snapshot(snapshot));
}

Result<Snapshot> load_snapshot(const std::string& path) {
  const Fd file(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                            : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    Error error = errno_error("open", path);
    error.failure = Failure::kUsage;
    return error;
  }
  // Something else, perhaps endless, is turned away by its first bytes.
  constexpr std::size_t kEnoughToTell = 4096;
  std::string content;
  if (Status status = read_up_to(file, kEnoughToTell, path, content); !status)
    return std::move(status).error();
  if (content.find(kFormat) == std::string::npos) return not_a_snapshot(path);
  struct stat status_of {};
  const bool known = ::fstat(file.get(), &status_of) == 0 && S_ISREG(status_of.st_mode);
  const auto size = known ? static_cast<std::uint64_t>(status_of.st_size) : 0;
  if (size <= kMaxSnapshotBytes) {
    content.reserve(size);
    if (Status status = read_up_to(file, kMaxSnapshotBytes + 1, path, content); !status)
      return std::move(status).error();
  }
  if (std::max<std::uint64_t>(size, content.size()) > kMaxSnapshotBytes)
    return read_error(path, fmt::format("larger than any snapshot, which has at most {} MiB",
                                        kMaxSnapshotBytes >> 20));
  return decode_snapshot(content, path);
}

}  // namespace tr
