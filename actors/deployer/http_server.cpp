#include "actors/deployer/http_server.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <type_traits>
#include <vector>

#include "runtime/base/error.hpp"

namespace troupe::actors {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using net::ip::tcp;

namespace {

class Session;

}  // namespace

/// What sessions share. Lives until the last session and the last duty to answer is gone.
class HttpServer::State : public std::enable_shared_from_this<State> {
 public:
  State(const HttpOptions& options, HttpHandler handler);

  void start();
  void stop();
  void drain(std::function<void()> idle);
  std::uint16_t port() const { return port_; }
  std::size_t connections() const {
    const std::lock_guard lock{mutex_};
    return count_;
  }

  // For sessions.
  bool reserve(std::size_t bytes) {
    if (bodies_.fetch_add(bytes) + bytes <= std::max(options_.max_bodies, options_.max_body))
      return true;
    release(bytes);
    return false;
  }
  void release(std::size_t bytes) { bodies_.fetch_sub(bytes); }
  const HttpOptions& options() const { return options_; }
  const HttpHandler& handler() const { return handler_; }
  bool draining() const { return draining_; }
  void left(Session& session, bool refused);
  /// Runs `work` on a session's strand, unless the server has stopped: nobody would run it.
  template <class Executor, class Work>
  void post(const Executor& strand, Work work) {
    const std::lock_guard lock{mutex_};
    if (!stopped_) net::post(strand, std::move(work));
  }

 private:
  void accept();
  void welcome(tcp::socket socket);

  const HttpOptions options_;
  const HttpHandler handler_;
  net::io_context io_;
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  std::optional<net::ssl::context> tls_;
  net::strand<net::io_context::executor_type> strand_{net::make_strand(io_)};  // the acceptor's
  tcp::acceptor acceptor_{strand_};
  net::steady_timer pause_{strand_};
  std::uint16_t port_ = 0;
  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> bodies_{0};

  mutable std::mutex mutex_;
  bool stopped_ = false;
  std::set<Session*> sessions_;  // each leaves before it ends
  std::size_t count_ = 0, refused_ = 0;
  std::function<void()> idle_;
  std::vector<std::thread> threads_;
};

namespace {

/// One connection.
class Session {
 public:
  virtual ~Session() = default;
  virtual void start() = 0;
  /// From any thread; its server holds a lock.
  virtual void close_soon(bool if_idle) = 0;
};

constexpr std::size_t refused_at_once = 64;
constexpr std::size_t chunk = 16 * 1024;
constexpr auto linger = std::chrono::seconds{2};
constexpr std::size_t linger_bytes = std::size_t{1} << 20;

template <class Stream>
class SessionOf final : public Session, public std::enable_shared_from_this<SessionOf<Stream>> {
 public:
  static constexpr bool is_tls = !std::is_same_v<Stream, beast::tcp_stream>;

  SessionOf(std::shared_ptr<HttpServer::State> server, Stream stream, bool refused)
      : server_{std::move(server)}, stream_{std::move(stream)}, refused_{refused} {}
  ~SessionOf() override {
    release();
    server_->left(*this, refused_);
  }

  void start() override {
    net::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->begin(); });
  }

  void close_soon(bool if_idle) override {
    std::shared_ptr<SessionOf> self = this->weak_from_this().lock();
    if (!self) return;
    const auto strand = stream_.get_executor();
    // It must not be the last one here: a session that ends takes the server's lock.
    net::post(strand, [self = std::move(self), if_idle] {
      if (!if_idle || self->idle_) self->close();
    });
  }

 private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  void begin() {
    boost::system::error_code ignored;
    lowest().socket().set_option(tcp::no_delay{true}, ignored);
    if (refused_ && !is_tls) {
      keep_ = false;
      return send(overloaded_response("all " + std::to_string(options().max_connections) +
                                      " connections are taken"));
    }
    if (refused_) return close();
    if constexpr (is_tls) {
      lowest().expires_after(options().header_within);
      stream_.async_handshake(
          net::ssl::stream_base::server,
          [self = this->shared_from_this()](const boost::system::error_code& error) {
            if (error) return self->close();
            self->await_request();
          });
    } else {
      await_request();
    }
  }

