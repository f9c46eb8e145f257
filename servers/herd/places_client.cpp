#include "herd/places_client.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/coroutine/dial.h"

namespace servers::herd {

Task<std::optional<std::string>> PlacesClient::ask(std::string target, std::size_t bound) {
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", target, service_.text());
  Attempt last{.why = {}, .stale = true, .body = {}};
  Connection kept = take_idle();
  if (kept) last = co_await attempt(std::move(kept), request);
  if (last.stale) {
    Dialled dialled = co_await dial(reactor_, service_, std::nullopt, patience_);
    if (dialled.socket)
      last = co_await attempt(std::move(dialled.socket), request);
    else
      last.why = std::generic_category().message(dialled.error);
  }
  std::optional<std::string> places;
  if (last.why.empty()) {
    places = cut_places(last.body, bound);
    if (!places) last.why = "the answer is no JSON with a list of results";
  }
  if (!places)
    failure_line_.say(
        fmt::format("cannot ask Places at {}: {}; clients who ask for places are "
                    "refused",
                    service_.text(), last.why));
  co_return places;
}

Task<PlacesClient::Attempt> PlacesClient::attempt(Connection socket, const std::string& request) {
  http::ResponseParser response(kMaxAnswer);
  const bool sent = co_await socket->send(std::as_bytes(std::span(request)), patience_);
  Attempt attempt;
  if (sent)
    attempt = co_await receive(*socket, response);
  else
    attempt = {.why = "the connection ended", .stale = true, .body = {}};
  if (attempt.why.empty() && response.keep_alive() && idle_.size() < kMaxIdle)
    idle_.push_back(std::move(socket));
  co_return attempt;
}

Task<PlacesClient::Attempt> PlacesClient::receive(Socket& socket, http::ResponseParser& response) {
  Buffer buffer(buffers_);
  Milliseconds patience = patience_;
  Attempt attempt;
  while (!response.done()) {
    const ssize_t got = co_await socket.receive(buffer, patience);
    if (got < 0) {
      attempt.why = std::generic_category().message(static_cast<int>(-got));
      attempt.stale = got != -ETIMEDOUT && !response.begun();
      co_return attempt;
    }
    attempt.stale = got == 0 && !response.begun();
    response.take(buffer.first(static_cast<std::size_t>(got)));
    patience = kAsBefore;
  }
  attempt.why = response.failure();
  if (attempt.why.empty() && response.status() != 200)
    attempt.why = fmt::format("the answer has status {}", response.status());
  attempt.body = response.body();
  co_return attempt;
}

PlacesClient::Connection PlacesClient::take_idle() {
  while (!idle_.empty()) {
    Connection last = std::move(idle_.back());
    idle_.pop_back();
    if (last->quiet()) return last;  // else the service has ended it
  }
  return {};
}

std::string places_target(const Location& location, std::string_view radius_km) {
  // In a query a plus is a blank.
  const auto number = [](std::string_view degrees) {
    if (degrees.starts_with('+')) degrees.remove_prefix(1);
    return degrees;
  };
  double km = 0;
  std::from_chars(radius_km.data(), radius_km.data() + radius_km.size(), km);
  return fmt::format("/maps/api/place/nearbysearch/json?location={},{}&radius={}",
                     number(location.latitude), number(location.longitude),
                     std::llround(km * 1000));
}

std::optional<std::string> cut_places(std::string_view json, std::size_t bound) {
  auto places = nlohmann::ordered_json::parse(json, nullptr, false);
  if (!places.is_object()) return {};
  const auto results = places.find("results");
  if (results == places.end() || !results->is_array()) return {};
  auto& list = results->get_ref<nlohmann::ordered_json::array_t&>();
  if (list.size() > bound)
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(bound), list.end());
  return places.dump();
}

}  // namespace servers::herd
