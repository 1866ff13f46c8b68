#pragma once

#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>

namespace troupe::test {

/// What this program and its worker processes hold of the system.
struct Resources {
  std::size_t threads = 0, descriptors = 0, processes = 0;
  std::size_t memory_mib = 0;          ///< resident, of this process
  std::size_t workers_memory_mib = 0;  ///< resident, of all workers together

  static Resources now() {
    Resources now;
    ::malloc_trim(0);
    now.memory_mib = resident_mib("self");
    for_each_entry("/proc/self/fd", [&](const char*) { ++now.descriptors; });
    // Workers are children of the thread that launches them.
    for_each_entry("/proc/self/task", [&](const char* task) {
      ++now.threads;
      std::ifstream children{std::string{"/proc/self/task/"} + task + "/children"};
      for (std::string pid; children >> pid; ++now.processes)
        now.workers_memory_mib += resident_mib(pid);
    });
    return now;
  }

  /// Whether something that is counted, and not measured, is more than it was.
  bool more_than(const Resources& before) const {
    return threads > before.threads || descriptors > before.descriptors ||
           processes > before.processes;
  }

  void print(const char* when) const {
    std::printf("%-8s threads %zu, descriptors %zu, processes %zu, memory %zu MiB, workers %zu MiB\n",
                when, threads, descriptors, processes, memory_mib, workers_memory_mib);
  }

 private:
  template <class Function>
  static void for_each_entry(const char* folder, Function&& function) {
    DIR* const dir = ::opendir(folder);
    while (const dirent* const entry = dir ? ::readdir(dir) : nullptr)
      if (entry->d_name[0] != '.') function(entry->d_name);
    if (dir) ::closedir(dir);
  }
  static std::size_t resident_mib(const std::string& process) {
    std::ifstream statm{"/proc/" + process + "/statm"};
    std::size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / (1U << 20);
  }
};

}  // namespace troupe::test
