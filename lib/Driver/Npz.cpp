// NumPy's .npz: .npy arrays in a zip archive. Reads what NumPy writes, refuses pickles, writes what NumPy reads.
#include "lib/Driver/Files.h"
#include "lib/Driver/Zip.h"
#include "manaslu/HostArray.h"

#include <cstring>

namespace manaslu {

using driver::ZipEntry;

namespace {

struct TypeEntry {
  HostType type;
  std::string_view name, descr;
  int64_t size;
};

constexpr TypeEntry kTypes[] = {
    {HostType::F16, "float16", "<f2", 2}, {HostType::BF16, "bfloat16", "|V2", 2}, {HostType::F32, "float32", "<f4", 4}, {HostType::F64, "float64", "<f8", 8},
    {HostType::I8, "int8", "|i1", 1},     {HostType::I16, "int16", "<i2", 2},     {HostType::I32, "int32", "<i4", 4},   {HostType::I64, "int64", "<i8", 8},
    {HostType::U8, "uint8", "|u1", 1},    {HostType::Bool, "bool", "|b1", 1},
};

const TypeEntry &entryOf(HostType type) { return kTypes[static_cast<int>(type)]; }

Error badArray(const std::string &where, const std::string &what) { return Error("MN-IN-NPZ-ARRAY", what, where); }

/// The header of an .npy file: a Python dictionary with three keys, written by NumPy in one form only.
struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;
};

/// Scans the dictionary's text; positions only move forward, nothing is evaluated.
class HeaderParser {
public:
  HeaderParser(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {}

  Result<Header> parse() {
    Header header;
    bool descr = false, order = false, shape = false;
    if (!take("{"))
      return bad();
    while (!take("}")) {
      auto key = quoted();
      if (!key || !take(":"))
        return bad();
      if (*key == "descr" && !descr) {
        auto value = quoted();
        if (!value)
          return badArray(where_, "holds a structured or object array; plain numbers are read");
        header.descr = *value;
        descr = true;
      } else if (*key == "fortran_order" && !order) {
        header.fortran = take("True");
        if (!header.fortran && !take("False"))
          return bad();
        order = true;
      } else if (*key == "shape" && !shape) {
        if (Status parsed = parseShape(header.shape); !parsed)
          return parsed.error();
        shape = true;
      } else {
        return badArray(where_, "its header has the key " + *key + " unknown or twice");
      }
      take(",");
    }
    skip();
    if (!descr || !order || !shape || at_ != text_.size())
      return bad();
    return header;
  }

private:
  Error bad() const { return badArray(where_, "its header is damaged at character " + std::to_string(at_)); }

  Status parseShape(std::vector<int64_t> &shape) {
    if (!take("("))
      return bad();
    int64_t elements = 1;
    while (!take(")")) {
      skip();
      size_t begin = at_;
      int64_t size = 0;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9')
        if (__builtin_mul_overflow(size, 10, &size) || __builtin_add_overflow(size, text_[at_++] - '0', &size))
          return badArray(where_, "a dimension is too large");
      if (begin == at_)
        return bad();
      shape.push_back(size);
      if (shape.size() > 8)
        return badArray(where_, "has more than 8 dimensions");
      if (__builtin_mul_overflow(elements, size, &elements))
        return badArray(where_, "its number of elements is too large");
      take(",");
    }
    return {};
  }

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n'))
      ++at_;
  }
  bool take(std::string_view word) {
    skip();
    if (text_.substr(at_, word.size()) != word)
      return false;
    at_ += word.size();
    return true;
  }
  std::optional<std::string> quoted() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
      return std::nullopt;
    size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos || end - at_ > 32)
      return std::nullopt;
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }

  std::string_view text_;
  std::string where_;
  size_t at_ = 0;
};

std::optional<HostType> typeFromDescr(std::string_view descr) {
  if (descr.size() < 2)
    return std::nullopt;
  if (descr == "<V2")
    return HostType::BF16;
  for (const TypeEntry &entry : kTypes)
    if (descr.substr(1) == entry.descr.substr(1) &&
        (descr[0] == entry.descr[0] || (entry.size == 1 && descr[0] == '<') || (descr[0] == '=' && entry.descr[0] == '<')))
      return entry.type;
  return std::nullopt;
}

