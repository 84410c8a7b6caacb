// The zip container under .npz: checked reading of a whole archive in memory, and plain writing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// One entry of an archive.
struct ZipEntry {
  std::string name;
  std::string content;
};

/// The entries of an archive, unpacked and checked against their CRC. Limits: 65536 entries, names of 255 bytes, a deflate ratio of 200:1 (plus 64 KiB an
/// entry). Errors: MN-IN-NPZ-ZIP (structure, overlap, encryption, CRC), MN-IN-NPZ-LIMIT. `where` names the file in messages.
Result<std::vector<ZipEntry>> readZip(std::string_view archive, const std::string &where);

/// An archive of stored entries with a fixed date. Error: MN-IN-NPZ-LIMIT when it would pass 4 GiB.
Result<std::string> writeZip(const std::vector<ZipEntry> &entries);

} // namespace manaslu::driver
