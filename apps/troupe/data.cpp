#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "serialization/sha256.hpp"

namespace troupe::apps {
namespace {

struct DataFile {
  const char* name;
  const char* sha256;
};

struct DataSet {
  const char* name;
  const char* what;
  std::span<const char* const> urls;  ///< of folders, or of the one file
  const char* licence;
  const char* attribution;
  std::span<const DataFile> files;
};

constexpr std::array mnist_files{
    DataFile{"train-images-idx3-ubyte.gz",
             "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
    DataFile{"train-labels-idx1-ubyte.gz",
             "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
    DataFile{"t10k-images-idx3-ubyte.gz",
             "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
    DataFile{"t10k-labels-idx1-ubyte.gz",
             "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}};
constexpr std::array<const char*, 2> mnist_urls{
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/"};

constexpr std::array optdigits_files{
    DataFile{"digits.csv.gz", "46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a"}};
constexpr std::array<const char*, 2> optdigits_urls{
    "https://raw.githubusercontent.com/scikit-learn/scikit-learn/main/sklearn/datasets/data/"
    "digits.csv.gz",
    "https://archive.ics.uci.edu/dataset/80"};

constexpr std::array data_sets{
    DataSet{"mnist", "28x28 grey images of handwritten digits, 60,000 to train and 10,000 to test",
            mnist_urls,
            "Creative Commons Attribution-ShareAlike 3.0, "
            "https://creativecommons.org/licenses/by-sa/3.0/",
            "Yann LeCun, Corinna Cortes, Christopher J. C. Burges, \"The MNIST database of "
            "handwritten digits\"",
            mnist_files},
    DataSet{"optdigits", "8x8 grey images of handwritten digits, 1,797 records", optdigits_urls,
            "Creative Commons Attribution 4.0, https://creativecommons.org/licenses/by/4.0/",
            "Ethem Alpaydin, Cevdet Kaynak, \"Optical Recognition of Handwritten Digits\", 1998, "
            "UCI Machine Learning Repository",
            optdigits_files}};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string{} : value;
}

/// Where data sets are looked for: as the pipelines say it too.
std::string data_folder() {
  const std::string folder = variable("TROUPE_DATA");
  return folder.empty() ? variable("HOME") + "/.cache/troupe" : folder;
}

/// "ok", or what is wrong with the file.
std::string state_of(const std::string& path, const DataFile& file) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
  FileSystem& files = posix_files();
  try {
    if (files.kind(path) == PathKind::none) return "missing";
    const FileBytes bytes = files.read(path, most_bytes);
    const std::string hash = serialization::to_hex(serialization::sha256(bytes.span()));
    return hash == file.sha256
               ? "ok"
               : "wrong: expected SHA-256 " + std::string{file.sha256} + ", got " + hash;
  } catch (const Error& error) {
    return error.what();
  }
}

/// @return whether all of its files are there as they should be.
bool show(const DataSet& set) {
  const std::string folder = data_folder() + '/' + set.name;
  std::printf("%s: %s\n  licence      %s\n  attribution  %s\n", set.name, set.what, set.licence,
              set.attribution);
  for (const char* const url : set.urls) std::printf("  from         %s\n", url);
  std::printf("  looked for   %s%s\n", folder.c_str(),
              variable("TROUPE_DATA").empty() ? "  (or TROUPE_DATA/…)" : "");
  bool whole = true;
  for (const DataFile& file : set.files) {
    const std::string state = state_of(folder + '/' + file.name, file);
    std::printf("    %-28s %s\n", file.name, state.c_str());
    whole = whole && state == "ok";
  }
  return whole;
}

}  // namespace

int data(const Words& words) {
  const Arguments arguments{words, {}, {}};
  arguments.expect(0, 1, "the name of a data set, or nothing");
  bool whole = true, known = false;
  for (const DataSet& set : data_sets) {
    if (!arguments.rest().empty() && arguments.rest().front() != set.name) continue;
    known = true;
    whole = show(set) && whole;
  }
  if (!known)
    throw Error{ErrorCode::bad_input,
                "expected mnist or optdigits, got " + arguments.rest().front()};
  return whole ? 0 : 1;
}

}  // namespace troupe::apps
