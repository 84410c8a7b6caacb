// Program files: docs/ProgramFile.md and the loader's rules. Every damage has its code; identical input gives identical bytes.
#include "lib/ISA/Checksum.h"
#include "test/unit/ISA/ProgramFiles.h"

#include <sys/stat.h>

using namespace manaslu;
using namespace manaslu::isa;
using namespace manaslu::isa::test;

TEST_CASE("a program comes back from its file as it was", "[ISA]") {
  Folder folder;
  Program program = sample();
  Status saved = save(program, folder.file("a.mnx"));
  INFO(saved.error().text());
  REQUIRE(saved);
  Result<Program> loaded = load(folder.file("a.mnx"));
  if (!loaded)
    FAIL(loaded.error().text());
  CHECK(loaded->name == program.name);
  CHECK(loaded->chipJson == program.chipJson);
  CHECK(loaded->regions == program.regions);
  CHECK(loaded->streams == program.streams);
  CHECK(loaded->metadata == program.metadata);
  CHECK(loaded->debug == program.debug);
  CHECK(loaded->tileProgram == program.tileProgram);
  REQUIRE(loaded->constantOf(1));
  CHECK(std::equal(loaded->constantOf(1)->bytes.begin(), loaded->constantOf(1)->bytes.end(), program.constants[0].bytes.begin()));
  CHECK(reinterpret_cast<uintptr_t>(loaded->constantOf(2)->bytes.data()) % 64 == 0);
  CHECK(!loaded->constantOf(0));
  CHECK(loaded->debugOf(StreamId::Pe, 1)->location == "model.py:3");
  CHECK(loaded->debugOf(StreamId::Pe, 3)->tileOp == 5);
  CHECK(!loaded->debugOf(StreamId::Ve, 0));
}

TEST_CASE("identical programs give identical bytes, also when constants are filled in while writing", "[ISA]") {
  Folder folder;
  Program program = sample(), filled = sample();
  filled.constants[1].bytes = {};
  filled.constants[1].fill = [](uint64_t, std::span<std::byte> chunk) { std::fill(chunk.begin(), chunk.end(), std::byte(0x11)); };
  REQUIRE(save(program, folder.file("a.mnx")));
  REQUIRE(save(filled, folder.file("b.mnx")));
  CHECK(readFile(folder.file("a.mnx")) == readFile(folder.file("b.mnx")));
  filled.materialize();
  CHECK(filled.constantOf(2)->bytes.size() == 80);
}

TEST_CASE("a file cut off at any byte is refused (row 1)", "[ISA]") {
  Folder folder;
  REQUIRE(save(sample(), folder.file("a.mnx")));
  std::string bytes = readFile(folder.file("a.mnx"));
  for (size_t length = 0; length < bytes.size(); ++length) {
    writeFile(folder.file("cut.mnx"), bytes.substr(0, length));
    INFO(length);
    REQUIRE(codeOf(folder.file("cut.mnx")) == "MN-FMT-TRUNC");
  }
  writeFile(folder.file("long.mnx"), bytes + '\0');
  CHECK(codeOf(folder.file("long.mnx")) == "MN-FMT-SECTION");
}

TEST_CASE("a file with any flipped bit is refused (rows 2, 3)", "[ISA]") {
  Folder folder;
  REQUIRE(save(sample(), folder.file("a.mnx")));
  std::string bytes = readFile(folder.file("a.mnx"));
  for (size_t bit = 0; bit < 8 * bytes.size(); bit += bit < 512 ? 1 : 5) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    writeFile(folder.file("flip.mnx"), damaged);
    INFO("bit " << bit);
    std::string code = codeOf(folder.file("flip.mnx"));
    REQUIRE(code.starts_with("MN-FMT-"));
  }
}

