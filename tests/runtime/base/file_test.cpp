#include "runtime/base/file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/error.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using troupe::test::as_bytes;
using troupe::test::code_of;
using troupe::test::FileDouble;
using troupe::test::PowerCut;
using troupe::test::TemporaryFolder;
using troupe::test::text_of;

namespace {

void put(FileSystem& files, const std::string& path, std::string_view text) {
  const auto file = files.create(path);
  file->write(as_bytes(text));
  file->sync();
}

/// What both the machine's files and their double must do.
void check_contract(FileSystem& files, const std::string& root) {
  const std::string a = root + "/a", b = root + "/b", folder = root + "/folder";
  put(files, a, "one");
  CHECK(code_of([&] { files.create(a); }) == ErrorCode::bad_input);
  files.append(a)->write(as_bytes(" two"));
  files.append(b)->write(as_bytes("b"));
  CHECK(text_of(files, a) == "one two");
  CHECK(files.size_bytes(a) == 7);
  CHECK(files.read(a, 7).span().size() == 7);
  CHECK(code_of([&] { files.read(a, 6); }) == ErrorCode::exhausted);
  CHECK(files.map(a).span().size() == 7);
  CHECK(reinterpret_cast<std::uintptr_t>(files.map(a).span().data()) % 64 == 0);

  files.truncate(a, 3);
  files.sync(a);
  CHECK(text_of(files, a) == "one");
  files.create_folder(folder);
  files.create_folder(folder + "/inner");
  files.rename(b, folder + "/b");
  files.sync_folder(folder);
  CHECK(files.list(root) == std::vector<std::string>{"a", "folder"});
  CHECK(files.kind(a) == PathKind::file);
  CHECK(files.kind(b) == PathKind::none);
  CHECK(files.kind(folder) == PathKind::folder);
  CHECK_THROWS_AS(files.create_folder(folder), Error);
  CHECK_THROWS_AS(files.remove(folder), Error);     // not empty
  CHECK_THROWS_AS(files.rename(a, folder), Error);  // a file over a folder
  CHECK_THROWS_AS(files.rename(folder, a), Error);  // a folder over a file
  CHECK_THROWS_AS(files.read(folder, 100), Error);
  CHECK_THROWS_AS(files.read(b, 100), Error);
  CHECK_THROWS_AS(files.list(a), Error);

  write_atomically(files, a, as_bytes("new"));
  write_atomically(files, b, as_bytes(""));
  CHECK(text_of(files, a) == "new");
  CHECK(files.read(b, 0).span().empty());
  CHECK(files.map(b).span().empty());
  remove_all(files, folder);
  remove_all(files, folder);
  CHECK(files.list(root) == std::vector<std::string>{"a", "b"});
}

}  // namespace

TEST_CASE("FileSystem: the machine's files keep the contract") {
  const TemporaryFolder scratch;
  check_contract(posix_files(), scratch.path());
}

TEST_CASE("FileSystem: the double keeps the same contract") {
  FileDouble disk;
  disk.create_folder("/root");
  check_contract(disk, "/root");
}

TEST_CASE("FileSystem: an error names path, operation and the system's reason") {
  const TemporaryFolder scratch;
  const std::string path = scratch.path() + "/none";
  CHECK_THROWS_WITH_AS(posix_files().read(path, 1),
                       (path + ": read: No such file or directory").c_str(), Error);
  CHECK_THROWS_WITH_AS(posix_files().sync_folder(path),
                       (path + ": sync folder: No such file or directory").c_str(), Error);
}

TEST_CASE("FileSystem: a used-up limit is told apart from bad input") {
  const TemporaryFolder scratch;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const ErrorCode code = code_of([&] { posix_files().create(scratch.path() + "/x"); });
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(code == ErrorCode::exhausted);
  if (std::filesystem::exists("/dev/full")) {
    CHECK(code_of([] { posix_files().append("/dev/full")->write(as_bytes("x")); }) ==
          ErrorCode::exhausted);
  }
}

TEST_CASE("FileSystem: a pipe is refused and not waited for") {
  const TemporaryFolder scratch;
  const std::string pipe = scratch.path() + "/pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(posix_files().kind(pipe) == PathKind::other);
  CHECK_THROWS_AS(posix_files().read(pipe, 1), Error);
}

TEST_CASE("remove_all: removes a link and not what it leads to") {
  const TemporaryFolder scratch;
  FileSystem& files = posix_files();
  files.create_folder(scratch.path() + "/kept");
  put(files, scratch.path() + "/kept/a", "a");
  files.create_folder(scratch.path() + "/gone");
  REQUIRE(symlink((scratch.path() + "/kept").c_str(), (scratch.path() + "/gone/link").c_str()) ==
          0);
  remove_all(files, scratch.path() + "/gone");
  CHECK(files.list(scratch.path()) == std::vector<std::string>{"kept"});
  CHECK(text_of(files, scratch.path() + "/kept/a") == "a");
}

