// A small program, its file, and files with single parts changed and checksums made right again, for tests of the loader.
#pragma once

#include "lib/ISA/Checksum.h"
#include "lib/ISA/Program.h"
#include "lib/ISA/ProgramLayout.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace manaslu::isa::test {

/// A folder of its own that is removed at the end.
struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("manaslu-program-test-" + std::to_string(getpid()) + "-" + std::to_string(++count()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  /// Folders made so far: one test may have several.
  static int &count() {
    static int folders = 0;
    return folders;
  }
  std::string file(const char *name) const { return (path / name).string(); }
};

inline std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void writeFile(const std::string &path, const std::string &bytes) { std::ofstream(path, std::ios::binary) << bytes; }

inline Region makeRegion(std::string name, RegionKind kind, std::vector<int64_t> shape) {
  Region region{std::move(name), kind, DType::F32, std::move(shape), kind == RegionKind::Scratch ? "" : "float32", 4};
  for (int64_t size : region.shape)
    region.bytes *= static_cast<uint64_t>(size);
  return region;
}

/// A small program with every section.
inline Program sample() {
  Program program;
  program.name = "sample";
  program.chipJson = R"({"name":"mt1","clock":2.8})";
  program.regions = {makeRegion("x", RegionKind::Input, {3, 5}), makeRegion("weights", RegionKind::Constant, {7}), makeRegion("cache", RegionKind::State, {20}),
                     makeRegion("y", RegionKind::Output, {})};
  std::vector<std::byte> data(28);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = std::byte(i * 7 + 1);
  program.addConstant(1, data);
  program.addConstant(2, std::vector<std::byte>(80, std::byte(0x11)));
  DmaLoad load;
  load.src.region = 1;
  load.src.dims[4] = {4, 7};
  load.dst.dims[3] = {1, 7};
  load.sync.signalSem = 3;
  program.streams[dmaStream(2)] = {load, Halt()};
  program.streams[StreamId::Pe] = {Loop{{}, 3, 0}, Wait(), EndLoop(), Halt()};
  program.metadata["precision"] = {{"matmul", 3}};
  program.debug = {{StreamId::Pe, 0, 4, "model.py:3"}, {StreamId::Pe, 2, 5, "model.py:4"}, {dmaStream(2), 0, 4, "model.py:3"}};
  program.tileProgram = "module {}";
  return program;
}

/// The code with which loading ends, or "loaded".
inline std::string codeOf(const std::string &path) {
  Result<Program> result = load(path);
  return result ? "loaded" : result.error().items().front().code;
}

/// The file with its header text replaced and its lengths and checksum made right again.
inline std::string withHeader(const std::string &file, const std::function<void(std::string &)> &edit) {
  FilePrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  std::string text = file.substr(sizeof(prefix), prefix.headerBytes);
  std::string rest = file.substr(alignUp(sizeof(prefix) + prefix.headerBytes));
  edit(text);
  prefix.headerBytes = text.size();
  prefix.headerChecksum = checksumOf(std::as_bytes(std::span(text)));
  std::string head(alignUp(sizeof(prefix) + text.size()), '\0');
  prefix.fileBytes = head.size() + rest.size();
  std::memcpy(head.data(), &prefix, sizeof(prefix));
  std::memcpy(head.data() + sizeof(prefix), text.data(), text.size());
  return head + rest;
}

inline void replace(std::string &text, const std::string &from, const std::string &to) {
  size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

/// The file with the bytes of one section replaced by others of the same length, its checksum made right again.
inline std::string withSection(const std::string &file, const std::string &id, const std::function<void(std::span<std::byte>)> &edit) {
  FilePrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  std::string changed = file;
  nlohmann::ordered_json header = nlohmann::ordered_json::parse(file.substr(sizeof(prefix), prefix.headerBytes));
  uint64_t at = alignUp(sizeof(prefix) + prefix.headerBytes);
  for (nlohmann::ordered_json &section : header["sections"]) {
    uint64_t bytes = section["bytes"].get<uint64_t>();
    if (section["id"] == id) {
      std::span<std::byte> content(reinterpret_cast<std::byte *>(changed.data()) + at, bytes);
      edit(content);
      char text[17];
      snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(checksumOf(content)));
      section["checksum"] = text;
    }
    at = alignUp(at + bytes);
  }
  return withHeader(changed, [&](std::string &text) { text = header.dump(); });
}

} // namespace manaslu::isa::test
