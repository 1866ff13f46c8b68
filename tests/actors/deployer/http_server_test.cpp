#include "actors/deployer/http_server.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <future>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/actors/deployer/raw_client.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

// Says what came.
void echo(HttpRequest request, Respond respond) {
  HttpResponse response;
  response.body = request.method + " " + request.target + " " + request.body;
  respond(std::move(response));
}

HttpOptions any_port() {
  HttpOptions options;
  options.listen = "127.0.0.1:0";
  options.max_body = 1000;
  return options;
}

void write_certificate(const std::string& certificate, const std::string& key) {
  EVP_PKEY* const pair = EVP_RSA_gen(2048);
  X509* const x509 = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), 0);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, pair);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("here"), -1, -1, 0);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  X509_sign(x509, pair, EVP_sha256());
  std::FILE* file = std::fopen(certificate.c_str(), "w");
  PEM_write_X509(file, x509);
  std::fclose(file);
  file = std::fopen(key.c_str(), "w");
  PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(x509);
  EVP_PKEY_free(pair);
}

}  // namespace

TEST_CASE(
    "HttpServer: a connection's requests are answered in their order, those that are sent at once "
    "too") {
  HttpServer server{any_port(), echo};
  RawClient client{server.port()};
  CHECK(client.request("GET", "/a").body == "GET /a ");
  CHECK(client.request("POST", "/b", "xyz").body == "POST /b xyz");
  std::string many;
  for (int i = 0; i < 50; ++i)
    many += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  client.send(many);
  for (int i = 0; i < 50; ++i)
    REQUIRE(client.receive().body == "POST /" + std::to_string(i) + " x");
  client.send(
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  CHECK(client.receive().body == "POST /c abc");
  client.send("POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.receive().status == 100);
  client.send("ok");
  CHECK(client.receive().body == "POST /e ok");
  client.send("GET /d HTTP/1.0\r\n\r\n");
  CHECK(client.receive().body == "GET /d ");
  CHECK(client.closed());
}

TEST_CASE("HttpServer: what is too large or malformed costs its connection and nothing else") {
  HttpServer server{any_port(), echo};
  {
    RawClient client{server.port()};
    CHECK(client.request("POST", "/", std::string(1001, 'x')).status == 413);
    CHECK(client.closed());
  }
  {
    RawClient client{server.port()};
    CHECK(client.request("GET", "/", "", "X: " + std::string(17'000, 'x') + "\r\n").status == 431);
    CHECK(client.closed());
  }
  {
    RawClient client{server.port()};
    client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                std::string(2000, 'x') + "\r\n0\r\n\r\n");
    CHECK(client.receive().status == 413);
  }
  for (const char* text :
       {"nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", "\x16\x03\x01\x02garbage\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"}) {
    RawClient client{server.port()};
    client.send(text);
    CHECK(client.receive().status == 400);
    CHECK(client.closed());
  }
  {
    RawClient client{server.port()};
    CHECK(client.request("POST", "/", "x", "Content-Encoding: identity\r\n").status == 200);
    CHECK(client.request("POST", "/", "x", "Content-Encoding: gzip\r\n").status == 415);
    CHECK(client.closed());
  }
  {
    RawClient client{server.port()};
    client.send("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab");
    client.end_sending();
    CHECK(client.closed());
  }
  CHECK(RawClient{server.port()}.request("GET", "/").status == 200);
}

TEST_CASE("HttpServer: a client that is slow is let go") {
  HttpOptions options = any_port();
  options.header_within = options.body_within = options.idle = 50ms;
  HttpServer server{options, echo};
  for (const char* begin : {"", "GET / HT", "GET / HTTP/1.1\r\nHost: h\r\n",
                            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"}) {
    RawClient client{server.port()};
    client.send(begin);
    CHECK(client.closed());
  }
}

TEST_CASE(
    "HttpServer: one connection too many is told so, and another one takes the place of one that "
    "is closed") {
  HttpOptions options = any_port();
  options.max_connections = 2;
  HttpServer server{options, echo};
  RawClient first{server.port()};
  CHECK(first.request("GET", "/").status == 200);
  {
    RawClient second{server.port()};
    CHECK(second.request("GET", "/").status == 200);
    RawClient third{server.port()};
    const RawResponse refused = third.receive();
    CHECK(refused.status == 503);
    CHECK(refused.head.find("Retry-After: 1") != std::string::npos);
    CHECK(third.closed());
  }
  while (server.connections() > 1) std::this_thread::yield();
  CHECK(RawClient{server.port()}.request("GET", "/").status == 200);
  CHECK(first.request("GET", "/").status == 200);
}

TEST_CASE(
    "HttpServer: requests without the token are refused, and open addresses need one or TLS") {
  HttpOptions options = any_port();
  options.token = "secret";
  HttpServer server{options, echo};
  const std::uint16_t port = server.port();
  CHECK(RawClient{port}.request("GET", "/").status == 401);
  CHECK(RawClient{port}.request("GET", "/", "", "Authorization: Bearer secreT\r\n").status == 401);
  CHECK(RawClient{port}.request("GET", "/", "", "Authorization: Bearer secret\r\n").status == 200);
  CHECK(RawClient{port}.request("GET", "/", "", "authorization: bEARER secret\r\n").status == 200);
  CHECK(RawClient{port}.request("GET", "/", "", "Authorization: Basic secret\r\n").status == 401);
  CHECK(RawClient{port}.request("GET", "/", "", "Authorization: Bearer\r\n").status == 401);

  options.token.clear();
  options.listen = "0.0.0.0:0";
  CHECK(fault_of(options).find("other machines") != std::string::npos);
  CHECK_THROWS_AS(HttpServer(options, echo), Error);
  options.token = "secret";
  CHECK(fault_of(options).empty());
  for (const char* bad :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "host:1", "127.0.0.1:-1", ":80"}) {
    options.listen = bad;
    CHECK(!fault_of(options).empty());
  }
  options = any_port();
  options.listen = "127.0.0.1:" + std::to_string(port);
  CHECK_THROWS_AS(HttpServer(options, echo), Error);  // it is taken
  options = any_port();
  options.certificate = "/nowhere";
  CHECK_THROWS_AS(HttpServer(options, echo), Error);
  options.key = "/nowhere";
  CHECK_THROWS_AS(HttpServer(options, echo), Error);
}

TEST_CASE("HttpServer: speaks TLS with a certificate") {
  const TemporaryFolder folder;
  HttpOptions options = any_port();
  options.certificate = folder.path() + "/certificate.pem";
  options.key = folder.path() + "/key.pem";
  write_certificate(options.certificate, options.key);
  HttpServer server{options, echo};
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  BIO* const bio = BIO_new_ssl_connect(context);
  BIO_set_conn_hostname(bio, ("127.0.0.1:" + std::to_string(server.port())).c_str());
  REQUIRE(BIO_do_handshake(bio) == 1);
  const std::string request = "GET /tls HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  BIO_write(bio, request.data(), static_cast<int>(request.size()));
  std::string answer;
  char buffer[1024];
  for (int got = 0; (got = BIO_read(bio, buffer, sizeof buffer)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(got));
  CHECK(answer.starts_with("HTTP/1.1 200"));
  CHECK(answer.ends_with("GET /tls "));
  BIO_free_all(bio);
  SSL_CTX_free(context);
  RawClient plain{server.port()};
  plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(plain.closed());
}

TEST_CASE(
    "HttpServer: drains: what was asked is answered, then all is closed; and ends with answers "
    "owed") {
  std::promise<Respond> asked;
  auto kept = asked.get_future();
  HttpServer server{any_port(),
                    [&](HttpRequest, Respond respond) { asked.set_value(std::move(respond)); }};
  RawClient waiting{server.port()}, idle{server.port()};
  waiting.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  Respond respond = kept.get();
  std::promise<void> drained;
  server.drain([&] { drained.set_value(); });
  CHECK(idle.closed());
  respond(HttpResponse{});
  CHECK(waiting.receive().status == 200);
  CHECK(waiting.closed());
  drained.get_future().get();

  std::promise<Respond> again;
  auto late = again.get_future();
  auto other = std::make_unique<HttpServer>(
      any_port(), [&](HttpRequest, Respond its) { again.set_value(std::move(its)); });
  RawClient client{other->port()};
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  Respond owed = late.get();
  other.reset();
  CHECK(client.closed());
  owed(HttpResponse{});
}

TEST_CASE("HttpServer: what all bodies take together is bounded, and given back") {
  HttpOptions options = any_port();
  options.max_bodies = 1500;
  std::promise<Respond> first;
  HttpServer server{options, [&](HttpRequest request, Respond respond) {
                      if (request.target == "/keep") return first.set_value(std::move(respond));
                      echo(std::move(request), std::move(respond));
                    }};
  const std::string body(1000, 'x');
  RawClient keeping{server.port()};
  keeping.send("POST /keep HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + body);
  Respond respond = first.get_future().get();
  CHECK(RawClient{server.port()}.request("POST", "/", body).status == 503);
  CHECK(RawClient{server.port()}.request("GET", "/").status == 200);
  respond(HttpResponse{});
  CHECK(keeping.receive().status == 200);
  CHECK(keeping.request("POST", "/", body).status == 200);
}

TEST_CASE("HttpServer: an answer that cannot be built is 500") {
  HttpServer server{
      any_port(), [](HttpRequest, Respond respond) {
        respond(Respond::Build{[]() -> HttpResponse { throw std::runtime_error{"no"}; }});
      }};
  CHECK(RawClient{server.port()}.request("GET", "/").status == 500);
}

TEST_CASE("HttpServer: an answer that is let go is 503") {
  HttpServer server{any_port(), [](HttpRequest, Respond) {}};
  CHECK(RawClient{server.port()}.request("GET", "/").status == 503);
}

TEST_CASE("HttpServer: whatever bytes come, it goes on") {
  HttpOptions options = any_port();
  options.header_within = options.body_within = options.idle = 2s;
  HttpServer server{options, echo};
  std::mt19937_64 random{7};
  const std::string good = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  for (int i = 0; i < 300; ++i) {
    std::string text = good;
    for (std::uint64_t k = random() % 4 + 1; k > 0; --k)
      text[random() % text.size()] = static_cast<char>(random());
    RawClient client{server.port()};
    client.send(text);
    client.end_sending();
    REQUIRE(client.closed());
  }
  CHECK(RawClient{server.port()}.request("GET", "/").status == 200);
}