/// Fortran order (first index fastest) to C order.
void toRowMajor(HostArray &array) {
  int64_t size = sizeOf(array.type), count = array.elements(), rank = static_cast<int64_t>(array.shape.size());
  std::vector<std::byte> source = std::move(array.data);
  array.data.resize(source.size());
  std::vector<int64_t> index(rank, 0), strides(rank, 1);
  for (int64_t d = 1; d < rank; ++d)
    strides[d] = strides[d - 1] * array.shape[d - 1];
  for (int64_t i = 0, from = 0; i < count; ++i) {
    std::memcpy(array.data.data() + i * size, source.data() + from * size, size);
    for (int64_t d = rank - 1; d >= 0; --d) {
      from += strides[d];
      if (++index[d] < array.shape[d])
        break;
      from -= strides[d] * array.shape[d];
      index[d] = 0;
    }
  }
}

Result<HostArray> readNpy(std::string_view file, const std::string &where) {
  if (file.size() < 10 || file.substr(0, 6) != std::string_view("\x93NUMPY", 6))
    return badArray(where, "is not an .npy array");
  int version = static_cast<unsigned char>(file[6]);
  size_t lengthBytes = version == 1 ? 2 : 4, start = 8 + lengthBytes, length = 0;
  if (version < 1 || version > 3)
    return badArray(where, "has .npy version " + std::to_string(version) + "; 1 to 3 are read");
  if (file.size() < start)
    return badArray(where, "is cut off in its header");
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= static_cast<size_t>(static_cast<unsigned char>(file[8 + i])) << (8 * i);
  if (length > file.size() - start)
    return badArray(where, "is cut off in its header of " + std::to_string(length) + " bytes");
  Result<Header> header = HeaderParser(file.substr(start, length), where).parse();
  if (!header)
    return header.error();
  auto type = typeFromDescr(header->descr);
  if (!type)
    return badArray(where, "has elements of type " + header->descr + "; little-endian f2 f4 f8 i1 i2 i4 i8 u1 b1 and V2 (bfloat16) are read");
  HostArray array{*type, header->shape, {}};
  std::string_view data = file.substr(start + length);
  __int128 bytes = static_cast<__int128>(array.elements()) * sizeOf(*type);
  if (bytes != static_cast<__int128>(data.size()))
    return badArray(where, "has " + std::to_string(data.size()) + " bytes of data for " + describe(*type, array.shape));
  array.data.resize(data.size());
  if (!data.empty())
    std::memcpy(array.data.data(), data.data(), data.size());
  if (header->fortran && array.shape.size() > 1)
    toRowMajor(array);
  return array;
}

std::string writeNpy(const HostArray &array) {
  std::string shape = "(";
  for (int64_t size : array.shape)
    shape += std::to_string(size) + ", ";
  if (array.shape.size() > 1)
    shape.resize(shape.size() - 2);
  else if (array.shape.size() == 1)
    shape.resize(shape.size() - 1);
  std::string header = "{'descr': '" + std::string(entryOf(array.type).descr) + "', 'fortran_order': False, 'shape': " + shape + "), }";
  size_t total = 10 + header.size() + 1;
  header += std::string((64 - total % 64) % 64, ' ') + "\n";
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out.append(reinterpret_cast<const char *>(array.data.data()), array.data.size());
  return out;
}

} // namespace

int64_t sizeOf(HostType type) { return entryOf(type).size; }
std::string_view nameOf(HostType type) { return entryOf(type).name; }

std::optional<HostType> hostTypeFromName(std::string_view name) {
  for (const TypeEntry &entry : kTypes)
    if (entry.name == name)
      return entry.type;
  return std::nullopt;
}

std::string describe(HostType type, const std::vector<int64_t> &shape) {
  std::string out = std::string(nameOf(type)) + "[";
  for (size_t i = 0; i < shape.size(); ++i)
    out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

Result<NamedArrays> readNpz(const std::string &path) {
  Result<std::string> file = driver::readFile(path);
  if (!file)
    return file.error();
  Result<std::vector<ZipEntry>> entries = driver::readZip(*file, path);
  if (!entries)
    return entries.error();
  NamedArrays arrays;
  for (ZipEntry &entry : *entries) {
    std::string name = entry.name.ends_with(".npy") ? entry.name.substr(0, entry.name.size() - 4) : entry.name;
    Result<HostArray> array = readNpy(entry.content, path + ", array " + name);
    if (!array)
      return array.error();
    entry.content.clear();
    entry.content.shrink_to_fit();
    arrays.emplace_back(std::move(name), std::move(*array));
  }
  return arrays;
}

Status writeNpz(const std::string &path, const NamedArrays &arrays) {
  std::vector<ZipEntry> entries;
  for (const auto &[name, array] : arrays)
    entries.push_back({name + ".npy", writeNpy(array)});
  Result<std::string> archive = driver::writeZip(entries);
  return archive ? driver::writeFile(path, *archive) : Status(archive.error());
}

} // namespace manaslu
