#include "actors/report/short_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace troupe::actors {
namespace {

std::string digits(double value, std::chars_format format, int precision) {
  std::array<char, 64> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
  return error == std::errc{} ? std::string{text.data(), end} : std::string{"?"};
}

std::string two(std::uint64_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

std::string short_number(double value) {
  if (std::isnan(value)) return "nan";  // of whatever sign
  return digits(value, std::chars_format::general, 4);
}

std::string short_count(double value) {
  constexpr std::string_view letters = "kMGTP";
  std::size_t thousands = 0;
  while (std::isfinite(value) && std::abs(value) >= 999.5 && thousands < letters.size()) {
    value /= 1000;
    ++thousands;
  }
  if (!std::isfinite(value)) return short_number(value);
  std::string text = digits(value, std::chars_format::general, 3);
  if (thousands > 0) text += letters[thousands - 1];
  return text;
}

std::string short_duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "-";
  if (seconds < 59.95) return digits(seconds, std::chars_format::fixed, 1) + " s";
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 3600) return std::to_string(whole / 60) + ':' + two(whole % 60);
  return std::to_string(whole / 3600) + ':' + two(whole / 60 % 60) + ':' + two(whole % 60);
}

}  // namespace troupe::actors
