#include "herd/places.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <ctime>
#include <numbers>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "protocols/http/head.h"
#include "protocols/http/request.h"

namespace servers::herd {
namespace {

// Until the next request; the servers keep their connections.
constexpr Milliseconds kPatience{60'000};

std::optional<double> parse_number(std::string_view text, double low, double high) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || parsed != end || !(value >= low && value <= high)) return {};
  return value;
}

// splitmix64 (Steele, Lea and Flood, 2014)
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // From 0 up to 1.
  double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

double rounded(double degrees) {
  return std::round(degrees * 1e7) / 1e7;
}

class PlacesSession final : public Session {
 public:
  [[nodiscard]] Milliseconds first_patience() const override { return kPatience; }

  Answer received(std::span<const std::byte> input) override {
    waiting_.append(reinterpret_cast<const char*>(input.data()), input.size());
    return more();
  }

  // One request at a time: what they are answered with is much longer than they are.
  Answer more() override {
    if (waiting_.empty()) return {.patience = kPatience};
    waiting_.erase(0, parser_.take(std::as_bytes(std::span(waiting_))));
    if (!parser_.done()) {
      waiting_.clear();
      return {.patience = kAsBefore};
    }
    const http::Request& request = parser_.request();
    answer(request);
    Then then = waiting_.empty() ? Then::kReceive : Then::kContinue;
    if (!request.keep_alive) then = Then::kClose;
    return {.bytes = std::as_bytes(std::span(said_)), .then = then, .patience = kPatience};
  }

 private:
  void answer(const http::Request& request) {
    http::Status status = http::Status::kOk;
    std::string body;
    const auto query = parse_query(request.target);
    if (request.refused)
      status = *request.refused;
    else if (query)
      body = find_places(*query);
    else if (request.target.starts_with(kPlacesPath))
      status = http::Status::kBadRequest;
    else
      status = http::Status::kNotFound;
    if (body.empty()) body = R"({"results":[],"status":"INVALID_REQUEST"})";
    said_.clear();
    http::append_head(said_, {.status = status,
                              .now = http::clock_second(),
                              .length = std::ssize(body),
                              .type = "application/json; charset=utf-8",
                              .modified = {},
                              .location = {},
                              .keep_alive = request.keep_alive,
                              .http_1_0 = request.http_1_0});
    if (!request.is_head()) said_ += body;
  }

  http::RequestParser parser_;
  std::string waiting_;  // received, and not looked at
  std::string said_;
};

}  // namespace

std::optional<PlacesQuery> parse_query(std::string_view target) {
  if (!target.starts_with(kPlacesPath)) return {};
  target.remove_prefix(kPlacesPath.size());
  if (!target.starts_with('?')) return {};
  std::optional<double> latitude;
  std::optional<double> longitude;
  std::optional<double> radius;
  while (!target.empty()) {
    target.remove_prefix(1);  // ? or &
    const std::string_view pair = target.substr(0, target.find('&'));
    target.remove_prefix(pair.size());
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view key = pair.substr(0, equals);
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (key == "location") {
      const std::size_t comma = std::min(value.find(','), value.size());
      latitude = parse_number(value.substr(0, comma), -90, 90);
      longitude = parse_number(value.substr(std::min(comma + 1, value.size())), -180, 180);
    } else if (key == "radius") {
      radius = parse_number(value, 0, 50'000);
    }  // others, such as a real service's key, do not matter
  }
  if (!latitude || !longitude || !radius) return {};
  return PlacesQuery{.latitude = *latitude, .longitude = *longitude, .radius = *radius};
}

std::string find_places(const PlacesQuery& query) {
  constexpr std::string_view kKinds[] = {"Bakery",  "Bridge", "Cafe",   "Cinema", "Garden",
                                         "Library", "Market", "Museum", "Square", "Station"};
  constexpr double kMetresPerDegree = 111'195;  // of a meridian, on a sphere of 6,371 km
  Random random(std::bit_cast<std::uint64_t>(query.latitude) ^
                std::rotl(std::bit_cast<std::uint64_t>(query.longitude), 21) ^
                std::rotl(std::bit_cast<std::uint64_t>(query.radius), 42));
  auto results = nlohmann::ordered_json::array();
  for (int i = 0; i < kPlacesFound; ++i) {
    // Even over the circle: the root of the distance.
    const double distance = query.radius * std::sqrt(random.fraction());
    const double angle = 2 * std::numbers::pi * random.fraction();
    const double latitude =
        std::clamp(query.latitude + distance * std::cos(angle) / kMetresPerDegree, -90.0, 90.0);
    const double parallel =
        std::max(std::cos(query.latitude * std::numbers::pi / 180), 0.01);  // at the poles
    const double longitude = std::remainder(
        query.longitude + distance * std::sin(angle) / (kMetresPerDegree * parallel), 360);
    const std::uint64_t id = random.next();
    results.push_back(
        {{"name", fmt::format("{} {}", kKinds[id % std::size(kKinds)], i + 1)},
         {"place_id", fmt::format("{:016x}", id)},
         {"geometry", {{"location", {{"lat", rounded(latitude)}, {"lng", rounded(longitude)}}}}}});
  }
  return nlohmann::ordered_json{{"results", std::move(results)}, {"status", "OK"}}.dump();
}

std::unique_ptr<Session> Places::open() {
  return std::make_unique<PlacesSession>();
}

}  // namespace servers::herd