TEST_CASE("FileSystem: names beside a path") {
  CHECK(parent_folder("a/b") == "a");
  CHECK(parent_folder("/a") == "/");
  CHECK(parent_folder("a") == ".");
  FileDouble disk;
  const std::string first = temporary_name(disk, "/a");
  CHECK(first.starts_with("/a.tmp"));
  CHECK(is_temporary_name(first));
  CHECK(temporary_name(disk, "/a") != first);  // though nobody has made it yet
  CHECK(is_temporary_name("a.tmp12"));
  CHECK_FALSE(is_temporary_name("a.tmp"));
  CHECK_FALSE(is_temporary_name("a.tmp1x"));
  CHECK_FALSE(is_temporary_name("tmp1"));
}

TEST_CASE("FileSystem: two processes never get one temporary name") {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  FileDouble disk;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string name = temporary_name(disk, "/a");
    _exit(write(ends[1], name.data(), name.size()) == static_cast<ssize_t>(name.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::array<char, 100> told{};
  const ssize_t got = read(ends[0], told.data(), told.size());
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE(got > 0);
  const std::string name{told.data(), static_cast<std::size_t>(got)};
  CHECK(is_temporary_name(name));
  CHECK(name != temporary_name(disk, "/a"));
}

TEST_CASE("FileDouble: loses what was not synced, and keeps what was") {
  std::array<bool, 2> name_lost{}, bytes_lost{};
  bool garbage = false;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    FileDouble disk;
    put(disk, "/kept", "kept");
    disk.sync_folder("/");
    put(disk, "/unnamed", "synced but for its name");
    disk.append("/kept")->write(as_bytes(" and more"));
    FileDouble found = disk.crash(seed);
    name_lost[found.kind("/unnamed") == PathKind::none ? 1 : 0] = true;
    const std::string text = text_of(found, "/kept");
    bytes_lost[text == "kept" ? 1 : 0] = true;
    garbage = garbage || !std::string_view{"kept and more"}.starts_with(text);
  }
  CHECK((name_lost[0] && name_lost[1]));
  CHECK((bytes_lost[0] && bytes_lost[1]));
  CHECK(garbage);
}

TEST_CASE("FileDouble: names that were not synced come in any order") {
  bool only_later = false;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    FileDouble disk;
    put(disk, "/first", "1");
    put(disk, "/second", "2");
    FileDouble found = disk.crash(seed);
    only_later = only_later || (found.kind("/first") == PathKind::none &&
                                found.kind("/second") == PathKind::file);
  }
  CHECK(only_later);
}

TEST_CASE("write_atomically: a power cut at any operation leaves the old bytes or the new ones") {
  bool old_seen = false;
  for (std::uint64_t cut = 0;; ++cut) {
    FileDouble disk;
    write_atomically(disk, "/a", as_bytes("old old old"));
    disk.cut_after(cut);
    bool done = true;
    try {
      write_atomically(disk, "/a", as_bytes("new"));
    } catch (const PowerCut&) {
      done = false;
    }
    for (std::uint64_t seed = 0; seed < 16; ++seed) {
      FileDouble found = disk.crash(seed);
      const std::string text = text_of(found, "/a");
      CHECK((text == "new" || (!done && text == "old old old")));
      old_seen = old_seen || text != "new";
      write_atomically(found, "/a", as_bytes("again"));  // whatever was left behind
      CHECK(text_of(found, "/a") == "again");
    }
    if (done) break;
  }
  CHECK(old_seen);
}

TEST_CASE("write_atomically: a failure at any operation leaves what was there, and no temporary") {
  for (std::uint64_t failing = 0; failing < 5; ++failing) {
    FileDouble disk;
    write_atomically(disk, "/a", as_bytes("old"));
    disk.fail_after(failing);
    CHECK(code_of([&] { write_atomically(disk, "/a", as_bytes("new")); }) == ErrorCode::exhausted);
    CHECK(disk.list("/") == std::vector<std::string>{"a"});
    CHECK(text_of(disk, "/a") == (failing < 4 ? "old" : "new"));
  }
}

TEST_CASE("write_atomically: what is no regular file stays, and nothing is left beside it") {
  const TemporaryFolder folder;
  FileSystem& files = posix_files();
  const std::string target = folder.path() + "/target", pipe = folder.path() + "/pipe",
                    link = folder.path() + "/link";
  put(files, target, "old");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  REQUIRE(symlink(target.c_str(), link.c_str()) == 0);
  for (const std::string& path : {pipe, link, folder.path()}) {
    CHECK(code_of([&] { write_atomically(files, path, as_bytes("new")); }) == ErrorCode::bad_input);
  }
  CHECK(files.kind(pipe) == PathKind::other);
  CHECK(files.kind(link) == PathKind::other);
  CHECK(text_of(files, target) == "old");
  CHECK(files.list(folder.path()) == std::vector<std::string>{"link", "pipe", "target"});
}

TEST_CASE(
    "create_folders: makes what is missing, and minds neither what is there nor who is faster") {
  const TemporaryFolder folder;
  FileSystem& files = posix_files();
  create_folders(files, folder.path() + "/a/b/c");
  create_folders(files, folder.path() + "/a/b/c");
  CHECK(files.kind(folder.path() + "/a/b/c") == PathKind::folder);
  put(files, folder.path() + "/file", "x");
  CHECK_THROWS_AS(create_folders(files, folder.path() + "/file/below"), Error);
}
