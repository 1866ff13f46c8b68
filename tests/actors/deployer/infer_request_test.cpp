#include "actors/deployer/infer_request.hpp"

#include <cstring>
#include <random>

#include "actors/deployer/http_message.hpp"
#include "actors/deployer/infer_response.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

ServableInfo floats() {
  return {"m", "1", "troupe", {{"x", "FP32", {2, 2}}}, {{"y", "FP32", {3}}}, {"cat", "dog", "owl"}};
}

template <class T>
std::vector<T> rows_of(const InferRequest& request) {
  std::vector<T> values(request.rows.size() / sizeof(T));
  std::memcpy(values.data(), request.rows.data(), request.rows.size());
  return values;
}

InferRequest read(const ServableInfo& info, const std::string& body,
                  const std::string& length = "") {
  return read_infer_request(info, body, length, {.rows = 8});
}

// The fault's status and text; "" if there is none.
std::string fault(const ServableInfo& info, const std::string& body,
                  const std::string& length = "") {
  try {
    read(info, body, length);
  } catch (const HttpError& error) {
    return std::to_string(error.status) + " " + error.what;
  }
  return "";
}

const std::string good =
    R"({"id":"a","inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2.5,-3,4]}]})";

}  // namespace

TEST_CASE("InferRequest: flat and nested numbers of another type become the model's rows") {
  CHECK(rows_of<float>(read(floats(), good)) == std::vector<float>{1, 2.5F, -3, 4});
  CHECK(read(floats(), good).id == "a");
  const InferRequest nested = read(
      floats(),
      R"({"inputs":[{"name":"x","shape":[2,2,2],"datatype":"INT32","data":[[[1,2],[3,4]],[[5,6],[7,8]]]}]})");
  CHECK(nested.count == 2);
  CHECK(rows_of<float>(nested) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  ServableInfo bytes = floats();
  bytes.inputs[0].datatype = "UINT8";
  CHECK(
      rows_of<std::uint8_t>(read(
          bytes,
          R"({"inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP64","data":[0,255,1.0,7]}]})")) ==
      std::vector<std::uint8_t>{0, 255, 1, 7});
  CHECK(rows_of<std::uint8_t>(read(bytes,
                                   R"({"inputs":[{"name":"x","shape":[1,2,2],"datatype":"BOOL",
                                       "data":[true,false,1,0]}]})")) ==
        std::vector<std::uint8_t>{1, 0, 1, 0});
}

TEST_CASE(
    "InferRequest: several inputs stand behind each other in a row, in whatever order they come") {
  ServableInfo two = floats();
  two.inputs = {{"a", "UINT8", {2}}, {"b", "INT64", {}}};
  const InferRequest request =
      read(two, R"({"inputs":[{"name":"b","shape":[2],"datatype":"INT64","data":[7,-8]},
                         {"name":"a","shape":[2,2],"datatype":"UINT8","data":[1,2,3,4]}]})");
  REQUIRE(request.rows.size() == 20);
  std::int64_t b[2];
  std::memcpy(&b[0], request.rows.data() + 2, 8);
  std::memcpy(&b[1], request.rows.data() + 12, 8);
  CHECK(b[0] == 7);
  CHECK(b[1] == -8);
  CHECK(std::to_integer<int>(request.rows[10]) == 3);
}

TEST_CASE("InferRequest: binary tensors lie behind the JSON") {
  const std::string json =
      R"({"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32",
          "parameters":{"binary_data_size":16}}]})";
  const std::vector<float> numbers{1, -2, 3, 4};
  std::string body = json;
  body.append(reinterpret_cast<const char*>(numbers.data()), 16);
  const std::string length = std::to_string(json.size());
  const InferRequest request = read(floats(), body, length);
  CHECK(rows_of<float>(request) == numbers);
  CHECK(request.outputs[0].binary);
  CHECK(fault(floats(), body).substr(0, 4) == "400 ");
  CHECK(fault(floats(), body + "x", length).find("no bytes behind") != std::string::npos);
  CHECK(fault(floats(), body.substr(0, body.size() - 1), length).substr(0, 4) == "400 ");
  CHECK(fault(floats(), body, "999999").substr(0, 4) == "400 ");
  CHECK(fault(floats(), body, "-1").substr(0, 4) == "400 ");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(body.data() + json.size() + 4, &nan, 4);
  CHECK(fault(floats(), body, length).find("element 1") != std::string::npos);
}

