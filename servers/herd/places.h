// What would the Places service say? A stand-in for it: HTTP/1.1,
//
//   GET /maps/api/place/nearbysearch/json?location=LAT,LON&radius=METRES
//
// is answered with places that do not exist, always the same ones for the same question.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/protocol.h"

namespace servers::herd {

struct PlacesQuery {
  double latitude = 0;
  double longitude = 0;
  double radius = 0;  // m
};

inline constexpr std::string_view kPlacesPath = "/maps/api/place/nearbysearch/json";
inline constexpr int kPlacesFound = 25;

// None if the target is another, or asks for something that there is not on Earth.
[[nodiscard]] std::optional<PlacesQuery> parse_query(std::string_view target);
[[nodiscard]] std::string find_places(const PlacesQuery& query);

class Places final : public Protocol {
 public:
  [[nodiscard]] std::string_view name() const override { return "places"; }
  [[nodiscard]] std::string_view about() const override { return "Made-up places near a point."; }
  [[nodiscard]] std::unique_ptr<Session> open() override;
};

}  // namespace servers::herd
