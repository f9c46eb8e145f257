// What render_pprof() writes is read back here by a reader of its own.
#include <map>
#include <optional>
#include <zlib.h>

#include <gmock/gmock.h>

#include "../../golden/runs.h"
#include "report/folded.h"

namespace tr::report {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

std::string unzipped(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, MAX_WBITS + 16), Z_OK);  // 16: gzip, and nothing else
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

// A message's fields in their order; numbers as numbers, the rest as bytes.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  std::string bytes;
};

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; !bytes.empty() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  ADD_FAILURE() << "a number has no end";
  return value;
}

std::vector<Field> fields_of(std::string_view bytes) {
  std::vector<Field> fields;
  while (!bytes.empty()) {
    const std::uint64_t key = take_varint(bytes);
    Field field;
    field.number = key >> 3;
    const std::uint64_t value = take_varint(bytes);
    if ((key & 7) == 0) {
      field.value = value;
    } else {
      EXPECT_EQ(key & 7, 2U);
      EXPECT_LE(value, bytes.size());
      field.bytes = bytes.substr(0, value);
      bytes.remove_prefix(std::min<std::size_t>(value, bytes.size()));
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

std::vector<std::uint64_t> packed(std::string_view bytes) {
  std::vector<std::uint64_t> values;
  while (!bytes.empty())
    values.push_back(take_varint(bytes));
  return values;
}

std::vector<Field> all(const std::vector<Field>& fields, std::uint64_t number) {
  std::vector<Field> found;
  for (const Field& field : fields)
    if (field.number == number) found.push_back(field);
  return found;
}

std::uint64_t number_in(const std::string& message, std::uint64_t number) {
  const auto found = all(fields_of(message), number);
  return found.empty() ? 0 : found.front().value;
}

class Pprof : public testing::Test {
 protected:
  Pprof() {
    for (golden::NamedRun& run : golden::recorded_runs())
      if (run.name == "profiled") snapshot_ = std::move(run.snapshot);
    fields_ = fields_of(unzipped(render_pprof(JudgedRun(snapshot_))));
    for (const Field& text : all(fields_, 6))
      strings_.push_back(text.bytes);
  }

  [[nodiscard]] std::string name_of_function(std::uint64_t location_id) const {
    for (const Field& location : all(fields_, 4)) {
      if (number_in(location.bytes, 1) != location_id) continue;
      const std::uint64_t function_id = number_in(all(fields_of(location.bytes), 4).at(0).bytes, 1);
      for (const Field& function : all(fields_, 5))
        if (number_in(function.bytes, 1) == function_id)
          return strings_.at(number_in(function.bytes, 2));
    }
    return "not there";
  }

  Snapshot snapshot_;
  std::vector<Field> fields_;
  std::vector<std::string> strings_;
};

TEST_F(Pprof, NamesItsValues) {
  ASSERT_FALSE(strings_.empty());
  EXPECT_EQ(strings_[0], "");  // as the format demands
  std::vector<std::string> types;
  for (const Field& type : all(fields_, 1))
    types.push_back(strings_.at(number_in(type.bytes, 1)) + "/" +
                    strings_.at(number_in(type.bytes, 2)));
  EXPECT_THAT(types, ElementsAre("samples/count", "cpu/nanoseconds", "off-cpu/nanoseconds"));
}

TEST_F(Pprof, HasEachStackWithItsWeights) {
  std::uint64_t samples = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t blocked_ns = 0;
  for (const Field& sample : all(fields_, 2)) {
    const auto values = packed(all(fields_of(sample.bytes), 2).at(0).bytes);
    ASSERT_EQ(values.size(), 3U);
    samples += values[0];
    cpu_ns += values[1];
    blocked_ns += values[2];
  }
  EXPECT_EQ(samples, 941U);
  EXPECT_NEAR(static_cast<double>(cpu_ns),
              static_cast<double>(snapshot_.total.user_ns + snapshot_.total.system_ns), 5);
  std::uint64_t expected = 0;
  for (const BlockedStack& blocked : snapshot_.stacks->blocked)
    expected += blocked.ns;
  EXPECT_EQ(blocked_ns, expected);
}

TEST_F(Pprof, OrdersFramesFromTheInnermost) {
  const auto first = fields_of(all(fields_, 2).at(0).bytes);
  std::vector<std::string> names;
  for (const std::uint64_t location : packed(all(first, 1).at(0).bytes))
    names.push_back(name_of_function(location));
  EXPECT_EQ(names.front(), "tcp_sendmsg");
  EXPECT_EQ(names.back(), "main");
  EXPECT_EQ(names.size(), 5U);
  const std::string label = all(first, 3).at(0).bytes;
  EXPECT_EQ(strings_.at(number_in(label, 1)), "thread");
  EXPECT_EQ(strings_.at(number_in(label, 2)), "epoll_echo");
}

TEST_F(Pprof, KnowsTheModulesByTheirBuildIds) {
  std::map<std::string, std::string> ids;
  for (const Field& mapping : all(fields_, 3))
    ids[strings_.at(number_in(mapping.bytes, 5))] = strings_.at(number_in(mapping.bytes, 6));
  EXPECT_EQ(ids["/usr/lib/x86_64-linux-gnu/libc.so.6"], "0123abcd");
  EXPECT_EQ(ids.size(), 5U);
}

}  // namespace
}  // namespace tr::report