  // For the first byte of a request, if it is not there already.
  void await_request() {
    if (buffer_.size() > 0) return read_header();
    if (server_->draining()) return finish();
    idle_ = true;
    lowest().expires_after(options().idle);
    stream_.async_read_some(buffer_.prepare(chunk),
                            [self = this->shared_from_this()](
                                const boost::system::error_code& error, std::size_t bytes) {
                              self->idle_ = false;
                              if (error) return self->close();
                              self->buffer_.commit(bytes);
                              self->read_header();
                            });
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(options().max_header));
    parser_->body_limit(options().max_body);
    lowest().expires_after(options().header_within);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](const boost::system::error_code& error, std::size_t) {
          self->got_header(error);
        });
  }

  void got_header(const boost::system::error_code& error) {
    if (error) return refuse(error);
    const auto& header = parser_->get();
    head_ = header.method() == http::verb::head;
    if (!options().token.empty() &&
        !bears(std::string{header[http::field::authorization]}, options().token)) {
      HttpResponse response =
          error_response(401, "expected the header Authorization with the token");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      keep_ = false;
      return send(response);
    }
    const auto encoding = header[http::field::content_encoding];
    if (!encoding.empty() && !beast::iequals(encoding, "identity")) {
      keep_ = false;
      return send(error_response(415, "expected a body without a Content-Encoding, got " +
                                          std::string{encoding.substr(0, 40)}));
    }
    const auto announced = parser_->content_length();
    const std::size_t body = announced            ? static_cast<std::size_t>(*announced)
                             : parser_->chunked() ? options().max_body
                                                  : 0;
    if (!server_->reserve(body)) {
      keep_ = false;
      return send(overloaded_response("there is no room for more requests' bodies"));
    }
    reserved_ = body;
    if (!beast::iequals(header[http::field::expect], "100-continue")) return read_body();
    proceed_.version(header.version());
    proceed_.result(http::status::continue_);
    lowest().expires_after(options().write_within);
    http::async_write(
        stream_, proceed_,
        [self = this->shared_from_this()](const boost::system::error_code& failed, std::size_t) {
          if (failed) return self->close();
          self->read_body();
        });
  }

  void read_body() {
    lowest().expires_after(options().body_within);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](const boost::system::error_code& error,
                                                       std::size_t) { self->got_request(error); });
  }

  void got_request(const boost::system::error_code& error) {
    if (error) return refuse(error);
    lowest().expires_never();
    keep_ = parser_->get().keep_alive();
    HttpRequest request;
    const auto& message = parser_->get();
    request.method = std::string{message.method_string()};
    request.target = std::string{message.target()};
    request.authorization = std::string{message[http::field::authorization]};
    request.inference_header_length = std::string{message["Inference-Header-Content-Length"]};
    request.body = std::move(parser_->get().body());
    Respond respond{[self = this->shared_from_this()](Respond::Build build) {
      self->server_->post(self->stream_.get_executor(),
                          [self, build = std::move(build)] { self->send(built(build)); });
    }};
    server_->handler()(std::move(request), std::move(respond));
  }

  static HttpResponse built(const Respond::Build& build) {
    try {
      return build();
    } catch (const std::exception& error) {
      return error_response(500, error.what());
    }
  }

  // What was read is no request that can be served.
  void refuse(const boost::system::error_code& error) {
    keep_ = false;
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return send(error_response(
          431, "expected a header of at most " + std::to_string(options().max_header) + " bytes"));
    if (error == http::error::body_limit)
      return send(error_response(
          413, "expected a body of at most " + std::to_string(options().max_body) + " bytes"));
    const bool malformed =
        error.category() == make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message;
    if (malformed)
      return send(error_response(400, "expected an HTTP/1.1 request: " + error.message()));
    close();
  }

  void send(const HttpResponse& response) {
    out_ = {};
    out_.version(11);
    out_.result(response.status);
    out_.set(http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) out_.set(name, value);
    if (server_->draining()) keep_ = false;
    out_.keep_alive(keep_);
    if (!head_) out_.body() = response.body;
    out_.prepare_payload();
    if (head_) out_.content_length(response.body.size());
    lowest().expires_after(options().write_within);
    http::async_write(
        stream_, out_,
        [self = this->shared_from_this()](const boost::system::error_code& error, std::size_t) {
          if (error) return self->close();
          self->release();
          if (self->keep_) return self->await_request();
          self->finish();
        });
  }

  // Says that nothing more comes, and lets the client read what has been said: to close with unread bytes would
  // throw it away.
  void finish() {
    lowest().expires_after(linger);
    if constexpr (is_tls) {
      stream_.async_shutdown(
          [self = this->shared_from_this()](const boost::system::error_code&) { self->close(); });
    } else {
      boost::system::error_code ignored;
      lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
      buffer_.clear();
      discard(0);
    }
  }

  void discard(std::size_t so_far) {
    if (so_far > linger_bytes) return close();
    idle_ = true;  // may be closed at any time
    stream_.async_read_some(buffer_.prepare(chunk),
                            [self = this->shared_from_this(), so_far](
                                const boost::system::error_code& error, std::size_t bytes) {
                              if (error) return self->close();
                              self->discard(so_far + bytes);
                            });
  }

  void close() { lowest().close(); }

  void release() { server_->release(std::exchange(reserved_, 0)); }

  const HttpOptions& options() const { return server_->options(); }

  const std::shared_ptr<HttpServer::State> server_;
  Stream stream_;
  const bool refused_;
  beast::flat_buffer buffer_{256 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> out_;
  http::response<http::empty_body> proceed_;
  std::size_t reserved_ = 0;  // for the body of the request that is read or answered
  bool keep_ = false, idle_ = false, head_ = false;
};

}  // namespace

