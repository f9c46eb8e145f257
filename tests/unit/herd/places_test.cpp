#include "herd/places.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "herd/places_client.h"
#include "protocols/http/response.h"

namespace servers::herd {
namespace {

using http::ResponseParser;
using nlohmann::json;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(Places, AreAskedForInMetresAndWithoutAPlus) {
  EXPECT_EQ(places_target(*parse_location("+34.068930-118.445127"), "10"),
            "/maps/api/place/nearbysearch/json?location=34.068930,-118.445127&radius=10000");
  EXPECT_EQ(places_target(*parse_location("-1+2"), "0.0006"),
            "/maps/api/place/nearbysearch/json?location=-1,2&radius=1");
}

TEST(Places, OnlySensibleQuestionsAreUnderstood) {
  const std::string path(kPlacesPath);
  EXPECT_TRUE(parse_query(path + "?location=1,-2&radius=3&key=x&empty"));
  EXPECT_TRUE(parse_query(path + "?radius=50000&location=-90,180"));
  for (const char* rest :
       {"", "?", "?location=1,2", "?radius=1", "?location=1&radius=1", "?location=91,1&radius=1",
        "?location=1,181&radius=1", "?location=1,2&radius=-1", "?location=1,2&radius=50001",
        "?location=nan,2&radius=1", "?location=1,inf&radius=1",
        "?location=1,2&radius=", "?location=1,2,3&radius=1", "x?location=1,2&radius=1", "?&&&",
        "?=", "?location=,&radius=1"})
    EXPECT_FALSE(parse_query(path + rest)) << rest;
}

TEST(Places, AreTheSameForTheSameQuestionAndLieNearby) {
  const PlacesQuery query{.latitude = 34.06893, .longitude = -118.445127, .radius = 10'000};
  const std::string found = find_places(query);
  EXPECT_EQ(find_places(query), found);
  EXPECT_NE(find_places({.latitude = 34, .longitude = -118.445127, .radius = 10'000}), found);
  const json results = json::parse(found)["results"];
  ASSERT_EQ(results.size(), static_cast<std::size_t>(kPlacesFound));
  for (const json& place : results) {
    const json& at = place["geometry"]["location"];
    const double north = (at["lat"].get<double>() - query.latitude) * 111'195;
    const double east = (at["lng"].get<double>() - query.longitude) * 111'195 *
                        std::cos(query.latitude * 3.14159265 / 180);
    EXPECT_LE(std::hypot(north, east), query.radius * 1.001);
  }
  for (const double pole : {-90.0, 90.0}) {
    const json there =
        json::parse(find_places({.latitude = pole, .longitude = 180, .radius = 50'000}))["results"];
    for (const json& place : there) {
      EXPECT_LE(std::abs(place["geometry"]["location"]["lat"].get<double>()), 90);
      EXPECT_LE(std::abs(place["geometry"]["location"]["lng"].get<double>()), 180);
    }
  }
}

TEST(Places, AreCutToTheBoundAndOtherwiseLeftAlone) {
  EXPECT_EQ(cut_places(R"({"z": 1, "results": [1, {"a": "\u00e9"}, 3], "a": 2})", 2),
            "{\"z\":1,\"results\":[1,{\"a\":\"\u00e9\"}],\"a\":2}");
  EXPECT_EQ(cut_places(R"({"results":[1]})", 20), R"({"results":[1]})");
  for (const char* rubbish : {"", "x", "[]", "{}", "null", "{\"results\":1}", "{\"results\":[1]",
                              "{\"results\":[1e999]}", "{\"results\":[\"\xff\"]}"})
    EXPECT_FALSE(cut_places(rubbish, 5)) << rubbish;
  EXPECT_FALSE(cut_places(std::string(100'000, '['), 5));
}

TEST(HttpResponse, ComesWholeHoweverTheBytesComeApart) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
  for (const std::string& whole : {text, chunked})
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, whole.size()}) {
      ResponseParser parser(5);
      for (std::size_t at = 0; at < whole.size(); at += piece) {
        EXPECT_FALSE(parser.done());
        parser.take(bytes(std::string_view(whole).substr(at, piece)));
      }
      EXPECT_TRUE(parser.done());
      EXPECT_EQ(parser.failure(), "");
      EXPECT_EQ(parser.status(), 200);
      EXPECT_EQ(parser.body(), "hello");
      EXPECT_TRUE(parser.keep_alive());
    }
}

TEST(HttpResponse, TheConnectionIsNotKeptBehindMoreThanWasAskedForOrAtTheEnd) {
  ResponseParser more(5);
  more.take(bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1"));
  EXPECT_TRUE(more.done());
  EXPECT_FALSE(more.keep_alive());
  ResponseParser closed(5);
  closed.take(bytes("HTTP/1.1 200 OK\r\n\r\nhello"));
  EXPECT_FALSE(closed.done());
  closed.end();
  EXPECT_TRUE(closed.done());
  EXPECT_EQ(closed.failure(), "");
  EXPECT_EQ(closed.body(), "hello");
  EXPECT_FALSE(closed.keep_alive());
}

TEST(HttpResponse, FailuresAreToldApart) {
  const auto failure = [](std::string_view text, bool ended = false) {
    ResponseParser parser(5);
    parser.take(bytes(text));
    if (ended) parser.end();
    return parser.failure();
  };
  EXPECT_THAT(failure("SSH-2.0-OpenSSH\r\n"), testing::HasSubstr("no HTTP"));
  EXPECT_THAT(failure("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456"),
              testing::HasSubstr("longer than 5 bytes"));
  EXPECT_THAT(failure("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n12", true), testing::Not(""));
  EXPECT_THAT(failure("", true), testing::Not(""));
  EXPECT_EQ(failure("HTTP/1.1 200 OK\r\nContent-Len"), "");
}

}  // namespace
}  // namespace servers::herd