TEST_CASE("a header that is well checksummed but wrong is refused on its own row (rows 2, 4, 6, 7, 8)", "[ISA]") {
  Folder folder;
  REQUIRE(save(sample(), folder.file("a.mnx")));
  std::string bytes = readFile(folder.file("a.mnx"));
  auto code = [&](const std::string &from, const std::string &to) {
    writeFile(folder.file("b.mnx"), withHeader(bytes, [&](std::string &text) { replace(text, from, to); }));
    return codeOf(folder.file("b.mnx"));
  };
  CHECK(code("\"schema\":1", "\"schema\":1") == "loaded");
  CHECK(code("\"schema\":1", "\"schema\":2") == "MN-FMT-VERSION");
  CHECK(code("\"requires\":[]", "\"requires\":[\"quantum\"]") == "MN-FMT-VERSION");
  CHECK(code("\"schema\":1", "\"schema\":1,\"schema\":1") == "MN-FMT-HEADER");
  CHECK(code("\"schema\":1", "\"schema\": 1") == "MN-FMT-HEADER");
  CHECK(code("\"schema\":1", "\"schema\":1,\"extra\":0") == "MN-FMT-HEADER");
  CHECK(code("\"schema\":1", "\"schema\":1e400") == "MN-FMT-HEADER");
  CHECK(code("\"metadata\":{", "\"metadata\":{\"deep\":" + std::string(200, '[') + std::string(200, ']') + ",") == "MN-FMT-LIMIT");
  CHECK(code("\"kind\":\"input\"", "\"kind\":\"inptu\"") == "MN-FMT-HEADER");
  CHECK(code("[3,5]", "[3,6]") == "MN-SHAPE-BYTES");
  CHECK(code("[3,5]", "[0,5]") == "MN-SHAPE-OVERFLOW");
  CHECK(code("[3,5]", "[-3,5]") == "MN-SHAPE-OVERFLOW");
  CHECK(code("[3,5]", "[4194305,4194305,211106198978564]") == "MN-SHAPE-OVERFLOW");
  CHECK(code("[3,5]", "[1,1,1,1,1,1,1,3,5]") == "MN-SHAPE-OVERFLOW");
  CHECK(code("\"shape\":[7],\"host\":\"float32\",\"bytes\":28", "\"shape\":[70],\"host\":\"float32\",\"bytes\":280") == "MN-SHAPE-BYTES");
  CHECK(code("\"bytes\":28", "\"bytes\":18446744073709551615") == "MN-SHAPE-BYTES");
  CHECK(code("\"data\":[1,2]", "\"data\":[2,1]") == "MN-FMT-HEADER");
  CHECK(code("\"data\":[1,2]", "\"data\":[1,9]") == "MN-FMT-HEADER");
  CHECK(code("\"name\":\"x\"", "\"name\":\"x\\u0000\"") == "MN-FMT-NAME");
  CHECK(code("\"name\":\"x\"", "\"name\":\"x\u202e\"") == "MN-FMT-NAME");
  CHECK(code("\"name\":\"x\"", "\"name\":\"y\"") == "MN-FMT-NAME");
  CHECK(code("\"kind\":\"state\"", "\"kind\":\"output\"") == "MN-SHAPE-BYTES");
  CHECK(code("\"instructions\":4", "\"instructions\":5") == "MN-ISA-DECODE");
  CHECK(code("\"id\":\"constants\"", "\"id\":\"zonstants\"") == "MN-FMT-SECTION");
  CHECK(code("\"id\":\"debug\"", "\"id\":\"constants\"") == "MN-FMT-SECTION");
  CHECK(code("\"id\":\"tile\"", "\"id\":\"wile\"") == "MN-FMT-SECTION");
  CHECK(code("{\"id\":\"tile\",\"bytes\":9", "{\"id\":\"tile\",\"bytes\":90") == "MN-FMT-SECTION");
  CHECK(code("{\"id\":\"tile\",\"bytes\":9", "{\"id\":\"tile\",\"bytes\":18446744073709551615") == "MN-FMT-SECTION");
  CHECK(code("{\"id\":\"tile\",\"bytes\":9", "{\"id\":\"tile\",\"bytes\":-9") == "MN-FMT-HEADER");
}

TEST_CASE("an optional section is ignored and listed (row 2)", "[ISA]") {
  Folder folder;
  REQUIRE(save(sample(), folder.file("a.mnx")));
  std::string bytes = withHeader(readFile(folder.file("a.mnx")), [](std::string &text) { replace(text, "\"id\":\"tile\"", "\"id\":\"x-tile\""); });
  writeFile(folder.file("b.mnx"), bytes);
  Result<Program> program = load(folder.file("b.mnx"));
  REQUIRE(program);
  CHECK(program->ignoredSections == std::vector<std::string>{"x-tile"});
}

TEST_CASE("limits stop the loader before it allocates (row 5)", "[ISA]") {
  Folder folder;
  REQUIRE(save(sample(), folder.file("a.mnx")));
  LoadLimits limits;
  limits.fileBytes = 100;
  CHECK(load(folder.file("a.mnx"), limits).error().items().front().code == "MN-FMT-LIMIT");
  limits = {};
  limits.instructions = 2;
  CHECK(load(folder.file("a.mnx"), limits).error().items().front().code == "MN-FMT-LIMIT");
}

TEST_CASE("only regular files are read, without blocking (row 23)", "[ISA]") {
  Folder folder;
  CHECK(codeOf(folder.file("absent.mnx")) == "MN-IO-001");
  CHECK(codeOf(folder.path.string()) == "MN-IO-001");
  REQUIRE(mkfifo(folder.file("fifo").c_str(), 0600) == 0);
  CHECK(codeOf(folder.file("fifo")) == "MN-IO-001");
  CHECK(codeOf("/dev/zero") == "MN-IO-001");
  writeFile(folder.file("text.mnx"), "hello, this is no program");
  CHECK(codeOf(folder.file("text.mnx")) == "MN-FMT-VERSION");
}

