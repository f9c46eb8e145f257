#include "metrics/repeats.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace tr::metrics {
namespace {

std::map<std::string_view, double> values_of(const std::vector<Figure>& figures) {
  std::map<std::string_view, double> values;
  for (const Figure& figure : figures)
    values.emplace(figure.name, figure.value);
  return values;
}

// All that there are in any of the lists. What only a later one has stands where it stands there:
// behind the one before it.
std::vector<Figure> united(const std::vector<std::vector<Figure>>& lists) {
  std::vector<Figure> all;
  for (const std::vector<Figure>& list : lists) {
    auto place = all.begin();
    for (const Figure& figure : list) {
      const auto known = std::ranges::find(all, figure.name, &Figure::name);
      place = (known == all.end() ? all.insert(place, figure) : known) + 1;
    }
  }
  return all;
}

}  // namespace

RepeatedFigure repeated_figure(Figure figure, std::span<const double> values) {
  RepeatedFigure spread;
  spread.mean = statistics::estimate(values);
  spread.least = std::ranges::min(values);
  spread.greatest = std::ranges::max(values);
  if (values.size() > 1 && spread.mean.value != 0)
    spread.deviation = statistics::standard_deviation(values) / std::abs(spread.mean.value);
  spread.figure = std::move(figure);
  spread.figure.value = spread.mean.value;
  return spread;
}

std::vector<RepeatedFigure> repeated_figures(std::span<const Metrics* const> runs) {
  std::vector<std::vector<Figure>> lists;
  for (const Metrics* run : runs)
    lists.push_back(figures_of(*run));
  std::vector<std::map<std::string_view, double>> values;
  for (const std::vector<Figure>& list : lists)
    values.push_back(values_of(list));

  std::vector<RepeatedFigure> spreads;
  for (Figure& figure : united(lists)) {
    std::vector<double> sample;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto found = values[i].find(figure.name);
      const auto value = found != values[i].end() ? std::optional(found->second)
                                                  : value_if_missing(*runs[i], figure.name);
      if (value) sample.push_back(*value);
    }
    spreads.push_back(repeated_figure(std::move(figure), sample));
  }
  return spreads;
}

const RepeatedFigure* find(std::span<const RepeatedFigure> spreads, std::string_view name) {
  const auto found = std::ranges::find_if(
      spreads, [name](const RepeatedFigure& spread) { return spread.figure.name == name; });
  return found == spreads.end() ? nullptr : &*found;
}

}  // namespace tr::metrics