HttpServer::State::State(const HttpOptions& options, HttpHandler handler)
    : options_{options}, handler_{std::move(handler)} {
  if (const std::string fault = fault_of(options); !fault.empty())
    throw Error{ErrorCode::bad_input, fault};
  try {
    if (!options.certificate.empty()) {
      tls_.emplace(net::ssl::context::tls_server);
      tls_->set_options(net::ssl::context::default_workarounds | net::ssl::context::no_sslv2 |
                        net::ssl::context::no_sslv3 | net::ssl::context::no_tlsv1 |
                        net::ssl::context::no_tlsv1_1);
      tls_->use_certificate_chain_file(options.certificate);
      tls_->use_private_key_file(options.key, net::ssl::context::pem);
    }
  } catch (const boost::system::system_error& error) {
    throw Error{ErrorCode::bad_input, "expected a certificate and its key as PEM in " +
                                          options.certificate + " and " + options.key + ": " +
                                          error.code().message()};
  }
  try {
    const ListenAddress listen = *listen_address(options.listen);
    const tcp::endpoint endpoint{net::ip::make_address(listen.address), listen.port};
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(net::socket_base::reuse_address{true});
    acceptor_.bind(endpoint);
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
  } catch (const boost::system::system_error& error) {
    throw Error{ErrorCode::bad_input, "listen: " + options.listen + ": " + error.code().message()};
  }
}

void HttpServer::State::start() {
  net::post(strand_, [self = shared_from_this()] { self->accept(); });
  // The process's signals are the application's.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (std::size_t i = 0; i < std::max<std::size_t>(options_.threads, 1); ++i)
    threads_.emplace_back([this] {
      // What throws, memory that is used up, say, costs its connection.
      for (bool over = false; !over;) try {
          io_.run();
          over = true;
        } catch (const std::exception&) {
        }
    });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void HttpServer::State::accept() {
  if (!acceptor_.is_open()) return;
  acceptor_.async_accept(
      net::make_strand(io_),
      [self = shared_from_this()](const boost::system::error_code& error, tcp::socket socket) {
        if (!error) {
          self->welcome(std::move(socket));
          return self->accept();
        }
        if (!self->acceptor_.is_open()) return;
        // Out of descriptors, say: the client stays in the queue.
        self->pause_.expires_after(std::chrono::milliseconds{100});
        self->pause_.async_wait([self](const boost::system::error_code& stopped) {
          if (!stopped) self->accept();
        });
      });
}

void HttpServer::State::welcome(tcp::socket socket) {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock{mutex_};
    const bool refused = count_ >= options_.max_connections;
    if (stopped_ || draining_ || (refused && refused_ >= refused_at_once)) return;
    ++(refused ? refused_ : count_);
    const std::shared_ptr<State> self = shared_from_this();
    if (tls_)
      session = std::make_shared<SessionOf<beast::ssl_stream<beast::tcp_stream>>>(
          self, beast::ssl_stream<beast::tcp_stream>{std::move(socket), *tls_}, refused);
    else
      session = std::make_shared<SessionOf<beast::tcp_stream>>(
          self, beast::tcp_stream{std::move(socket)}, refused);
    sessions_.insert(session.get());
  }
  session->start();
}

void HttpServer::State::left(Session& session, bool refused) {
  std::function<void()> idle;
  {
    const std::lock_guard lock{mutex_};
    sessions_.erase(&session);
    --(refused ? refused_ : count_);
    if (sessions_.empty() && draining_ && !stopped_) idle = std::exchange(idle_, nullptr);
  }
  if (idle) idle();
}

void HttpServer::State::drain(std::function<void()> idle) {
  draining_ = true;
  net::post(strand_, [self = shared_from_this(), idle = std::move(idle)]() mutable {
    boost::system::error_code ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
    bool none = false;
    {
      const std::lock_guard lock{self->mutex_};
      for (Session* const session : self->sessions_) session->close_soon(true);
      none = self->sessions_.empty();
      if (!none) self->idle_ = std::move(idle);
    }
    if (none && idle) idle();
  });
}

void HttpServer::State::stop() {
  net::post(strand_, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
  });
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    idle_ = nullptr;
    for (Session* const session : sessions_) session->close_soon(false);
  }
  work_.reset();  // the threads end when nothing is under way
  for (std::thread& thread : threads_) thread.join();
}

HttpServer::HttpServer(const HttpOptions& options, HttpHandler handler)
    : state_{std::make_shared<State>(options, std::move(handler))} {
  state_->start();
}

HttpServer::~HttpServer() {
  state_->stop();
}

std::uint16_t HttpServer::port() const {
  return state_->port();
}

std::size_t HttpServer::connections() const {
  return state_->connections();
}

void HttpServer::drain(std::function<void()> idle) {
  state_->drain(std::move(idle));
}

}  // namespace troupe::actors
