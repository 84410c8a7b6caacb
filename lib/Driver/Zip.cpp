// Zip archives: the central directory is the truth, local headers only say where data begins.
#include "lib/Driver/Zip.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <zlib.h>

namespace manaslu::driver {

namespace {

constexpr uint64_t kMaximumEntries = 65536, kMaximumName = 255, kMaximumRatio = 200, kRatioSlack = 65536;

Error damaged(const std::string &where, const std::string &what) { return Error("MN-IN-NPZ-ZIP", what, where); }

/// Bounds-checked little-endian reading.
struct Reader {
  std::string_view bytes;

  std::optional<uint64_t> number(uint64_t offset, int size) const {
    if (offset > bytes.size() || bytes.size() - offset < static_cast<uint64_t>(size))
      return std::nullopt;
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
    return value;
  }
  std::optional<std::string_view> part(uint64_t offset, uint64_t size) const {
    if (offset > bytes.size() || bytes.size() - offset < size)
      return std::nullopt;
    return bytes.substr(offset, size);
  }
};

/// What the central directory says of an entry.
struct Record {
  std::string name;
  uint64_t flags, method, crc, packed, size, offset;
};

/// Where the central directory is.
struct Directory {
  uint64_t entries, offset, end;
};

Result<Directory> findDirectory(const Reader &reader, const std::string &where) {
  uint64_t size = reader.bytes.size();
  if (size < 22)
    return damaged(where, "has " + std::to_string(size) + " bytes; the smallest zip archive has 22: not an .npz file, or truncated");
  uint64_t lowest = size - 22 > 65535 ? size - 22 - 65535 : 0;
  for (uint64_t at = size - 22 + 1; at-- > lowest;) {
    if (*reader.number(at, 4) != 0x06054b50 || at + 22 + *reader.number(at + 20, 2) != size)
      continue;
    uint64_t entries = *reader.number(at + 10, 2), offset = *reader.number(at + 16, 4), bytes = *reader.number(at + 12, 4);
    if (entries == 0xffff || offset == 0xffffffff || bytes == 0xffffffff) {
      auto locator = at >= 20 ? reader.number(at - 20, 4) : std::nullopt;
      auto record = locator && *locator == 0x07064b50 ? reader.number(at - 12, 8) : std::nullopt;
      if (!record || *record > size || reader.number(*record, 4).value_or(0) != 0x06064b50 || !reader.part(*record, 56))
        return damaged(where, "lacks the zip64 record that its directory asks for");
      entries = *reader.number(*record + 32, 8), bytes = *reader.number(*record + 40, 8), offset = *reader.number(*record + 48, 8);
    }
    if (offset > at || bytes > at - offset)
      return damaged(where, "names a directory of " + std::to_string(bytes) + " bytes at " + std::to_string(offset) + ", past the end of the archive");
    return Directory{entries, offset, offset + bytes};
  }
  return damaged(where, "has no zip directory at its end: not an .npz file, or truncated");
}

/// Sizes of 0xffffffff stand in the zip64 extra field, in a fixed order.
bool applyZip64(const Reader &reader, uint64_t extra, uint64_t extraSize, Record &record) {
  uint64_t end = extra + extraSize;
  while (extra + 4 <= end) {
    uint64_t tag = *reader.number(extra, 2), size = *reader.number(extra + 2, 2);
    extra += 4;
    if (size > end - extra)
      return false;
    if (tag == 1) {
      uint64_t at = extra;
      for (uint64_t *field : {&record.size, &record.packed, &record.offset}) {
        if (*field != 0xffffffff)
          continue;
        if (at + 8 > extra + size)
          return false;
        *field = *reader.number(at, 8);
        at += 8;
      }
    }
    extra += size;
  }
  return true;
}

Result<std::vector<Record>> readDirectory(const Reader &reader, const Directory &directory, const std::string &where) {
  if (directory.entries > kMaximumEntries)
    return Error("MN-IN-NPZ-LIMIT", "has " + std::to_string(directory.entries) + " entries, at most " + std::to_string(kMaximumEntries) + " are read", where);
  std::vector<Record> records;
  uint64_t at = directory.offset;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    auto head = at <= directory.end && directory.end - at >= 46 ? reader.part(at, 46) : std::nullopt;
    if (!head || *reader.number(at, 4) != 0x02014b50)
      return damaged(where, "its directory ends after " + std::to_string(i) + " of " + std::to_string(directory.entries) + " entries");
    uint64_t nameSize = *reader.number(at + 28, 2), extraSize = *reader.number(at + 30, 2), commentSize = *reader.number(at + 32, 2);
    if (nameSize + extraSize + commentSize > directory.end - at - 46)
      return damaged(where, "entry " + std::to_string(i) + " of its directory is cut off");
    if (nameSize > kMaximumName)
      return Error("MN-IN-NPZ-LIMIT", "entry " + std::to_string(i) + " has a name of " + std::to_string(nameSize) + " bytes, at most 255 are read", where);
    Record record{std::string(*reader.part(at + 46, nameSize)),
                  *reader.number(at + 8, 2),
                  *reader.number(at + 10, 2),
                  *reader.number(at + 16, 4),
                  *reader.number(at + 20, 4),
                  *reader.number(at + 24, 4),
                  *reader.number(at + 42, 4)};
    if (!applyZip64(reader, at + 46 + nameSize, extraSize, record))
      return damaged(where, "entry " + record.name + " has a damaged zip64 field");
    records.push_back(std::move(record));
    at += 46 + nameSize + extraSize + commentSize;
  }
  return records;
}

Result<std::string> inflateEntry(std::string_view packed, const Record &record, const std::string &where) {
  if (record.size > packed.size() * kMaximumRatio + kRatioSlack)
    return Error("MN-IN-NPZ-LIMIT",
                 "entry " + record.name + " claims to unpack " + std::to_string(packed.size()) + " to " + std::to_string(record.size) +
                     " bytes, more than 200:1",
                 where);
  std::string content(record.size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return Error("MN-INTERNAL", "zlib cannot start", where);
  size_t read = 0, written = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    constexpr size_t step = size_t(1) << 30;
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(packed.data() + read));
    stream.avail_in = std::min(step, packed.size() - read);
    stream.next_out = reinterpret_cast<Bytef *>(content.data() + written);
    stream.avail_out = std::min(step, content.size() - written);
    uInt in = stream.avail_in, out = stream.avail_out;
    state = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += out - stream.avail_out;
    if (state == Z_OK && in == stream.avail_in && out == stream.avail_out)
      break;
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || written != record.size || read != packed.size())
    return damaged(where, "entry " + record.name + " does not unpack to the " + std::to_string(record.size) + " bytes that it claims");
  return content;
}

