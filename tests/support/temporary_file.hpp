#pragma once

#include <cstdio>
#include <fstream>
#include <string>

namespace troupe::test {

/// A file of the working folder that lives as long as this.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& content) : path_{name} {
    std::ofstream{path_, std::ios::binary} << content;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace troupe::test
