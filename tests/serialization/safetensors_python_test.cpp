#include "serialization/safetensors.hpp"

#include <cstdlib>

#include "tests/serialization/safetensors_examples.hpp"
#include "tests/support/file_double.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::serialization;
using troupe::gpu::DType;
using troupe::test::all_types;
using troupe::test::as_bytes;
using troupe::test::check_same;

TEST_CASE("Safetensors: the public Python package reads what we write, and we what it writes") {
  const char* const chosen = std::getenv("TROUPE_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "python3";
  if (std::system((python + " -c 'import numpy, safetensors' 2>/dev/null").c_str()) != 0) {
    return test::skip(python + " cannot import numpy and safetensors (set TROUPE_PYTHON)");
  }
  const test::TemporaryFolder made;
  const std::string& folder = made.path();
  FileSystem& files = posix_files();
  write_atomically(files, folder + "/ours", to_safetensors(all_types(), {{"format", "pt"}}));
  // Reads our file, compares bits by its own account, and writes anew what numpy has a type for.
  write_atomically(files, folder + "/convert.py", as_bytes(R"py(
import struct, sys, numpy, safetensors, safetensors.numpy
types = {"F32": "<f4", "I32": "<i4", "I64": "<i8", "U8": "u1", "F64": "<f8"}
with open(sys.argv[1], "rb") as file:
    tensors = dict(safetensors.deserialize(file.read()))
assert len(tensors) == 7 and tensors["w"]["shape"] == [2, 3] and tensors["empty"]["shape"] == [0, 4]
assert bytes(tensors["w"]["data"]) == struct.pack("<6f", float("inf"), -0.0, 1 / 3, 2.0**-149, -2.5, 1e30)
half = tensors.pop("half")
assert half["dtype"] == "BF16" and bytes(half["data"]) == struct.pack("<3H", 0x7FC1, 0x8000, 0x3F80)
arrays = {n: numpy.frombuffer(t["data"], types[t["dtype"]]).reshape(t["shape"]) for n, t in tensors.items()}
safetensors.numpy.save_file(arrays, sys.argv[2], {"written by": "python"})
)py"));
  const std::string command =
      python + ' ' + folder + "/convert.py " + folder + "/ours " + folder + "/theirs";
  REQUIRE(std::system(command.c_str()) == 0);
  const Safetensors theirs = Safetensors::parse(files.read(folder + "/theirs", 1 << 20), "theirs");
  auto expected = all_types();
  std::erase_if(expected, [](const auto& tensor) { return tensor.dtype == DType::bf16; });
  check_same(expected, theirs);
  CHECK(theirs.metadata() == SafetensorsMetadata{{"written by", "python"}});
}