TEST_CASE("InferRequest: what is malformed says where, what was expected and what came") {
  const auto with = [](const std::string& input) {
    return fault(floats(), "{\"inputs\":[" + input + "]}");
  };
  CHECK(with(R"({"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2,3]})") ==
        "400 /inputs/0/data: expected 4 numbers for the shape [1,2,2], got 3");
  CHECK(with(R"({"name":"z","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,4]})") ==
        "400 /inputs/0/name: expected \"x\", got \"z\"");
  CHECK(with(R"({"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]})") ==
        "400 /inputs/0/shape: expected [-1,2,2] for the input \"x\", where -1 is the number of "
        "rows, got [1,4]");
  CHECK(with(R"({"name":"x","shape":[9,2,2],"datatype":"FP32","data":[]})").substr(0, 4) == "413 ");
  CHECK(with(R"({"name":"x","shape":[0,2,2],"datatype":"FP32","data":[]})").substr(0, 4) == "400 ");
  CHECK(with(R"({"name":"x","shape":[1,2,2],"datatype":"FP16","data":[1,2,3,4]})").substr(0, 4) ==
        "400 ");
  CHECK(with(R"({"name":"x","shape":[1,2,2],"datatype":"UINT8","data":[1,2,3,256]})")
            .find("element 3") != std::string::npos);
  CHECK(with(R"({"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,1e39]})")
            .find("element 3") != std::string::npos);
  CHECK(with(R"({"name":"x","shape":[1,2,2],"datatype":"INT32","data":[1,2,3,1.5]})")
            .find("got 1.5") != std::string::npos);
  CHECK(
      with(R"({"name":"x","shape":[1,2,2],"datatype":"FP32","data":[[1,2],[3,4]]})").substr(0, 4) ==
      "400 ");
  CHECK(with(R"({"name":"x","shape":[1,2,2],"datatype":"FP32","data":"1"})").substr(0, 4) ==
        "400 ");
  CHECK(with(R"({"name":"x","shape":[1,2,2],"datatype":"FP32"})").substr(0, 4) == "400 ");
  CHECK(with("7").substr(0, 4) == "400 ");
  for (const std::string body :
       {"", "{", "[]", "null", "{}", R"({"inputs":{}})", R"({"inputs":[]})", R"({"inputs":null})",
        "\xff\xfe", "{\"id\":3,\"inputs\":[]}"})
    CHECK(fault(floats(), body).substr(0, 4) == "400 ");
  CHECK(fault(floats(), std::string(100'000, '[')).find("levels") != std::string::npos);
}

TEST_CASE("InferRequest: whatever a byte is changed to, there is an answer or a fault of 4xx") {
  std::mt19937_64 random{20};  // its numbers are the standard's
  int faults = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = good;
    for (std::uint64_t k = random() % 4 + 1; k > 0; --k) {
      const std::size_t at = random() % body.size();
      switch (random() % 3) {
        case 0:
          body[at] = static_cast<char>(random());
          break;
        case 1:
          body.erase(at, 1);
          break;
        default:
          body.insert(at, 1, "{}[]\",:0-9eE"[random() % 12]);
      }
    }
    const std::string what = fault(floats(), body);
    if (what.empty()) continue;
    ++faults;
    REQUIRE(what[0] == '4');
  }
  CHECK(faults > 1000);
}

TEST_CASE("InferResponse: numbers, chosen outputs, binary outputs and classes") {
  const ServableInfo info = floats();
  const std::vector<float> out{0.5F, 0.25F, 2, -1, 0, 1};
  const auto bytes = std::as_bytes(std::span{out});
  CHECK(
      infer_response(info, "i", {{0, false, 0}}, 2, bytes).body ==
      R"({"model_name":"m","model_version":"1","id":"i","outputs":[{"name":"y","datatype":"FP32","shape":[2,3],)"
      R"("data":[0.5,0.25,2,-1,0,1]}]})");
  CHECK(
      infer_response(info, "i", {{0, false, 2}}, 2, bytes)
          .body.find(
              R"("datatype":"BYTES","shape":[2,2],"data":["2:2:owl","0.5:0:cat","1:2:owl","0:1:dog"])") !=
      std::string::npos);
  const HttpResponse binary = infer_response(info, "i", {{0, true, 0}}, 2, bytes);
  REQUIRE(binary.headers.size() == 1);
  const std::size_t length = std::stoul(binary.headers[0].second);
  REQUIRE(binary.body.size() == length + 24);
  CHECK(std::memcmp(binary.body.data() + length, out.data(), 24) == 0);
}
