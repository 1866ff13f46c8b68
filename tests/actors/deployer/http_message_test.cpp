#include "actors/deployer/http_message.hpp"

using namespace troupe::actors;

TEST_CASE("error_response: one line of valid JSON, whatever it quotes") {
  const HttpResponse response = error_response(400, "expected \"a\", got x\ny\xff");
  CHECK(response.status == 400);
  CHECK(response.body == "{\"error\":\"expected \\\"a\\\", got x; y\xEF\xBF\xBD\"}");
}
