// Text made of Json must be what nlohmann::ordered_json makes of the same braces.
#include "report/json_value.h"

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tr::report {
namespace {

using Theirs = nlohmann::ordered_json;

std::string text(const Theirs& json) {
  return json.dump(2, ' ', false, Theirs::error_handler_t::replace) + '\n';
}

template <class T>
T document() {
  const std::string name = "named";
  const std::vector<std::string> words{"a", "b"};
  T list = T::array();
  list.push_back({{"only", true}});
  list.push_back({1, -2, 3.5});
  T json = {{"z", nullptr},
            {"yes", true},
            {"least", std::numeric_limits<std::int64_t>::min()},
            {"most", std::numeric_limits<std::uint64_t>::max()},
            {"byte", std::uint8_t{7}},
            {"share", 0.1},
            {"whole", 2.0},
            {"large", 1e22},
            {"none", std::numeric_limits<double>::quiet_NaN()},
            {"text", "\"\n\x01\xff\u00e4"},
            {"view", std::string_view("view")},
            {"name", name},
            {"map", std::map<std::string, int>{{"b", 1}, {"a", 2}}},
            {"set", std::set<std::string>{"y", "x"}},
            {"words", words},
            {"no_words", std::vector<std::string>()},
            {"pair_of_texts", {"k", "v"}},
            {"empty", {}},
            {"nested", {{"a", {{"b", 1}}}, {"c", T::array()}, {"d", T::object()}}},
            {"mixed", {{"a", 1}, 2}}};
  json["list"] = std::move(list);
  json["z"] = {{"set", "again"}};
  return json;
}

TEST(JsonValue, IsWrittenAsNlohmannWritesIt) {
  EXPECT_EQ(document<Json>().text(), text(document<Theirs>()));
}

TEST(JsonValue, NullBecomesWhatItIsUsedAs) {
  Json json;
  EXPECT_EQ(json.text(), "null\n");
  EXPECT_FALSE(json.contains("a"));
  json["a"]["b"] = 1;
  json["list"].push_back(2);
  EXPECT_EQ(json.text(), text(Theirs{{"a", {{"b", 1}}}, {"list", Theirs::array({2})}}));
}

TEST(JsonValue, UpdateSetsAndEraseForgets) {
  Json json = {{"a", 1}, {"b", 2}};
  json.update({{"b", 3}, {"c", 4}});
  json.erase("a");
  json.erase("never");
  EXPECT_FALSE(json.contains("a"));
  EXPECT_TRUE(json.contains("c"));
  EXPECT_EQ(json.text(), text(Theirs{{"b", 3}, {"c", 4}}));
}

TEST(JsonValue, ACopyIsAnotherValue) {
  const Json before = {{"a", 1}};
  Json copy = before;
  copy["a"] = 2;
  EXPECT_EQ(before.text(), text(Theirs{{"a", 1}}));
  EXPECT_EQ(copy.text(), text(Theirs{{"a", 2}}));
}

}  // namespace
}  // namespace tr::report
