#include "actors/deployer/http_options.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>
#include <charconv>
#include <span>
#include <string_view>

#include "serialization/sha256.hpp"

namespace troupe::actors {

std::optional<ListenAddress> listen_address(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon + 1 == listen.size()) return std::nullopt;
  ListenAddress to{listen.substr(0, colon)};
  if (to.address.size() > 2 && to.address.front() == '[' && to.address.back() == ']')
    to.address = to.address.substr(1, to.address.size() - 2);
  if (to.address == "localhost") to.address = "127.0.0.1";
  const char* const end = listen.data() + listen.size();
  const auto [stopped, fault] = std::from_chars(listen.data() + colon + 1, end, to.port);
  boost::system::error_code error;
  const boost::asio::ip::address parsed = boost::asio::ip::make_address(to.address, error);
  if (error || fault != std::errc{} || stopped != end) return std::nullopt;
  to.loopback = parsed.is_loopback();
  return to;
}

bool bears(const std::string& authorization, const std::string& token) {
  constexpr std::string_view scheme = "bearer ";  // in any case (RFC 9110, 11.1)
  const bool has_scheme = std::ranges::equal(
      std::string_view{authorization}.substr(0, scheme.size()), scheme,
      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  if (!has_scheme) return false;
  const auto digest = [](const std::string& text) {
    return serialization::sha256(std::as_bytes(std::span{text}));
  };
  const serialization::Sha256Digest a = digest(authorization.substr(scheme.size())),
                                    b = digest(token);
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= std::to_integer<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

std::string fault_of(const HttpOptions& options) {
  const std::optional<ListenAddress> address = listen_address(options.listen);
  if (!address)
    return "listen: expected ADDRESS:PORT such as 127.0.0.1:8000, got \"" + options.listen + "\"";
  if (options.certificate.empty() != options.key.empty())
    return "expected both certificate and key or neither, got one of them";
  if (!address->loopback && options.certificate.empty() && options.token.empty())
    return "listen: " + options.listen +
           " can be reached from other machines: expected certificate and key, or a token, got "
           "neither";
  return {};
}

}  // namespace troupe::actors