Result<ZipEntry> readEntry(const Reader &reader, const Record &record, uint64_t begin, const std::string &where) {
  if (record.flags & 1)
    return damaged(where, "entry " + record.name + " is encrypted");
  auto packed = reader.part(begin, record.packed);
  if (!packed)
    return damaged(where, "entry " + record.name + " reaches past the end of the archive");
  std::string content;
  if (record.method == 0) {
    if (record.packed != record.size)
      return damaged(where, "entry " + record.name + " is stored but states two sizes");
    content = std::string(*packed);
  } else if (record.method == 8) {
    Result<std::string> inflated = inflateEntry(*packed, record, where);
    if (!inflated)
      return inflated.error();
    content = std::move(*inflated);
  } else {
    return damaged(where, "entry " + record.name + " uses packing method " + std::to_string(record.method) + "; stored (0) and deflate (8) are read");
  }
  if (crc32_z(0, reinterpret_cast<const Bytef *>(content.data()), content.size()) != record.crc)
    return damaged(where, "entry " + record.name + " does not match its checksum");
  return ZipEntry{record.name, std::move(content)};
}

void append(std::string &out, uint64_t value, int size) {
  for (int i = 0; i < size; ++i)
    out += static_cast<char>(value >> (8 * i) & 255);
}

} // namespace

Result<std::vector<ZipEntry>> readZip(std::string_view archive, const std::string &where) {
  Reader reader{archive};
  Result<Directory> directory = findDirectory(reader, where);
  if (!directory)
    return directory.error();
  Result<std::vector<Record>> records = readDirectory(reader, *directory, where);
  if (!records)
    return records.error();
  std::vector<ZipEntry> entries;
  std::vector<std::pair<uint64_t, uint64_t>> used;
  std::set<std::string> names;
  for (const Record &record : *records) {
    auto head = reader.part(record.offset, 30);
    if (!head || *reader.number(record.offset, 4) != 0x04034b50)
      return damaged(where, "entry " + record.name + " has no header at byte " + std::to_string(record.offset));
    uint64_t begin = record.offset + 30 + *reader.number(record.offset + 26, 2) + *reader.number(record.offset + 28, 2);
    Result<ZipEntry> entry = readEntry(reader, record, begin, where);
    if (!entry)
      return entry.error();
    used.emplace_back(record.offset, begin + record.packed);
    if (!names.insert(entry->name).second)
      return damaged(where, "two entries are named " + entry->name);
    entries.push_back(std::move(*entry));
  }
  std::sort(used.begin(), used.end());
  for (size_t i = 0; i < used.size(); ++i)
    if (used[i].second > directory->offset || (i > 0 && used[i].first < used[i - 1].second))
      return damaged(where, "entries overlap at byte " + std::to_string(used[i].first));
  return entries;
}

Result<std::string> writeZip(const std::vector<ZipEntry> &entries) {
  std::string out, directory;
  for (const ZipEntry &entry : entries) {
    if (out.size() + entry.content.size() + directory.size() > 0xf0000000u)
      return Error("MN-IN-NPZ-LIMIT", "the arrays pass the 4 GiB that one .npz file may hold", entry.name);
    uint64_t offset = out.size(), crc = crc32_z(0, reinterpret_cast<const Bytef *>(entry.content.data()), entry.content.size());
    std::string shared; // from "version needed" to "extra length": the same in both headers
    append(shared, 20, 2);
    append(shared, 0x0800, 2); // names are UTF-8
    append(shared, 0, 2);
    append(shared, 0, 2);
    append(shared, 0x0021, 2); // 1 January 1980, so that equal arrays give equal files
    append(shared, crc, 4);
    append(shared, entry.content.size(), 4);
    append(shared, entry.content.size(), 4);
    append(shared, entry.name.size(), 2);
    append(shared, 0, 2);
    append(out, 0x04034b50, 4);
    out += shared + entry.name + entry.content;
    append(directory, 0x02014b50, 4);
    append(directory, 20, 2);
    directory += shared;
    append(directory, 0, 2); // comment
    append(directory, 0, 4); // disk, internal attributes
    append(directory, 0, 4); // external attributes
    append(directory, offset, 4);
    directory += entry.name;
  }
  uint64_t offset = out.size();
  out += directory;
  append(out, 0x06054b50, 4);
  append(out, 0, 4);
  append(out, entries.size(), 2);
  append(out, entries.size(), 2);
  append(out, directory.size(), 4);
  append(out, offset, 4);
  append(out, 0, 2);
  return out;
}

} // namespace manaslu::driver