TEST_CASE("a program that others may write is read instead of mapped", "[ISA]") {
  Folder folder;
  REQUIRE(save(sample(), folder.file("a.mnx")));
  REQUIRE(chmod(folder.file("a.mnx").c_str(), 0666) == 0);
  Result<Program> program = load(folder.file("a.mnx"));
  REQUIRE(program);
  std::filesystem::resize_file(folder.file("a.mnx"), 0);
  CHECK(program->constantOf(1)->bytes[0] == std::byte(1));
}

TEST_CASE("a failed save leaves no file", "[ISA]") {
  Folder folder;
  CHECK(save(sample(), folder.file("no/such/folder.mnx")).error().items().front().code == "MN-IO-002");
  std::filesystem::create_directories(folder.path / "taken.mnx");
  CHECK(save(sample(), folder.file("taken.mnx")).error().items().front().code == "MN-IO-002");
  Program broken = sample();
  broken.streams[StreamId::Ve] = {Copy()};
  CHECK(save(broken, folder.file("broken.mnx")).error().items().front().code == "MN-ISA-DECODE");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("programs that break rules of streams and regions are refused (rows 9, 10, 14)", "[ISA]") {
  auto code = [](const std::function<void(Program &)> &edit) {
    Program program = sample();
    edit(program);
    Status status = verifyProgram(program);
    return status ? std::string("valid") : status.error().items().front().code;
  };
  CHECK(code([](Program &) {}) == "valid");
  auto pe = [](Program &program) -> std::vector<Instruction> & { return program.streams[StreamId::Pe]; };
  CHECK(code([&](Program &p) { p.streams[StreamId::Ve] = {}; }) == "MN-ISA-DECODE");
  CHECK(code([&](Program &p) { pe(p).pop_back(); }) == "MN-ISA-DECODE");
  CHECK(code([&](Program &p) { pe(p).erase(pe(p).begin()); }) == "MN-ISA-DECODE");
  CHECK(code([&](Program &p) { pe(p)[1] = Halt(); }) == "MN-ISA-DECODE");
  CHECK(code([&](Program &p) { pe(p)[1] = Copy(); }) == "MN-ISA-DECODE");
  CHECK(code([&](Program &p) {
          pe(p).insert(pe(p).begin(), 8, Loop());
          pe(p).insert(pe(p).end() - 1, 8, EndLoop());
        }) == "MN-ISA-DECODE");
  auto load = [](Program &program) -> DmaLoad & { return std::get<DmaLoad>(program.streams[dmaStream(2)][0]); };
  CHECK(code([&](Program &p) { load(p).src.region = 9; }) == "MN-ISA-BOUNDS");
  CHECK(code([&](Program &p) { load(p).src.offset = 4; }) == "MN-ISA-BOUNDS");
  CHECK(code([&](Program &p) { load(p).src.offset = INT64_MAX; }) == "MN-ISA-BOUNDS");
  CHECK(code([&](Program &p) { load(p).src.dims[4].stride = -4; }) == "MN-ISA-BOUNDS");
  CHECK(code([&](Program &p) { load(p).src.dims[4].stride = INT64_MIN; }) == "MN-ISA-BOUNDS");
  CHECK(code([&](Program &p) { load(p).dst.partition = 16; }) == "MN-ISA-BOUNDS");
  CHECK(code([&](Program &p) { load(p).dst.dims[3].stride = -1; }) == "MN-ISA-BOUNDS");
  CHECK(code([&](Program &p) { load(p).dst.dims[3].size = 8; }) == "MN-ISA-RULE");
  CHECK(code([&](Program &p) { load(p).dst.partitions = 0; }) == "MN-ISA-RANGE");
  CHECK(code([&](Program &p) {
          DmaStore store;
          store.dst.region = 1;
          p.streams[dmaStream(2)][0] = store;
        }) == "MN-ISA-BOUNDS");
}

TEST_CASE("SHA-256 gives the values of FIPS 180-4 however the bytes are cut", "[ISA]") {
  auto hash = [](std::string_view text) {
    Sha256 sha;
    sha.add(std::as_bytes(std::span(text)));
    return sha.finish();
  };
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  std::string million(1000000, 'a');
  Sha256 sha;
  for (size_t at = 0, step = 1; at < million.size(); at += step, step = step % 777 + 1)
    sha.add(std::as_bytes(std::span(million)).subspan(at, std::min(step, million.size() - at)));
  CHECK(sha.finish() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  Checksum whole, parts;
  whole.add(std::as_bytes(std::span(million)));
  parts.add(std::as_bytes(std::span(million)).first(13));
  parts.add(std::as_bytes(std::span(million)).subspan(13));
  CHECK(whole.finish() == parts.finish());
}
